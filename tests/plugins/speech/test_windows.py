"""Cutting at pauses, with a detector whose probabilities the test decides."""

import itertools

import numpy as np
import pytest

from duomo.errors import InputTooLong
from duomo.tasks.speech import Segment, SpeechRecognitionOptions, Transcript
from duomo.tasks.speech.windows import join
from duomo_speech.silero import FRAME, SAMPLING_RATE
from duomo_speech.windows import WINDOW_S, speech_windows

OPTIONS = SpeechRecognitionOptions.parse({})


class Detector:
    """Hears speech in the given stretches of seconds, least of all at the given moments."""

    def __init__(self, *stretches: tuple[float, float], weak: tuple[float, ...] = ()) -> None:
        self.stretches, self.weak = stretches, weak

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        clock = np.arange(-(-len(samples) // FRAME)) * FRAME / SAMPLING_RATE
        found = np.zeros(len(clock), np.float32)
        for start, end in self.stretches:
            found[(clock >= start) & (clock < end)] = 0.9
        for moment in self.weak:
            found[np.abs(clock - moment).argmin()] = 0.6
        return found


def cut(seconds: float, detector: Detector, options: SpeechRecognitionOptions = OPTIONS) -> list[tuple[float, float]]:
    windows = speech_windows(np.zeros(int(seconds * SAMPLING_RATE), np.float32), detector, options)  # type: ignore[arg-type]
    return [(window.start_s, window.end_s) for window in windows]


def test_short_pauses_stay_inside_a_window_and_long_ones_do_not():
    windows = cut(40, Detector((1, 4), (5, 9), (20, 25)))
    assert windows == [pytest.approx((0.8, 9.2), abs=0.05), pytest.approx((19.8, 25.2), abs=0.05)]


def test_a_window_is_never_longer_than_the_network_hears():
    windows = cut(100, Detector(*((at, at + 6.5) for at in range(0, 98, 7))))
    assert len(windows) == 4
    assert all(end - start <= WINDOW_S for start, end in windows)


def test_speech_without_a_pause_is_cut_where_it_is_weakest_and_nothing_is_lost():
    windows = cut(70, Detector((0, 70), weak=(22, 47)))
    assert windows == [
        pytest.approx((0, 22), abs=0.04),
        pytest.approx((22, 47), abs=0.04),
        pytest.approx((47, 70), abs=0.04),
    ]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(windows))


def test_no_speech_gives_no_window():
    assert cut(10, Detector()) == []


def test_what_does_not_fit_one_window_is_refused_on_request():
    strict = SpeechRecognitionOptions.parse({"long": "error"})
    assert len(cut(60, Detector((1, 20)), strict)) == 1
    with pytest.raises(InputTooLong, match="39 s"):
        cut(60, Detector((1, 20), (30, 39.6)), strict)


def test_transcripts_of_windows_are_joined_without_gaps():
    parts = [
        Transcript(text=text, segments=[Segment(start=0, end=1, text=text)] if text else []) for text in ("a", "", "b")
    ]
    assert join(parts).text == "a b"
    assert len(join(parts).segments) == 2
    assert join([]) == Transcript(text="", segments=[])
