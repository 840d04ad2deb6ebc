"""SeamlessM4T writes down what it hears, in its language or in English: the tokens of its own `generate`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoProcessor

import duomo
from duomo.errors import BadOption
from duomo.testing.samples import voice

from . import tiny_seamless

pytestmark = pytest.mark.embedded  # the detector of voices
RATE = 16_000
CLIPS = [voice(120, 1.2)[:-37], voice(180, 1.2), voice(150, 1.6)]


@pytest.mark.equals("`generate` of SeamlessM4T, the same tokens", "automatic-speech-recognition")
@pytest.mark.parametrize("make", [tiny_seamless.seamless, tiny_seamless.seamless_v2])
def test_transcripts_are_those_of_generate(tmp_path: Path, make: Any) -> None:
    make(tmp_path)
    family = json.loads((tmp_path / "config.json").read_text())["architectures"][0].removesuffix("Model")
    network = getattr(transformers, f"{family}ForSpeechToText").from_pretrained(tmp_path).eval()
    processor: Any = AutoProcessor.from_pretrained(tmp_path)
    runner: Any = duomo.load("automatic-speech-recognition", f"dir:{tmp_path}", device="cpu")
    seen = set()
    for options, code in (
        ({"language": "fr"}, "fra"),
        ({"language": "Chinese"}, "cmn"),
        ({"task": "translate"}, "eng"),
    ):
        outcomes = runner.map([(clip, RATE) for clip in CLIPS], batch_size=3, **options)
        for clip, outcome in zip(CLIPS, outcomes, strict=True):
            inputs = processor(audio=clip, sampling_rate=RATE, return_tensors="pt")
            with torch.inference_mode():
                tokens = network.generate(**inputs, tgt_lang=code)
            expected = processor.tokenizer.decode(tokens[0], skip_special_tokens=True).strip()
            assert outcome.unwrap().text == runner((clip, RATE), **options).text == expected
            seen.add(expected)
    assert len(seen) > 4
    with pytest.raises(BadOption, match="needs to know the language") as caught:
        runner((CLIPS[0], RATE))
    assert "cmn, eng, fra" in caught.value.why
    with pytest.raises(BadOption, match="does not know the language 'de'"):
        runner((CLIPS[0], RATE), language="de")
