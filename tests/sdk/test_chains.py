"""Chains are ordinary Python: the result of one task goes into the next, with real models."""

from typing import Any

import pytest

import duomo
from duomo.testing.samples import pages

pytestmark = [pytest.mark.embedded, pytest.mark.slow]


def test_what_is_said_is_written_down_split_and_said_again() -> None:
    speech = duomo.run("text-to-speech", "The clinic in Boston opens at nine. Bring your papers.")
    transcript = duomo.run("automatic-speech-recognition", speech.wav)
    assert "clinic in Boston" in transcript.text
    keywords = duomo.run("keyword-extraction", transcript, top_k=3)
    assert any("clinic" in each.text.lower() for each in keywords.keywords)
    again = duomo.run("text-to-speech", transcript)
    assert again.duration == pytest.approx(speech.duration, rel=0.3)
    # Times travel along: who said it is asked of another result by the same times.
    voices: Any = duomo.run("speaker-diarization", speech.wav)
    assert {voices.speaker_at(each.start, each.end) for each in transcript.segments} == {"speaker-1"}


def test_a_page_that_was_read_is_searched() -> None:
    page = duomo.run("optical-character-recognition", pages()[1])
    assert "99.50" in page.text
    found = duomo.run("sentence-similarity", {"source": "the total sum", "sentences": page.text.splitlines()})
    assert len(found.scores) == len(page.text.splitlines())
    assert duomo.run("language-identification", page).labels
