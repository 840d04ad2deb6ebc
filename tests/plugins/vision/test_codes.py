"""Codes that were written are read again: what they say, where they are, in any direction."""

from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import zxingcpp

import duomo
from duomo.errors import BadOption


def picture(
    text: str | bytes, kind: str = "QRCode", size: tuple[int, int] = (640, 480), at: tuple[int, int] = (60, 40)
) -> Any:
    code: Any = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    drawn = PIL.Image.fromarray(np.array(zxingcpp.write_barcode_to_image(code, scale=4)))
    page = PIL.Image.new("RGB", size, "white")
    page.paste(drawn, at)
    return page


@pytest.fixture(scope="module")
def reader() -> duomo.Runner[Any]:
    return duomo.load("barcode-reading", "vision/zxing")


@pytest.mark.equals("the package's own reading, the same", "barcode-reading")
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("QRCode", "多模 duomo"),
        ("DataMatrix", "lot 7"),
        ("Aztec", "seat 12A"),
        ("EAN13", "5901234123457"),
        ("Code128", "A-17"),
    ],
)
@pytest.mark.parametrize("turn", [0, 90, 180])
def test_a_code_says_what_was_written(reader: duomo.Runner[Any], kind: str, text: str, turn: int) -> None:
    page = picture(text, kind).rotate(turn, expand=True)
    result = reader(page)
    assert [(code.text, code.format) for code in result.codes] == [(text, kind)]
    assert (result.width, result.height) == page.size
    assert result.text == text
    [own] = zxingcpp.read_barcodes(np.asarray(page))
    corners = [getattr(own.position, name) for name in ("top_left", "top_right", "bottom_right", "bottom_left")]
    assert [tuple(each) for each in result.codes[0].corners] == [(each.x, each.y) for each in corners]


def test_corners_go_round_the_code_in_the_pixels_of_the_picture(reader: duomo.Runner[Any]) -> None:
    page = picture("hello", at=(100, 60))
    dark = np.argwhere(np.asarray(page.convert("L")) < 128)
    (top, left), (bottom, right) = dark.min(0), dark.max(0)
    [code] = reader(page).codes
    expected = [(left, top), (right, top), (right, bottom), (left, bottom)]
    np.testing.assert_allclose(code.corners, expected, atol=4)


def test_codes_of_a_page_come_from_top_to_bottom_and_only_kinds_that_are_asked_for(reader: duomo.Runner[Any]) -> None:
    page = picture("below", size=(640, 900), at=(40, 600))
    page.paste(picture("5901234123457", "EAN13"), (0, 0))
    assert [code.text for code in reader(page).codes] == ["5901234123457", "below"]
    assert [code.text for code in reader(page, formats="QRCode").codes] == ["below"]
    with pytest.raises(BadOption, match="no kind of code named 'QRCod'") as caught:
        reader(page, formats=["QRCod"])
    assert "QRCode" in caught.value.fix


def test_a_picture_without_codes_has_none_and_a_damaged_one_is_an_error(reader: duomo.Runner[Any]) -> None:
    none, bad, good = reader.map([PIL.Image.new("RGB", (50, 40)), b"no picture", picture("hello")], batch_size=3)
    assert none.unwrap().codes == []
    assert not bad.ok
    assert good.unwrap().text == "hello"


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("]C1\x1d0109\x1dend", "]C1\x1d0109\x1dend"),  # what parts the numbers of a delivery note
        ("a\x00b<GS>", "a\x00b<GS>"),
        (b"\xff\xfe\x00\x80bytes", b"\xff\xfe\x00\x80bytes".decode("latin-1")),
        ("BEGIN:VCARD\r\nN:Doe", "BEGIN:VCARD\r\nN:Doe"),
    ],
)
def test_characters_that_do_not_print_are_those_that_were_written(
    reader: duomo.Runner[Any], written: str | bytes, text: str
) -> None:
    assert [code.text for code in reader(picture(written)).codes] == [text]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("ITF", "12345678"), ("ITF", "15400141288763"), ("UPCE", "04252614"), ("UPCA", "036000291452")],
)
def test_slanted_line_codes_are_read_as_printed_once_or_not_at_all(
    reader: duomo.Runner[Any], kind: str, text: str
) -> None:
    page = picture(text, kind, (800, 320)).convert("L")
    slanted = [
        page.rotate(turn, PIL.Image.Resampling.BICUBIC, expand=True, fillcolor=255) for turn in range(0, 180, 12)
    ]
    found = [[(code.text, code.format) for code in outcome.unwrap().codes] for outcome in reader.map(slanted)]
    assert found[0] == [(text, kind)]
    assert all(each in ([], found[0]) for each in found), "no part of it, and none twice"
    assert sum(map(bool, found)) >= 3


@pytest.mark.parametrize(("kind", "text"), [("Code128", "A-17"), ("PDF417", "seat 12A"), ("QRCode", "duomo")])
def test_codes_of_light_on_dark_are_read(reader: duomo.Runner[Any], kind: str, text: str) -> None:
    light = PIL.ImageOps.invert(picture(text, kind))
    assert [code.text for code in reader(light).codes] == [text]


def test_a_number_of_upc_is_one_of_ean_where_that_is_asked_for(reader: duomo.Runner[Any]) -> None:
    page = picture("036000291452", "UPCA")
    found = [(code.text, code.format) for code in reader(page, formats="EAN13").codes]
    assert found == [("0036000291452", "EAN13")]
