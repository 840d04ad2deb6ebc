"""Tokens that were added to a tokenizer, and no rows to its network: bad input, by name, for whatever reads texts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

import duomo
from duomo.errors import BadInput
from tests.plugins.multimodal import tiny, tiny_prompted
from tests.plugins.speech import tiny as sound
from tests.plugins.vision import tiny as dense, tiny_grounding

PHOTO = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
READERS: dict[str, tuple[str, Callable[[Path], object], Callable[[str], tuple[object, dict[str, Any]]]]] = {
    "OWL-ViT": (
        "zero-shot-object-detection",
        lambda folder: dense.save(dense.owl_vit, folder),
        lambda text: (PHOTO, {"labels": [text]}),
    ),
    "OmDet-Turbo": (
        "zero-shot-object-detection",
        tiny_grounding.omdet_turbo,
        lambda text: (PHOTO, {"labels": [text]}),
    ),
    "Donut": ("document-question-answering", tiny.donut, lambda text: ((text, PHOTO), {})),
    "BLIP-2": ("visual-question-answering", tiny_prompted.blip2, lambda text: ((text, PHOTO), {})),
    "SpeechT5": ("text-to-speech", sound.speecht5, lambda text: (text, {})),
}


@pytest.mark.parametrize("kind", READERS)
def test_a_token_without_a_vector_is_bad_input(tmp_path: Path, kind: str) -> None:
    task, make, asked = READERS[kind]
    make(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    network: Any = duomo.load(task, f"dir:{tmp_path}", device="cpu").executor
    rows = max(getattr(each, "num_embeddings", 0) for each in network.worker.model.network.modules())
    tokenizer.add_tokens([f"<{at}>" for at in range(rows - len(tokenizer))] + ["<brand>"])
    tokenizer.save_pretrained(tmp_path)
    runner: Any = duomo.load(task, f"dir:{tmp_path}", device="cpu")
    item, options = asked("red")
    assert runner(item, **options) is not None
    item, options = asked("red <brand>")
    with pytest.raises(BadInput, match="holds '<brand>', a token that the network has no vector for"):
        runner(item, **options)
