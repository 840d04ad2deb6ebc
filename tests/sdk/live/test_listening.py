"""Speech as it is spoken: partials that grow, finals at pauses, in order; detector and recognizer are faked."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from duomo.errors import BadInput
from duomo.inputs.live import Arrival
from duomo.live import Listener, listen

RATE = 16_000


def loud(sound):
    """Stretches louder than nothing, as a detector of voices gives them."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (np.abs(sound[0]) > 0.05).astype(int), [0]])))
    spans = [SimpleNamespace(start=a / RATE, end=b / RATE) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return SimpleNamespace(segments=spans)


def words(sound):
    """A word for each half second of loud sound, whose level says which; the last may be half heard."""
    heard = sound[0][np.abs(sound[0]) > 0.05]
    found = [f"w{round(float(heard[at]) * 10)}" for at in range(0, len(heard), RATE // 2)]
    return SimpleNamespace(text=" ".join(found))


def speech(*parts):
    """Sound of (level, seconds), in pieces of a tenth of a second."""
    whole = np.concatenate([np.full(int(seconds * RATE), level, np.float32) for level, seconds in parts])
    return [whole[at : at + RATE // 10] for at in range(0, len(whole), RATE // 10)]


def events(pieces, **settings):
    listener = Listener(words, loud, **settings)
    return [*(event for piece in pieces for event in listener.push(piece)), *listener.finish()]


def test_two_turns_give_partials_and_finals_in_order():
    found = events(speech((0, 1), (0.1, 1), (0.2, 1), (0.3, 0.5), (0, 1.5), (0.4, 1), (0, 1.5)))
    kinds = [each.kind for each in found]
    assert kinds[0] == "speech_started"
    assert kinds.count("final") == kinds.count("speech_started") == kinds.count("speech_stopped") == 2
    finals = [each for each in found if each.kind == "final"]
    assert [each.text for each in finals] == ["w1 w1 w2 w2 w3", "w4 w4"]
    assert finals[0].end == pytest.approx(3.5, abs=0.01)
    assert 0.6 < finals[0].start <= 1.0
    partials = [each for each in found[: kinds.index("final")] if each.kind == "partial"]
    assert len(partials) >= 2
    ends = [each.end for each in partials]
    assert ends == sorted(ends)
    for before, after in itertools.pairwise(partials):
        assert after.agreed.startswith(before.agreed)
        assert "w1 w1 w2 w2 w3".startswith(after.agreed)
    assert partials[-1].agreed


def test_silence_gives_nothing_and_is_not_kept():
    listener = Listener(words, loud)
    for piece in speech((0, 20)):
        assert list(listener.push(piece)) == []
    assert list(listener.finish()) == []


def test_a_turn_without_a_pause_is_cut_before_the_recognizer_hears_too_little():
    found = events(speech((0.1, 60)), partial_s=0)
    finals = [each for each in found if each.kind == "final"]
    assert len(finals) == 3
    assert max(each.end - each.start for each in finals) < 30
    assert sum(len(each.text.split()) for each in finals) == pytest.approx(120, abs=3)


def test_bytes_of_16_bit_samples_are_sound_and_text_is_not():
    pieces = [(piece * 32767).astype("<i2").tobytes() for piece in speech((0, 0.5), (0.2, 1), (0, 1))]
    found = list(listen(Listener(words, loud), [Arrival(each, 0.0) for each in pieces]))
    assert [each.text for each in found if each.kind == "final"] == ["w2 w2"]
    assert found[0].age_s > 0
    for value in ("hello", b"odd"):
        with pytest.raises(BadInput, match="where sound is expected"):
            list(listen(Listener(words, loud), [Arrival(value, 0.0)]))
