"""Florence-2: one network that writes what an image shows, which things are where, and what is printed on it.

Xiao et al. 2023, https://arxiv.org/abs/2311.06242. A task is a mark (``<OD>``) that its processor turns into a
question; the answer is text with places in it, which the processor's own post-processing reads. Places are of a
thousand steps a side; nothing has a score, so that each has 1.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

from duomo import Image, Model, WeightsRef
from duomo.errors import BadOption, WeightsMissing
from duomo.generating import SEQ2SEQ, refuse
from duomo.model import Features, R
from duomo.parallel import TensorPlan, encoder_decoder_plan
from duomo.pretrained import Network, Processor, load_network, load_processor, narrow_images
from duomo.tasks.multimodal.captioning import Caption, ImageCaptioningOptions
from duomo.tasks.vision.detection import Box, Detections, ObjectDetectionOptions
from duomo.tasks.vision.reading import CharacterRecognitionOptions, Page, TextLine

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

FlorenceOptions = ImageCaptioningOptions | ObjectDetectionOptions | CharacterRecognitionOptions
Answer = Any
"""What its processor reads: a text, or lists of labels and places."""
BOUND = 1024
"""New tokens of places, where the checkpoint does not say; a caption has 64 at most."""
CAPTION_BOUND = 64


class Batch(NamedTuple):
    """Images and one question."""

    inputs: dict[str, Tensor]
    options: FlorenceOptions


class Written(NamedTuple):
    """What was written about one image."""

    tokens: list[int]
    is_ended: bool
    """Whether the network ended itself; at the bound many checkpoints have an end written that means nothing."""


class Florence(Model[Image, R]):
    """Answers to one mark."""

    batch_size = 4
    mark: ClassVar[str]
    kind: ClassVar[str]
    """What its processor calls the answers to the mark."""
    bound: ClassVar[int] = BOUND

    @staticmethod
    def tensor_plan(config: PreTrainedConfig) -> TensorPlan:
        """The plan of BART, which reads and writes; what looks at the image stays whole on each device."""
        return encoder_decoder_plan(config.text_config)

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        text = network.config.text_config
        self.room: int = text.max_position_embeddings - 1
        """Tokens that can be written."""
        ends = network.generation_config.eos_token_id
        ends = text.eos_token_id if ends is None else ends
        self.ends = set(ends) if isinstance(ends, list) else {ends}

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and processor, whole; refuses a checkpoint that samples and the like."""
        network = load_network(AutoModelForImageTextToText, weights, dtype=dtype).to(device)
        refuse(network.generation_config, SEQ2SEQ, weights.folder)
        processor = load_processor(AutoProcessor, weights, "processor")
        if cls.kind not in (processor.post_processor_config or {}):
            raise WeightsMissing(
                f"'{weights.folder}' does not say how answers to {cls.mark} are read",
                why=f"post_processor_config in its processor_config.json has no {cls.kind}",
                fix="take the processor of florence-community/Florence-2-base",
            )
        return cls(network, processor)

    def preprocess(self, items: Sequence[Image], options: FlorenceOptions) -> list[Features]:
        return [self._features(item, options) for item in items]

    def collate(self, features: list[Features]) -> Batch:
        inputs = [each["inputs"] for each in features]
        return Batch({name: torch.cat([each[name] for each in inputs]) for name in inputs[0]}, features[0]["options"])

    def forward(self, batch: Batch) -> list[Written]:
        """Tokens for each image, up to their end."""
        config = GenerationConfig.from_dict(self.network.generation_config.to_dict())
        own = batch.options if isinstance(batch.options, ImageCaptioningOptions) else ImageCaptioningOptions.parse({})
        bound = own.max_new_tokens or config.max_new_tokens or config.max_length
        bound = min(bound or self.bound, self.room)
        config.max_new_tokens, config.max_length = bound, None
        if own.num_beams is not None:
            config.num_beams = own.num_beams
        inputs = {
            name: each.to(self.network.dtype) if each.is_floating_point() else each
            for name, each in batch.inputs.items()
        }
        tokens: Tensor = self.network.generate(**inputs, generation_config=config)
        free = bound - (config.forced_eos_token_id is not None)
        return [self._written(row, free) for row in tokens.tolist()]

    def postprocess(self, output: list[Written], features: list[Features], options: FlorenceOptions) -> list[R]:
        for written, each in zip(output, features, strict=True):
            each["truncated"] = not written.is_ended and not isinstance(options, ImageCaptioningOptions)
        return [self._answer(written, each["size"]) for written, each in zip(output, features, strict=True)]

    @abstractmethod
    def result(self, answer: Answer, written: Written, size: tuple[int, int]) -> R:
        """Make the result of what the processor read; `size` is the (width, height) of the image."""

    def _features(self, item: Image, options: FlorenceOptions) -> Features:
        picture = item.pil()
        with narrow_images(*picture.size):
            inputs = self.processor(images=[picture], text=[self.mark], return_tensors="pt")
        return {"inputs": dict(inputs), "size": picture.size, "options": options}

    def _written(self, tokens: list[int], free: int) -> Written:
        """What was written after the token that the decoder starts with; what follows its end fills the row."""
        last = next((at for at, token in enumerate(tokens) if at and token in self.ends), None)
        return Written(tokens[1:] if last is None else tokens[1 : last + 1], last is not None and last <= free)

    def _answer(self, written: Written, size: tuple[int, int]) -> R:
        text = self.processor.tokenizer.decode(written.tokens, skip_special_tokens=False)
        read = self.processor.post_process_generation(text, task=self.mark, image_size=size)
        return self.result(read[self.mark], written, size)


class FlorenceCaptioner(Florence[Caption]):
    """What is to be seen, in a sentence."""

    mark = "<CAPTION>"
    kind = "pure_text"
    bound = CAPTION_BOUND

    def check_options(self, options: ImageCaptioningOptions) -> None:
        """Refuse more tokens than the decoder has positions for. Raises `BadOption`."""
        if (options.max_new_tokens or 0) > self.room:
            raise BadOption(
                f"option 'max_new_tokens' cannot be {options.max_new_tokens}",
                why="the decoder has fewer positions",
                fix=f"max_new_tokens={self.room} at most",
            )

    def result(self, answer: str, written: Written, size: tuple[int, int]) -> Caption:
        reason = "stop" if written.is_ended else "length"
        return Caption.model_construct(generated_text=answer, finish_reason=reason, num_new_tokens=len(written.tokens))


class FlorenceDetector(Florence[Detections]):
    """Things and their boxes, each with a score of 1."""

    mark = "<OD>"
    kind = "description_with_bboxes"

    def result(self, answer: Answer, written: Written, size: tuple[int, int]) -> Detections:
        boxes = [
            Box.model_construct(label=label, score=1.0, xmin=box[0], ymin=box[1], xmax=box[2], ymax=box[3])
            for label, box in zip(answer["labels"], answer["bboxes"], strict=True)
        ]
        return Detections.model_construct(boxes=boxes, width=size[0], height=size[1])


class FlorenceReader(Florence[Page]):
    """Lines of print and their corners, in the order in which they are written down."""

    mark = "<OCR_WITH_REGION>"
    kind = "ocr"

    def result(self, answer: Answer, written: Written, size: tuple[int, int]) -> Page:
        lines = [
            TextLine.model_construct(text=text, score=1.0, corners=list(zip(quad[::2], quad[1::2], strict=True)))
            for text, quad in zip(answer["labels"], answer["quad_boxes"], strict=True)
        ]
        return Page.model_construct(lines=lines, width=size[0], height=size[1])
