"""Pages of PDF files are images: in their order, by name, and refused with words where they cannot be drawn."""

import json
import pickle

import numpy as np
import PIL.Image
import pypdfium2
import pytest
from click.testing import CliRunner

from duomo.cli import cli
from duomo.cli.app import App
from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable
from duomo.inputs import Image, PageQuestion, apart, pdf
from duomo.inputs.digest import digest

COLORS = ["red", "green", "blue"]
ENCRYPTED = b"""%%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 100 100]>> endobj
4 0 obj <</Filter/Standard/V 1/R 2/O<%(key)s>/U<%(key)s>/P -44>> endobj
trailer <</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>
%%%%EOF
""" % {b"key": b"ab" * 32}

FORM = b"""%%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/DA(/F 12 Tf 0 g)/DR<</Font<</F 6 0 R>>>>%(more)s>>>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 100 40]/Annots[4 0 R]>> endobj
4 0 obj <</Type/Annot/Subtype/Widget/T(a)/Rect[0 0 50 40]/F 4%(field)s>> endobj
5 0 obj <</Type/XObject/Subtype/Form/BBox[0 0 50 40]/Length 24>>stream
0 0 1 rg 0 0 50 40 re f
endstream endobj
6 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica>> endobj
trailer <</Size 7/Root 1 0 R>>
%%%%EOF
"""


@pytest.fixture
def three(tmp_path):
    """Three pages of one inch, each of one colour."""
    first, *others = (PIL.Image.new("RGB", (72, 72), color) for color in COLORS)
    path = tmp_path / "three.pdf"
    first.save(path, save_all=True, append_images=others, resolution=72)
    return path


def colour(image):
    return [color for color in COLORS if np.abs(image.array().mean((0, 1)) - PIL.ImageColor.getrgb(color)).max() < 12]


def test_every_page_is_an_image_with_a_name(three):
    pages = Image.pages(three)
    assert [each.name for each in pages] == [f"{three}#page={at}" for at in (1, 2, 3)]
    assert [colour(each) for each in pages] == [[color] for color in COLORS]
    assert pages[0].pil().size == (200, 200)
    assert colour(Image.accept(f"{three}#page=2")) == ["green"]
    assert [colour(each) for each in Image.pages(three.read_bytes())] == [[color] for color in COLORS]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (b"", b"/FT/Tx/V(W)/AP<</N 5 0 R>>"),
        (b"", b"/FT/Btn/V/Yes/AS/Yes/AP<</N<</Yes 5 0 R>>>>"),
        (b"/NeedAppearances true", b"/FT/Tx/V(WWWWWW)/DA(/F 30 Tf 0 0 1 rg)"),
    ],
)
def test_what_was_filled_into_a_form_is_drawn(more, field):
    page = Image.accept(FORM % {b"more": more, b"field": field}).array().astype(int)
    blue = (page[..., 2] > 200) & (page[..., 0] < 60)
    half = page.shape[1] // 2
    assert blue[:, :half].mean() > 0.1
    assert (page[:, half + 2 :] == 255).all(), "beside the field the page is white"


def test_one_page_needs_no_number(tmp_path, three):
    PIL.Image.new("RGB", (72, 72), "blue").save(tmp_path / "one.pdf", resolution=72)
    assert colour(Image.accept(tmp_path / "one.pdf")) == ["blue"]
    assert colour(Image.accept((tmp_path / "one.pdf").read_bytes())) == ["blue"]
    with pytest.raises(BadInput, match="has 3 pages, and one image is expected"):
        Image.accept(three).pil()
    with pytest.raises(InputMissing, match="has no page 4"):
        Image.accept(f"{three}#page=4").pil()


def test_pages_count_from_one(three, tmp_path):
    one = tmp_path / "one.pdf"
    PIL.Image.new("RGB", (72, 72), "red").save(one, resolution=72)
    for path, number in ((three, 0), (three, 4), (one, 0), (one, 2)):
        with pytest.raises(InputMissing, match=f"has no page {number}"):
            Image.accept(f"{path}#page={number}").pil()


def test_an_open_pdf_is_a_pdf_and_one_of_another_name_is_told_to_be_renamed(three, tmp_path):
    one = tmp_path / "one.pdf"
    PIL.Image.new("RGB", (72, 72), "red").save(one, resolution=72)
    with one.open("rb") as file:
        assert colour(Image.accept(file)) == colour(Image.accept(one))
    (tmp_path / "scan").write_bytes(one.read_bytes())
    with pytest.raises(InputUnreadable, match="looks like PDF") as caught:
        Image.accept(tmp_path / "scan").pil()
    assert ".pdf" in caught.value.fix


def test_a_page_is_sent_to_workers_and_compared_by_its_content(three, tmp_path):
    page = Image.accept(f"{three}#page=3")
    assert colour(pickle.loads(pickle.dumps(page))) == ["blue"]
    copied = tmp_path / "copy.pdf"
    copied.write_bytes(three.read_bytes())
    assert PageQuestion.accept(("which?", f"{three}#page=3")).name == f"{three}#page=3"
    assert digest(page) != digest(Image.accept(f"{three}#page=2"))


