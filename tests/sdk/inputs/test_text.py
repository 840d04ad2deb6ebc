"""Every way to hand in a text, a chat or a pair, and every one that is refused."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from duomo.errors import BadInput, InputMissing, InputTooLarge, InputUnreadable
from duomo.inputs import AudioPair, Comparison, Image, Prompt, Text, TextOrImage, TextPair
from duomo.inputs.limits import Limits
from duomo.inputs.text import BLANKS


def test_every_shape_of_one_text_is_the_same_text(tmp_path, opened):
    path = tmp_path / "a.txt"
    path.write_text("Grüße, 世界", "utf-8")
    shapes = ["Grüße, 世界", path, path.read_bytes(), bytearray(path.read_bytes()), opened(path, "rb"), opened(path)]
    shapes += [io.StringIO("Grüße, 世界"), {"text": "Grüße, 世界"}, Text.accept(path)]
    assert {str(Text.accept(shape)) for shape in shapes} == {"Grüße, 世界"}
    assert Text.accept(path).name == str(path)


def test_a_str_is_the_text_itself_even_if_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("hello").write_text("goodbye")
    assert Text.accept("hello") == "hello"


def test_a_byte_order_mark_is_not_part_of_the_text():
    assert Text.accept(b"\xef\xbb\xbfhello") == "hello"


@given(st.text(min_size=1).filter(lambda text: text.strip(BLANKS)))
def test_a_text_is_kept_letter_by_letter(value):
    assert Text.accept(value) == value


def test_a_text_keeps_its_name_across_processes(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    copy = pickle.loads(pickle.dumps(Text.accept(tmp_path / "a.txt")))
    assert copy == "hello"
    assert copy.name == str(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "value", ["", "   \n\t", b"", {"text": ""}, "\u200b", " \ufeff\u00a0\u00ad\u200e", "\u3164", "\u200d\ufe0f"]
)
def test_an_empty_text_is_refused(value):
    with pytest.raises(InputUnreadable, match="this text is empty"):
        Text.accept(value)


def test_a_text_that_is_not_utf8_is_refused_with_the_byte_and_the_command_that_converts_it():
    with pytest.raises(InputUnreadable) as caught:
        Text.accept("Grüße".encode("latin-1"))
    assert "0xfc at position 2" in caught.value.why
    assert "iconv" in caught.value.fix


def test_a_missing_text_file_is_refused(tmp_path):
    with pytest.raises(InputMissing):
        Text.accept(tmp_path / "a.txt")


def test_a_text_over_the_limit_is_refused(config):
    config("[limits]\ntext_chars = 10")
    with pytest.raises(InputTooLarge, match="11 characters"):
        Text.accept("x" * 11)


def test_a_file_that_can_only_be_over_the_limit_is_refused_unread(config, tmp_path, monkeypatch):
    config("[limits]\ntext_chars = 10")
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "😺".encode() * 10)
    assert Text.accept(path) == "😺" * 10, "as long as the limit allows"
    path.write_bytes(b"x" * 45)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(InputTooLarge, match="45 bytes"):
        Text.accept(path)


def test_a_text_made_by_hand_has_no_name():
    assert Text("x").name == ""
    assert Text("x", "a.txt").name == pickle.loads(pickle.dumps(Text("x", "a.txt"))).name == "a.txt"


@pytest.mark.parametrize("value", [3, ["a"], {"label": "a"}, object()])
def test_what_is_no_text_is_refused(value):
    with pytest.raises(BadInput, match=f"not {type(value).__name__}"):
        Text.accept(value)


def test_a_text_that_is_missing_is_called_so():
    with pytest.raises(BadInput, match="a text is expected, and there is none"):
        Text.accept(None)


def test_a_text_becomes_a_chat_of_one_message():
    assert Prompt.accept("Hi").messages == ({"role": "user", "content": "Hi"},)
    assert Prompt.accept("Hi").text == "Hi"


def test_a_chat_is_taken_as_a_list_or_in_a_mapping():
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "Ada"}]
    assert Prompt.accept(chat) == Prompt.accept({"messages": chat})
    assert Prompt.accept(chat).messages[1] == {"role": "user", "content": "Hi"}
    assert "name" in chat[1], "the caller's messages were changed"
    assert Prompt.accept(Prompt.accept(chat)).messages == Prompt.accept(chat).messages


@pytest.mark.parametrize(
    "value", [[], [{"role": "user"}], [{"role": "robot", "content": "x"}], ["Hi"], [{"role": "user", "content": 3}]]
)
def test_a_chat_that_is_not_one_is_refused_with_one_that_is(value):
    with pytest.raises(BadInput) as caught:
        Prompt.accept(value)
    assert '"role": "user"' in caught.value.fix


def test_a_prompt_may_say_how_many_tokens_it_wants():
    chat = [{"role": "user", "content": "Hi"}]
    assert Prompt.accept({"text": "Hi", "max_new_tokens": 5}) == Prompt(tuple(chat), "Hi", max_new_tokens=5)
    assert Prompt.accept({"messages": chat, "max_new_tokens": 5}).max_new_tokens == 5
    assert Prompt.accept({"text": "Hi", "max_new_tokens": None}).max_new_tokens is None
    for value in (0, -1, 2.0, "5", True):
        with pytest.raises(BadInput, match="max_new_tokens of a prompt"):
            Prompt.accept({"text": "Hi", "max_new_tokens": value})


def test_pairs_are_taken_as_tuples_lists_and_mappings():
    assert (
        TextPair.accept(("a", "b")) == TextPair.accept(["a", "b"]) == TextPair.accept({"text": "a", "text_pair": "b"})
    )
    sound = (np.zeros(10), 16_000)
    assert AudioPair.accept((sound, sound)).second.sampling_rate == 16_000
    assert AudioPair.accept({"audio": sound, "audio_pair": sound}).first.sampling_rate == 16_000


def test_a_comparison_takes_one_text_and_several():
    comparison = Comparison.accept(("a cat", ["a kitten", "a lorry"]))
    assert comparison == Comparison.accept({"source": "a cat", "sentences": ("a kitten", "a lorry")})
    assert comparison.sentences == ("a kitten", "a lorry")


@pytest.mark.parametrize("value", ["a", ("a",), ("a", "b", "c"), {"text": "a"}, None])
def test_what_is_no_pair_is_refused(value):
    with pytest.raises(BadInput, match="a pair of texts is expected"):
        TextPair.accept(value)


@pytest.mark.parametrize("sentences", ["a kitten", [], ()])
def test_a_comparison_needs_a_list_of_texts(sentences):
    with pytest.raises(BadInput, match="must be a list"):
        Comparison.accept(("a cat", sentences))


@pytest.mark.parametrize("sentences", [5, None, [3], [""]])
def test_a_comparison_with_something_else_is_bad_input_and_not_a_crash(sentences):
    with pytest.raises(BadInput):
        Comparison.accept(("a cat", sentences))


def test_a_str_is_a_text_and_a_path_is_a_picture(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"x")
    assert TextOrImage.accept("a cat").text == "a cat"
    assert TextOrImage.accept({"text": "a cat"}).image is None
    for value in (path, {"image": str(path)}, Image.accept(path)):
        assert TextOrImage.accept(value).name == str(path)
        assert TextOrImage.accept(value).text is None


@pytest.mark.parametrize("value", [{}, {"text": "a", "image": "b.png"}])
def test_a_mapping_holds_either_a_text_or_a_picture(value):
    with pytest.raises(BadInput, match="either a text or an image"):
        TextOrImage.accept(value)


def test_half_a_character_is_refused_before_it_ends_a_whole_run():
    with pytest.raises(InputUnreadable, match="half a character") as caught:
        Text.accept("cut off emoji \ud83d")
    assert caught.value.why == r"'\ud83d' at position 14 is a surrogate without its other half"
    assert Text.accept("\U0001f63a") == "😺"


def test_a_message_of_a_chat_is_read_as_carefully_as_a_text(monkeypatch):
    with pytest.raises(InputUnreadable, match="half a character"):
        Prompt.accept([{"role": "user", "content": "a\ud83d"}])
    monkeypatch.setattr("duomo.inputs.text.limits", lambda: Limits(text_chars=5))
    with pytest.raises(InputTooLarge, match="6 characters"):
        Prompt.accept([{"role": "user", "content": "abcdef"}])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_utf16_without_its_mark_is_refused_and_not_read_with_zeros_between_the_letters(encoding):
    with pytest.raises(InputUnreadable, match="is not UTF-8"):
        Text.accept("a plain text".encode(encoding))
    assert Text.accept(b"one\0zero in a record") == "one\0zero in a record"
