"""Every recording people hand in, good or bad: a bad one costs no other its result."""

import io

import numpy as np
import pytest
import soundfile

pytestmark = pytest.mark.embedded
RATE = 16_000


def wav(samples: np.ndarray, rate: int, **how: str) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="WAV", **how)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Recordings that cannot be used, by the code of their error and a word of its explanation."""
    folder = tmp_path_factory.mktemp("bad")
    files = {
        "zero.wav": wav(np.zeros(0), RATE),
        "text.wav": b"these are words, not sound\n" * 40,
        "apple.m4a": b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00M4A mp42isom" + bytes(2000),
        "empty.wav": b"",
        "cut.flac": b"fLaC\x00\x00\x00\x22",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    # Three hours of sound in a small file: a hundred samples a second.
    (folder / "hours.wav").write_bytes(wav(np.zeros(11_000 * 100, np.int16), 100))
    return {
        "E-INPUT-UNREADABLE no samples": folder / "zero.wav",
        "E-INPUT-UNREADABLE decoded": folder / "text.wav",
        "E-INPUT-UNREADABLE M4A": folder / "apple.m4a",
        "E-INPUT-UNREADABLE empty": folder / "empty.wav",
        "E-INPUT-UNREADABLE FLAC": folder / "cut.flac",
        "E-INPUT-TOO-LARGE 183 minutes": folder / "hours.wav",
        "E-INPUT-UNREADABLE not numbers": (np.full(RATE, np.nan, np.float32), RATE),
        "E-INPUT-MISSING gone.wav": folder / "gone.wav",
        "E-INPUT sampled": np.zeros(RATE, np.float32),
    }


@pytest.mark.parametrize("task", ["vad", "asr", "speakers"])
def test_bad_recordings_are_explained_and_good_ones_go_on(task, bad, spoken, request):
    runner = request.getfixturevalue(task)
    good = (spoken[0], RATE)
    outcomes = list(runner.map([good, *bad.values(), good], batch_size=4))
    assert [outcome.index for outcome in outcomes] == list(range(len(bad) + 2))
    assert outcomes[0].ok
    assert outcomes[-1].unwrap() == outcomes[0].unwrap()
    for expected, outcome in zip(bad, outcomes[1:-1], strict=True):
        code, _, word = expected.partition(" ")
        assert outcome.error.code == code, expected
        assert word in f"{outcome.error.what} {outcome.error.why}", expected
        assert outcome.error.fix or code == "E-INPUT-UNREADABLE"


def test_the_same_words_are_heard_whatever_the_rate_channels_or_type(asr, spoken, sentences, word_errors):
    import torch
    from torchaudio.functional import resample

    samples = torch.from_numpy(spoken[0])
    stereo = resample(samples, RATE, 44_100).repeat(2, 1).numpy()
    whole = (spoken[0] * 32767).astype(np.int16)
    items = [
        (resample(samples, RATE, 8_000).numpy(), 8_000),
        (stereo, 44_100),
        wav(stereo.T, 44_100, subtype="PCM_24"),
        (whole, RATE),
    ]
    before = [item[0].copy() for item in items if isinstance(item, tuple)]
    for outcome in asr.map(items):
        assert word_errors(sentences[0], outcome.unwrap().text)[0] == 0
    after = [item[0] for item in items if isinstance(item, tuple)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
