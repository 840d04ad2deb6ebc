"""Voices by x-vectors: the vectors of the bare network, in windows and pairs, and clips that hold no voice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from transformers import AutoFeatureExtractor, AutoModelForAudioXVector

import duomo
from duomo.testing.samples import voice

from . import tiny

pytestmark = [
    pytest.mark.embedded,  # the detector of voices
    pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask"),  # WavLM of transformers itself
]
RATE = 16_000


@pytest.mark.equals("the bare network's vector, to 1e-5", "speaker-embedding", "speaker-verification")
@pytest.mark.parametrize("kind", ["wavlm", "unispeech-sat", "wav2vec2-bert"])
def test_a_voice_is_the_vector_of_the_bare_network(tmp_path: Path, kind: str) -> None:
    tiny.x_vectors(tmp_path, kind)
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    network: Any = AutoModelForAudioXVector.from_pretrained(tmp_path).eval()
    whole = voice(120, 2.0)
    clips = [whole, whole[: RATE + 37], whole[::2].copy()]

    def vector(clip: np.ndarray) -> torch.Tensor:
        with torch.no_grad():
            found = network(**extractor(clip, sampling_rate=RATE, return_tensors="pt")).embeddings[0]
        return F.normalize(found, dim=0)

    expected = [vector(clip) for clip in clips]
    runner: Any = duomo.load("speaker-embedding", f"dir:{tmp_path}", device="cpu")
    for outcome, each in zip(runner.map([(clip, RATE) for clip in clips], batch_size=3), expected, strict=True):
        np.testing.assert_allclose(outcome.unwrap().array, each, atol=1e-5)
    if kind == "unispeech-sat":
        long = np.tile(whole, 16)  # 32 s: a window of 30 s and one of 2
        mean = 30 * vector(long[: 30 * RATE]) + 2 * vector(long[30 * RATE :])
        np.testing.assert_allclose(runner((long, RATE)).array, F.normalize(mean, dim=0), atol=1e-5)
    verifier: Any = duomo.load("speaker-verification", f"dir:{tmp_path}", device="cpu")
    result = verifier(((clips[0], RATE), (clips[2], RATE)))
    assert result.score == pytest.approx(float(expected[0] @ expected[2]), abs=1e-5)
    assert (result.same, result.threshold) == (result.score > 0.86, pytest.approx(0.86))
    assert not verifier(((clips[0], RATE), (clips[2], RATE)), threshold=1.0).same


def test_a_clip_without_a_voice_has_none(tmp_path: Path) -> None:
    tiny.x_vectors(tmp_path)
    runner: Any = duomo.load("speaker-embedding", f"dir:{tmp_path}", device="cpu")
    silent, short, good = runner.map([(np.zeros(RATE), RATE), (np.zeros(100), RATE), (voice(120, 1.0), RATE)])
    assert "no voice was found" in silent.error.what
    assert not short.ok
    assert good.ok
