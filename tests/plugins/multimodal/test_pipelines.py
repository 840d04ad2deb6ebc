"""Labels given on the spot as transformers' pipeline scores them, over mixed images, alone and in a batch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
import transformers as tf

import duomo
from duomo.errors import InputTooLong

from .test_auto import TEXT, VISION, WORDS, word_tokenizer

LABELS = ["cat", "a red car", "dog"]
SQUARE: Any = {"height": 32, "width": 32}
CROPPED: Any = {"size": {"shortest_edge": 32}, "crop_size": 32}
FAMILIES: dict[str, tuple[Any, Any, Any]] = {
    "clip": (tf.CLIPConfig, tf.CLIPModel, tf.CLIPImageProcessor(**CROPPED)),
    "siglip": (tf.SiglipConfig, tf.SiglipModel, tf.SiglipImageProcessor(size=SQUARE)),
    "align": (tf.AlignConfig, tf.AlignModel, tf.EfficientNetImageProcessor(size=SQUARE)),
    "altclip": (tf.AltCLIPConfig, tf.AltCLIPModel, tf.CLIPImageProcessor(**CROPPED)),
    "chinese": (tf.ChineseCLIPConfig, tf.ChineseCLIPModel, tf.ChineseCLIPImageProcessor(**CROPPED)),
    "metaclip": (tf.MetaClip2Config, tf.MetaClip2Model, tf.CLIPImageProcessor(**CROPPED)),
}
SMALL: Any = {"in_channels": [32, 8], "out_channels": [8, 16], "kernel_sizes": [3, 3], "strides": [1, 2]}
SMALL |= {"num_block_repeats": [1, 1], "expand_ratios": [1, 2], "width_coefficient": 1.0, "depth_coefficient": 1.0}
SMALL |= {"hidden_dim": 16}
"""ALIGN's images go through an EfficientNet."""


def save(kind: str, folder: Path) -> None:
    """A model of 64 positions, which the pipeline takes for granted, and a tokenizer that pads on the right."""
    torch.manual_seed(0)
    config, model, processor = FAMILIES[kind]
    text = {**TEXT, "vocab_size": len(WORDS), "max_position_embeddings": 64, "eos_token_id": 2}
    text |= {"pad_token_id": 0, "project_dim": 16} if kind == "altclip" else {}
    sizes: Any = {} if kind == "siglip" else {"projection_dim": 16}
    network = model(config(text_config=text, vision_config=SMALL if kind == "align" else VISION, **sizes))
    if kind == "align":
        network.temperature.data.fill_(0.05)
    else:
        network.logit_scale.data.fill_(3.0)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    about = json.loads((folder / "tokenizer_config.json").read_text())
    about["padding_side"] = "right"
    if kind == "siglip":  # those that Google published mask nothing
        about["model_input_names"] = ["input_ids"]
    (folder / "tokenizer_config.json").write_text(json.dumps(about))


@pytest.mark.equals("the pipeline, scores to 1e-5", "zero-shot-image-classification")
@pytest.mark.parametrize("kind", FAMILIES)
def test_labels_and_templates_given_on_the_spot(kind: str, tmp_path: Path) -> None:
    save(kind, tmp_path)
    chance = np.random.default_rng(0)
    images = [PIL.Image.fromarray(chance.integers(0, 255, (40, w, 3), dtype=np.uint8)) for w in (40, 60, 33, 80)]
    runner = duomo.load("zero-shot-image-classification", f"dir:{tmp_path}", device="cpu")
    bare: Any = tf.pipeline("zero-shot-image-classification", str(tmp_path), device="cpu")
    for template in (None, "{}", "this is a photo of {} ."):
        options: Any = {"labels": LABELS, "template": template}
        theirs: Any = {} if template is None else {"hypothesis_template": template}
        for image, outcome in zip(images, runner.map(images, batch_size=4, **options), strict=True):
            wanted = bare(image, candidate_labels=LABELS, **theirs)
            for result in (outcome.unwrap(), runner(image, **options)):
                assert [label.name for label in result.labels] == [each["label"] for each in wanted]
                scores = [each["score"] for each in wanted]
                assert [label.score for label in result.labels] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize(("kind", "most"), [("altclip", 63), ("chinese", 64), ("align", 64)])
def test_a_text_is_read_up_to_its_last_position(kind: str, most: int, tmp_path: Path) -> None:
    """AltCLIP counts positions from after the padding's, as XLM-RoBERTa does."""
    save(kind, tmp_path)
    runner = duomo.load("multimodal-embedding", f"dir:{tmp_path}", device="cpu")
    fits, beyond, short = runner.map(["cat " * (most - 1), "cat " * most, "cat"], batch_size=3)
    assert fits.ok
    assert short.ok
    with pytest.raises(InputTooLong, match=f"{most + 1} tokens"):
        beyond.unwrap()
