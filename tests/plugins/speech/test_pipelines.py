"""Speech written down as transformers' pipeline writes it, over mixed recordings, alone and in a batch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers as tf

import duomo
from duomo.testing.samples import voice
from tests.plugins.speech import tiny

pytestmark = pytest.mark.embedded  # the pauses of long recordings are found by Silero VAD
RATE = 16_000
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "layer norm": {"feat_extract_norm": "layer", "do_stable_layer_norm": True},
}


@pytest.mark.equals("the pipeline by CTC, the same text", "automatic-speech-recognition")
@pytest.mark.parametrize("kind", KINDS)
def test_text_of_a_ctc_checkpoint(kind: str, tmp_path: Path) -> None:
    tiny.ctc(tmp_path, **KINDS[kind])
    runner = duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    bare: Any = tf.pipeline("automatic-speech-recognition", str(tmp_path), device="cpu")
    noise = np.random.default_rng(0).normal(0, 0.2, 2 * RATE).astype(np.float32)
    sounds = [voice(120, 1.2, RATE), noise, voice(210, 0.7, RATE), noise[:1000], voice(90, 3.1, RATE)]
    stereo = np.stack([sounds[0], sounds[0][::-1]])
    items: list[Any] = [(sound, RATE) for sound in sounds] + [(stereo, RATE), (sounds[4][::2].copy(), RATE // 2)]
    given: list[Any] = [{"raw": item[0], "sampling_rate": item[1]} for item in items]
    texts = [bare(each)["text"].strip() for each in given]
    assert [outcome.unwrap().text for outcome in runner.map(items, batch_size=7)] == texts
    assert [runner(item).text for item in items] == texts
    assert len(set(texts)) > 3
