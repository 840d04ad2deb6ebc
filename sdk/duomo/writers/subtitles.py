"""Transcripts as subtitles: SubRip (``.srt``) and WebVTT (``.vtt``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from duomo.counting import with_article
from duomo.errors import UsageProblem
from duomo.outcome import Outcome
from duomo.tasks.base import Result
from duomo.writers.columns import columns
from duomo.writers.text import TextWriter

if TYPE_CHECKING:
    from duomo.tasks.speech import Transcript


class SubtitleWriter(TextWriter):
    """Base class of both formats: the cues of one transcript, since the times of a second would start again at 0."""

    mark: str
    """The sign between seconds and milliseconds."""
    head = ""
    escapes: dict[str, str]
    """Patterns of what may not stand in a text, and what is written instead, in this order."""

    def write(self, outcome: Outcome[Any]) -> None:
        if outcome.result is None:
            return
        if self._kept:
            raise UsageProblem(
                "a file of subtitles holds one transcript",
                why="there are several results, and the first is in it",
                fix="write a file for each: a writer an input, or a folder  (-O FOLDER/)",
            )
        self._kept.append(outcome.id)
        self._file.write(self.head)
        for number, cue in enumerate(self.cues(outcome.result), 1):
            self._file.write(f"{number}\n{cue}\n\n")

    @classmethod
    def cues(cls, result: Transcript) -> Iterator[str]:
        """Each cue of a transcript: a line of times, and a line of text in which nothing is a sign of the format."""
        for start, end, text in _cues(result):
            for sign, instead in cls.escapes.items():
                text = re.sub(sign, instead, text)
            yield f"{cls._time(start)} --> {cls._time(end)}\n{text}"

    def _prepare(self) -> None:
        check_subtitles(self._result)

    @classmethod
    def _time(cls, ms: int) -> str:
        seconds, ms = divmod(ms, 1000)
        minutes, seconds = divmod(seconds, 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{cls.mark}{ms:03}"


class SrtWriter(SubtitleWriter):
    """SubRip: numbered cues, a comma before the milliseconds, and no way to write an arrow."""

    mark = ","
    escapes = {"-{2,}>": "->"}  # noqa: RUF012 - never changed


class VttWriter(SubtitleWriter):
    """WebVTT, as browsers read it."""

    mark = "."
    head = "WEBVTT\n\n"
    escapes = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}  # noqa: RUF012 - never changed


def check_subtitles(result: type[Result]) -> None:
    """Raise `UsageProblem` for a result class without segments that have times."""
    if "segments" not in dict(columns(result)) or "text" not in result.model_fields:
        raise UsageProblem(
            f"{with_article(result.__name__)} cannot be written as subtitles",
            why="it has no segments with times and text",
            fix="use the result of automatic-speech-recognition",
        )


def _cues(result: Transcript) -> Iterator[tuple[int, int, str]]:
    """Start and end in milliseconds, and the text on one line; segments without text are left out."""
    for segment in result.segments:
        text = " ".join(segment.text.split())  # an empty line would end the cue
        start = max(0, round(segment.start * 1000))
        if text:
            yield start, max(start + 1, round(segment.end * 1000)), text