def test_what_cannot_be_drawn_is_refused_with_words(tmp_path):
    with pytest.raises(InputUnreadable, match="is encrypted") as caught:
        Image.accept(ENCRYPTED).pil()
    assert "password" in caught.value.why
    (tmp_path / "no.pdf").write_bytes(b"dear diary" * 9)
    with pytest.raises(InputUnreadable, match="cannot be read as a PDF"):
        Image.accept(tmp_path / "no.pdf").pil()
    with pytest.raises(InputUnreadable, match="cannot be read as a PDF"):
        Image.pages(b"%PDF-1.4 and no more")
    pypdfium2.PdfDocument.new().save(tmp_path / "empty.pdf")
    for read in (Image.pages, lambda path: Image.accept(path).pil()):
        with pytest.raises(InputUnreadable, match="has no page"):
            read(tmp_path / "empty.pdf")
    with pytest.raises(InputMissing):
        Image.accept(tmp_path / "none.pdf#page=1")


@pytest.mark.parametrize(
    ("scheme", "word"),
    [
        (
            "/Filter/Standard/V 4/R 4/Length 128/CF<</StdCF<</CFM/AESV2/Length 16>>>>/StmF/StdCF/StrF/StdCF",
            "a password",
        ),
        (
            "/Filter/Standard/V 5/R 6/Length 256/CF<</StdCF<</CFM/AESV3/Length 32>>>>/StmF/StdCF/StrF/StdCF",
            "a password",
        ),
        ("/Filter/Adobe.PubSec/SubFilter/adbe.pkcs7.s5/V 4/R 4", "certificates"),
    ],
)
def test_a_locked_pdf_says_what_locks_it(scheme, word):
    keys = f"/O<{'ab' * 48}>/U<{'ab' * 48}>/OE<{'ab' * 32}>/UE<{'ab' * 32}>/Perms<{'ab' * 16}>"
    locked = ENCRYPTED.replace(b"/Filter/Standard/V 1/R 2", (scheme + keys).encode())
    with pytest.raises(InputUnreadable, match="is encrypted") as caught:
        Image.accept(locked).pil()
    assert word in caught.value.why


def test_a_page_of_too_many_pixels_is_not_drawn(config, three):
    config("[limits]\nimage_pixels = 1000\n")
    with pytest.raises(InputTooLarge, match="200 x 200 pixels"):
        Image.accept(f"{three}#page=1").pil()


@pytest.mark.embedded
def test_the_command_line_takes_a_file_page_by_page(three, tmp_path):
    arguments = ["run", "optical-character-recognition", str(three), "--dry-run", "-o", "jsonl"]
    assert CliRunner().invoke(cli, arguments, obj=App()).exit_code == 0
    locked = tmp_path / "locked.pdf"
    locked.write_bytes(ENCRYPTED)
    done = CliRunner().invoke(cli, ["run", "barcode-reading", str(three), str(locked), "-o", "jsonl"], obj=App())
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["id"] for each in outcomes] == [*(f"{three}#page={at}" for at in (1, 2, 3)), str(locked)]
    assert [each["ok"] for each in outcomes] == [True, True, True, False]
    assert "encrypted" in outcomes[3]["error"]["what"]


def nested(depth: int, each: int) -> bytes:
    """A page of a few hundred bytes whose drawings hold each other, so that there are each ** depth of them."""
    objects = b""
    for at in range(depth):
        content = b"/F Do " * each if at < depth - 1 else b"0 0 1 rg 0 0 50 50 re f"
        objects += (
            b"%d 0 obj <</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</F %d 0 R>>>>/Length %d>> "
            b"stream\n%s\nendstream endobj\n" % (10 + at, 11 + at, len(content), content)
        )
    return (
        b"%%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n"
        b"2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj\n"
        b"3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 5 0 R/Resources<</XObject<</F 10 0 R>>>>>> "
        b"endobj\n5 0 obj <</Length 5>> stream\n/F Do\nendstream endobj\n%strailer <</Size 40/Root 1 0 R>>\n%%%%EOF"
        % objects
    )


def test_a_page_that_is_never_finished_is_an_error_of_its_own(monkeypatch, three):
    assert Image.pages(nested(2, 2))[0].array().shape == (275, 275, 3)
    monkeypatch.setattr(pdf.CHILD, "seconds", 0.5)
    with pytest.raises(InputUnreadable, match="took more than"):
        Image.pages(nested(12, 10))[0].array()
    monkeypatch.undo()
    assert colour(Image.pages(three)[0]) == ["red"], "the next one is drawn"


def test_a_crash_of_the_library_is_an_error_of_its_own(monkeypatch, three):
    monkeypatch.setattr(pdf, "CHILD", apart.Child("antigravity_is_no_module", 30.0))
    with pytest.raises(InputUnreadable, match="ended in the middle"):
        Image.pages(three)
