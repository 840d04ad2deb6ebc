"""Speech to text by networks that are asked in words, and by transducers: the tokens of `generate`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import AutoConfig, AutoProcessor

import duomo
from duomo.errors import BadOption, WeightsProblem
from duomo.testing.samples import voice

from . import tiny_asked

pytestmark = [
    pytest.mark.embedded,  # the detector of voices
    pytest.mark.filterwarnings("ignore:Using the model-agnostic default"),
]
TASK = "automatic-speech-recognition"
RATE = 16_000
CLIPS = [voice(120, 1.2)[:-37], voice(180, 1.2), voice(150, 1.6)]
QUESTION = "can you transcribe the speech into a written format?"


@functools.lru_cache(maxsize=1)
def read(folder: Path) -> tuple[Any, Any]:
    """The network of a folder and its processor."""
    network: Any = getattr(transformers, AutoConfig.from_pretrained(folder).architectures[0]).from_pretrained(folder)
    return network.eval(), AutoProcessor.from_pretrained(folder)


def written(folder: Path, samples: np.ndarray, **language: str) -> str:
    """What `generate` writes about (samples,), by the processor's own request."""
    network, processor = read(folder)
    if hasattr(processor, "apply_transcription_request"):
        inputs = processor.apply_transcription_request(samples, **language)
    elif hasattr(processor, "audio_processor"):
        inputs = processor(f"<sound>{QUESTION} say", torch.from_numpy(samples)[None], return_tensors="pt")
    else:
        inputs = processor([samples], sampling_rate=RATE, **language)
        inputs.pop("audio_chunk_index", None)
        found = network.generate(**inputs)
        return processor.decode(getattr(found, "sequences", found), skip_special_tokens=True)[0].strip()
    with torch.inference_mode():
        tokens = network.generate(**inputs)
    asked = inputs.get("decoder_input_ids", inputs.get("input_ids")).shape[1]
    return processor.tokenizer.decode(tokens[0, asked:], skip_special_tokens=True).strip()


@pytest.mark.equals(
    "`generate` of networks that are asked, and of transducers, the same tokens", "automatic-speech-recognition"
)
@pytest.mark.parametrize("make", [*tiny_asked.ASKED, *tiny_asked.TRANSDUCERS, tiny_asked.moonshine_streaming])
def test_transcripts_are_those_of_generate(tmp_path: Path, make: Callable[..., Path]) -> None:
    make(tmp_path)
    runner: Any = duomo.load(TASK, f"dir:{tmp_path}", device="cpu")
    texts = []
    for clip, outcome in zip(CLIPS, runner.map([(clip, RATE) for clip in CLIPS], batch_size=3), strict=True):
        result = outcome.unwrap()
        start, end = (round(at * RATE) for at in (result.segments[0].start, result.segments[0].end))
        assert result.text == written(tmp_path, clip[start:end])
        texts.append(result.text)
    assert len({*texts}) > 1


def test_a_language_is_told_where_it_must_be(tmp_path: Path) -> None:
    tiny_asked.cohere_asr(tmp_path)
    runner: Any = duomo.load(TASK, f"dir:{tmp_path}", device="cpu")
    texts = set()
    for language in ("en", "de"):
        items = [(clip, RATE) for clip in CLIPS]
        for clip, outcome in zip(CLIPS, runner.map(items, batch_size=3, language=language), strict=True):
            start, end = (round(at * RATE) for at in (outcome.result.segments[0].start, outcome.result.segments[0].end))
            assert outcome.result.text == written(tmp_path, clip[start:end], language=language)
            texts.add(outcome.result.text)
    assert len(texts) > 2
    with pytest.raises(BadOption, match="needs to know the language"):
        runner((CLIPS[0], RATE))
    with pytest.raises(BadOption, match="does not know the language 'xx'"):
        runner((CLIPS[0], RATE), language="xx")


def test_a_language_is_asked_for_or_refused(tmp_path: Path) -> None:
    canary, glm = tmp_path / "canary", tmp_path / "glm"
    tiny_asked.canary(canary)
    tiny_asked.glm_asr(glm)
    runner: Any = duomo.load(TASK, f"dir:{canary}", device="cpu")
    result = runner((CLIPS[0], RATE), language="de")
    start, end = (round(at * RATE) for at in (result.segments[0].start, result.segments[0].end))
    assert result.text == written(canary, CLIPS[0][start:end], source_language="de") != runner((CLIPS[0], RATE)).text
    with pytest.raises(BadOption, match="does not know the language 'xx'"):
        runner((CLIPS[0], RATE), language="xx")
    with pytest.raises(BadOption, match="takes no language"):
        duomo.load(TASK, f"dir:{glm}", device="cpu")((CLIPS[0], RATE), language="de")


def test_a_network_that_hears_by_an_adapter_is_refused(tmp_path: Path) -> None:
    path = tiny_asked.granite_speech(tmp_path) / "config.json"
    path.write_text(path.read_text().replace('"has_lora_adapter": false', '"has_lora_adapter": true'))
    with pytest.raises(WeightsProblem) as caught:
        duomo.load(TASK, f"dir:{tmp_path}", device="cpu")
    assert "adapter" in caught.value.why
