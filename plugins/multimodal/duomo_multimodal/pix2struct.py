"""Pix2Struct and its kin: images as patches of their own proportions, and a question drawn above (arXiv:2210.03347).

DePlot (a table of a chart) and MatCha are read likewise. The letters of a question are those of Arial, as in training:
the file is Arial.TTF of the folder, or what the hub's cache has of ybelkada/fonts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import huggingface_hub
import torch
from PIL import ImageFont
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor
from transformers import AutoImageProcessor, AutoTokenizer, Pix2StructForConditionalGeneration
from transformers.models.pix2struct.image_processing_pix2struct import DEFAULT_FONT_PATH, render_text

from duomo import Model, WeightsRef
from duomo.errors import BadInput, InputTooLong, WeightsMissing, WrongTask
from duomo.generating import FROM_PIXELS, refuse
from duomo.inputs import ImageQuestion
from duomo.model import Features
from duomo.pretrained import load_network, load_processor, narrow_images
from duomo.tasks.multimodal.captioning import VisualAnswer, VisualAnswers, VisualQuestionAnsweringOptions
from duomo_multimodal.captions import Captioner

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

FONT = "Arial.TTF"
BOUND = 512
"""New tokens where the checkpoint does not say: as many as DePlot writes of a chart."""
LONGEST = 1000
"""Characters of a question: each line of them takes from the room of the image."""
LARGEST = 50_000_000
"""Pixels of image and question; it is made smaller only then."""


class ScreenDescriber(Captioner):
    """Says what an image shows, by a checkpoint that is asked nothing."""

    looks_at = "flattened_patches"

    @classmethod
    def check_processor(cls, processor: Processor, weights: WeightsRef) -> None:
        check_asked(processor, weights, is_asked=False)

    def inputs(self, pixels: Tensor) -> dict[str, Tensor]:
        return shown(pixels)


class HeaderAnswerer(Model[ImageQuestion, VisualAnswers]):
    """One answer a question, and how likely its tokens are."""

    batch_size = 8

    def __init__(self, network: Network, processor: Processor, tokenizer: Processor, font: str) -> None:
        self.network = network
        self.processor = processor
        self.tokenizer = tokenizer
        self.font = font
        self.face = ImageFont.truetype(font, 12)
        self.missing = bytes(self.face.getmask("\uffff"))  # which is no letter of any font

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network, image processor and tokenizer, whole.

        Raises:
            WeightsMissing: there is no font.
            WrongTask: it is asked nothing.
        """
        processor = load_processor(AutoImageProcessor, weights, "image processor")
        check_asked(processor, weights, is_asked=True)
        processor.is_vqa = False  # its call takes no font; the question is drawn before, by its own method
        font = weights.folder / FONT
        found = str(font) if font.is_file() else huggingface_hub.try_to_load_from_cache(DEFAULT_FONT_PATH, FONT)
        if not isinstance(found, str) or not Path(found).is_file():
            raise WeightsMissing(
                f"'{weights.folder}' has no {FONT}",
                why="it reads a question that is drawn above the image, in the letters that it was trained with",
                fix=f"hf download {DEFAULT_FONT_PATH} {FONT}, or put the file into the folder",
            )
        network = load_network(Pix2StructForConditionalGeneration, weights, dtype=dtype).to(device)
        refuse(network.generation_config, FROM_PIXELS, weights.folder)
        return cls(network, processor, load_processor(AutoTokenizer, weights, "tokenizer"), found)

    def preprocess(self, items: Sequence[ImageQuestion], options: VisualQuestionAnsweringOptions) -> list[Features]:
        return [self._features(item, options.long) for item in items]

    def forward(self, batch: dict[str, Tensor]) -> list[tuple[list[int], float]]:
        """Tokens of each answer, and the product of their probabilities."""
        said = self.network.generation_config
        is_open = said.max_new_tokens is None and said.max_length is None
        output = self.network.generate(
            **shown(batch["patches"].to(self.network.dtype)),
            return_dict_in_generate=True,
            output_scores=True,
            **({"max_new_tokens": BOUND} if is_open else {}),
        )
        chances = self.network.compute_transition_scores(
            output.sequences, output.scores, output.get("beam_indices"), normalize_logits=True
        )
        new = output.sequences[:, 1:]
        kept = chances.float().masked_fill(new == self.tokenizer.pad_token_id, 0.0)
        return list(zip(new.tolist(), kept.sum(-1).exp().tolist(), strict=True))

    def postprocess(
        self,
        output: list[tuple[list[int], float]],
        features: list[Features],
        options: VisualQuestionAnsweringOptions,
    ) -> list[VisualAnswers]:
        texts = self.tokenizer.batch_decode([tokens for tokens, _ in output], skip_special_tokens=True)
        answers = [
            VisualAnswer.model_construct(answer=text.strip(), score=score)
            for text, (_, score) in zip(texts, output, strict=True)
        ]
        return [VisualAnswers.model_construct(answers=[each]) for each in answers]

    def _features(self, item: ImageQuestion, long: str) -> Features:
        question = str(item.question)
        is_long = len(question) > LONGEST
        if is_long and long == "error":
            raise InputTooLong(
                f"this question has {len(question):,} characters, and {LONGEST:,} are shown: {question[:39]!r}…",
                why="it is drawn above the image, and would leave too little of it",
                fix="ask in fewer words, or long=truncate",
            )
        lost = [each for each in sorted({*question}) if each.strip() and bytes(self.face.getmask(each)) == self.missing]
        if lost:
            raise BadInput(
                f"the question has letters that its font cannot draw: {' '.join(lost[:8])}",
                why="boxes would stand in their place, which the model was not trained to read",
                fix="ask in the letters of the checkpoint's language",
            )
        picture = item.image.pil()
        header = render_text(question[:LONGEST], font_path=self.font)
        width = max(header.width, picture.width)
        height = picture.height * width / picture.width + header.height * width / header.width
        if width * height > LARGEST:
            raise BadInput(
                f"this image of {picture.width} x {picture.height} pixels is too narrow, too low or too large",
                why=f"with the question above it, it would have {width * height / 1e6:,.0f} million pixels",
                fix="add a border to the shorter side, or make the image smaller",
            )
        with narrow_images(*picture.size):
            whole = self.processor.render_header(pil_to_tensor(picture), question[:LONGEST], font_path=self.font)
            patches = self.processor(images=[whole], return_tensors="pt")[ScreenDescriber.looks_at]
        return {"patches": patches[0], "truncated": is_long}


def shown(patches: Tensor) -> dict[str, Tensor]:
    """Patches (B, L, D) and which of them are there, as the processor tells: rows of padding are zeros."""
    return {"flattened_patches": patches, "attention_mask": (patches.sum(-1) != 0).to(patches.dtype)}


def check_asked(processor: Processor, weights: WeightsRef, *, is_asked: bool) -> None:
    """Raise `WrongTask` for a checkpoint that is asked where this one is not, or the other way round."""
    if bool(processor.is_vqa) != is_asked:
        task, other = ("visual-question-answering", "image-captioning")[:: 1 if is_asked else -1]
        raise WrongTask(
            f"'{weights.folder}' does not do {task}",
            why=f"is_vqa of its image processor is {str(bool(processor.is_vqa)).lower()}",
            fix=f"duomo.load('{other}', …)  (duomo run {other} -m …)",
        )
