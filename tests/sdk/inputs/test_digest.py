"""What makes two items the same to a store."""

import dataclasses
import io
import itertools
import os

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, strategies as st

from duomo.errors import InputUnreadable, UsageProblem
from duomo.inputs import Audio, AudioPair, Comparison, Image, Prompt, Text, TextOrImage, TextPair
from duomo.inputs.digest import digest

SOUND = np.linspace(-1, 1, 100, dtype=np.float32)


def picture(mode: str = "RGB", colour: int | tuple[int, ...] = 0, size: tuple[int, int] = (2, 3)) -> PIL.Image.Image:
    return PIL.Image.new(mode, size, colour)


def turned() -> PIL.Image.Image:
    tilted = picture()
    tilted.getexif()[0x0112] = 6
    return tilted


def other_palette() -> PIL.Image.Image:
    paletted = picture("P")
    paletted.putpalette([7, 7, 7] * 256)
    return paletted


ALL_DIFFERENT = [
    lambda: Text.accept("a"),
    lambda: Text.accept("b"),
    lambda: Text.accept("a "),
    lambda: TextPair.accept(("a", "bc")),
    lambda: TextPair.accept(("ab", "c")),
    lambda: Comparison.accept(("a", ["b", "c"])),
    lambda: Comparison.accept(("a", ["b", "c", "d"])),
    lambda: Prompt.accept("a"),
    lambda: Prompt.accept([{"role": "system", "content": "a"}]),
    lambda: TextOrImage.accept("a"),
    lambda: TextOrImage.accept({"image": b"a"}),
    lambda: Image.accept(b"a"),
    lambda: Image.accept("https://example.org/a.png"),
    lambda: Image.accept(picture()),
    lambda: Image.accept(picture(colour=1)),
    lambda: Image.accept(picture("L")),
    lambda: Image.accept(picture(size=(3, 2))),
    lambda: Image.accept(turned()),
    lambda: Image.accept(picture("P")),
    lambda: Image.accept(other_palette()),
    lambda: Image.accept(np.zeros((3, 2, 3), np.uint8)),
    lambda: Image.accept(np.zeros((2, 3, 3), np.uint8)),
    lambda: Audio.accept((SOUND, 16_000)),
    lambda: Audio.accept((SOUND, 8_000)),
    lambda: Audio.accept((SOUND.astype(np.float64), 16_000)),
    lambda: AudioPair.accept(((SOUND, 16_000), (SOUND, 8_000))),
    lambda: AudioPair.accept(((SOUND, 8_000), (SOUND, 16_000))),
]


def test_the_same_item_has_one_digest_and_different_items_have_different_ones():
    first, second = ([digest(make()) for make in ALL_DIFFERENT] for _ in range(2))
    assert first == second
    same = [(a, b) for (a, x), (b, y) in itertools.combinations(enumerate(first), 2) if x == y]
    assert same == []
    assert {len(each) for each in first} == {32}


@given(a=st.lists(st.text()), b=st.lists(st.text()))
def test_texts_run_together_differ_from_texts_apart(a, b):
    assert (digest(a) == digest(b)) == (a == b)


def test_the_name_of_an_item_does_not_count(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("hello")
    one, two = (Text.accept(tmp_path / name) for name in ("a.txt", "b.txt"))
    assert one.name != two.name
    assert digest(one) == digest(two)
    assert digest(Prompt.accept(tmp_path / "a.txt")) == digest(Prompt.accept("hello"))
    assert digest(Image(tmp_path / "a.txt")) == digest(Image(tmp_path / "b.txt", "x"))


def test_a_small_file_is_its_content_whenever_it_was_written(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"one")
    before = digest(Audio.accept(path))
    os.utime(path, (0, 0))
    assert digest(Audio.accept(path)) == before
    status = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest(Audio.accept(path)) != before, "same size and time, other content"


def test_a_large_file_is_its_path_size_and_time_of_change(tmp_path, monkeypatch):
    monkeypatch.setattr("duomo.inputs.digest.CONTENT_BYTES", 4)
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, ns=(0, 1))
    one, two = (digest(Audio.accept(tmp_path / name)) for name in ("a.wav", "b.wav"))
    assert one != two
    monkeypatch.chdir(tmp_path)
    assert digest(Audio.accept("a.wav")) == one, "from wherever it is named"
    os.utime(tmp_path / "a.wav", ns=(0, 2))
    assert digest(Audio.accept(tmp_path / "a.wav")) != one
    (tmp_path / "b.wav").write_bytes(b"1234")
    assert digest(Audio.accept(tmp_path / "b.wav")) != two


def test_a_file_that_is_gone_is_an_error_of_the_item(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"one")
    item = Audio.accept(tmp_path / "a.wav")
    (tmp_path / "a.wav").unlink()
    with pytest.raises(InputUnreadable, match=r"a\.wav") as caught:
        digest(item)
    assert caught.value.why == "No such file or directory"


def test_the_input_class_of_a_plugin_is_what_its_fields_are():
    @dataclasses.dataclass
    class Record:
        amount: float
        when: str
        tags: dict
        name: str = ""

    one = Record(1.5, "today", {"a": [1, None]})
    assert digest(one) == digest(dataclasses.replace(one, name="x"))
    assert digest(one) != digest(dataclasses.replace(one, amount=2.5))
    assert digest(one) != digest(dataclasses.replace(one, tags={"a": [1, 0]}))


def test_an_item_without_content_to_compare_says_so():
    for item in (io.BytesIO(b"a"), object()):
        with pytest.raises(UsageProblem, match="cannot be compared") as caught:
            digest(item)
        assert "leave out store=" in caught.value.fix


def test_an_array_of_objects_is_what_they_hold():
    one, two = (np.array([[1, "a"]], dtype=object) for _ in range(2))
    assert digest(one) == digest(two)
    two[0, 1] = "b"
    assert digest(one) != digest(two)
