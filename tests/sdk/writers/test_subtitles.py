"""Subtitles, read back by parsers that take nothing but what the formats allow."""

import html
import re

import pytest
from hypothesis import example, given, strategies as st

from duomo.errors import BadInput, UsageProblem
from duomo.outcome import ItemError, Meta, outcome_of
from duomo.serving.sound import write_transcript
from duomo.tasks.results import Classification
from duomo.tasks.speech import Segment, Transcript
from duomo.writers import open_writer

META = Meta("automatic-speech-recognition", "fake/scribe")


def transcript(*segments: tuple[float, float, str]) -> Transcript:
    text = " ".join(each for _, _, each in segments)
    return Transcript(text=text, segments=[Segment(start=a, end=b, text=c) for a, b, c in segments])


def written(path, result) -> str:
    with open_writer(path, Transcript) as writer:
        writer.write(outcome_of(0, "call.wav", result, None, META))
    return path.read_bytes().decode()


def parse_time(text: str, mark: str) -> int:
    hours, minutes, seconds, ms = re.fullmatch(
        rf"(\d{{2,}}):([0-5]\d):([0-5]\d){re.escape(mark)}(\d{{3}})", text
    ).groups()
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(ms)


def parse(text: str, mark: str) -> list[tuple[int, int, str]]:
    """Cues: a number, a line of times, one line or more of text without an arrow, and an empty line."""
    cues = []
    for number, block in enumerate(text.split("\n\n")[:-1], 1):
        name, times, *lines = block.split("\n")
        assert name == str(number)
        start, arrow, end = times.split(" ")
        assert arrow == "-->"
        assert lines
        assert all(line.strip() and "-->" not in line for line in lines)
        cues.append((parse_time(start, mark), parse_time(end, mark), "\n".join(lines)))
        assert cues[-1][0] < cues[-1][1]
    assert text.endswith("\n\n") or not cues
    return cues


def parse_vtt(text: str) -> list[tuple[int, int, str]]:
    head, _, rest = text.partition("\n\n")
    assert head == "WEBVTT"
    cues = parse(rest, ".")
    for _, _, line in cues:
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", line)
    return [(start, end, html.unescape(line)) for start, end, line in cues]


def test_segments_are_cues_with_their_times(tmp_path):
    result = transcript((0.0, 1.25, "Hello,"), (1.25, 3599.9996, "it is <me> & --> you"), (3661.5, 3662, "good\n\nbye"))
    assert parse(written(tmp_path / "a.srt", result), ",") == [
        (0, 1250, "Hello,"),
        (1250, 3_600_000, "it is <me> & -> you"),
        (3_661_500, 3_662_000, "good bye"),
    ]
    assert parse_vtt(written(tmp_path / "a.vtt", result))[1:] == [
        (1250, 3_600_000, "it is <me> & --> you"),
        (3_661_500, 3_662_000, "good bye"),
    ]


def test_a_server_gives_the_cues_of_a_file(tmp_path):
    result = transcript((0.0, 1.25, "AT&T said <v Bob> --> go"), (1.25, 1.25, "good\n\nbye"), (2.0, 3.0, " "))
    for kind in ("srt", "vtt"):
        served, _ = write_transcript(result, kind, "transcribe", 3.0)
        file = written(tmp_path / f"a.{kind}", result)
        assert f"{served}\n" == (file if kind == "srt" else re.sub(r"(?m)^\d+\n", "", file))


SEGMENT = st.tuples(st.floats(-1, 4e5), st.floats(-1, 4e5), st.text(max_size=12))


@given(segments=st.lists(SEGMENT, max_size=4))
@example(segments=[(0.0, 1.0, "left --- right ---> on")])
def test_whatever_was_said_a_strict_reader_takes_it(tmp_path_factory, segments):
    folder = tmp_path_factory.mktemp("subtitles")
    result = transcript(*segments)
    spoken = [" ".join(text.split()) for _, _, text in segments if text.split()]
    assert [text for _, _, text in parse_vtt(written(folder / "a.vtt", result))] == spoken
    srt = parse(written(folder / "a.srt", result), ",")
    assert [text for _, _, text in srt] == [re.sub("-+->", "->", text) for text in spoken]


def test_nothing_said_is_an_empty_file(tmp_path):
    assert written(tmp_path / "a.srt", transcript()) == ""
    assert written(tmp_path / "a.vtt", transcript()) == "WEBVTT\n\n"


def test_a_second_transcript_has_no_place_in_the_file(tmp_path):
    with open_writer(tmp_path / "a.srt", Transcript) as writer:
        writer.write(outcome_of(0, "gone.wav", None, ItemError.of(BadInput("gone")), META))
        writer.write(outcome_of(1, "a.wav", transcript((0, 1, "a")), None, META))
        with pytest.raises(UsageProblem, match="holds one transcript"):
            writer.write(outcome_of(2, "b.wav", transcript((0, 1, "b")), None, META))
    assert parse((tmp_path / "a.srt").read_text(), ",") == [(0, 1000, "a")]


def test_a_result_without_times_is_refused_before_a_file_is_made(tmp_path):
    with pytest.raises(UsageProblem, match="a Classification cannot be written as subtitles"):
        open_writer(tmp_path / "a.vtt", Classification)
    assert not (tmp_path / "a.vtt").exists()
