"""Answers to chats with images, by models that read both: LLaVA, Qwen-VL, SmolVLM, Gemma 3 and their kin.

The tokens are those of ``generate``. Greedily, chats whose inputs have the same shapes share a pass, and nothing is
padded; a chat that is sampled goes through alone, after its own seed, so that it has the same text in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig

from duomo import Image, Model, WeightsRef
from duomo.errors import BadInput, InputTooLong, WeightsMissing
from duomo.generating import CHAT, check_top_p, refuse
from duomo.inputs import ImageChat
from duomo.model import Features
from duomo.pretrained import load_network, load_processor
from duomo.tasks.multimodal.chat import ImageTextToTextOptions
from duomo.tasks.nlp.generation import Generation
from duomo.vocabulary import refuse_rowless
from duomo_multimodal import parallel

if TYPE_CHECKING:
    from duomo.pretrained import Network, Processor

BOUND = 128
"""New tokens, where neither the caller nor the checkpoint says."""
PROMPTED = ("got_ocr2", "paligemma")
"""Models that were trained on prompts ("caption en") and have no chat template."""
READS = ("OCR", "OCR with format")
"""What GOT-OCR 2.0 is asked; its processor writes the prompt around it."""


class Group(NamedTuple):
    """Chats whose inputs have the same shapes."""

    inputs: dict[str, Tensor]
    places: list[int]
    options: ImageTextToTextOptions


class ImageChatter(Model[ImageChat, Generation]):
    """One answer a chat."""

    batch_size = 4

    def __init__(self, network: Network, processor: Processor) -> None:
        self.network = network
        self.processor = processor
        self.context: int | None = getattr(network.config.get_text_config(), "max_position_embeddings", None)
        self.ends = _ends(network)

    tensor_plan = staticmethod(parallel.chat_plan)
    pipeline_split = staticmethod(parallel.chat_split)

    @classmethod
    def load(cls, weights: WeightsRef, *, device: torch.device, dtype: torch.dtype) -> Self:
        """Load network and processor; raises `WeightsMissing` for a checkpoint that does not say how it is asked."""
        network = load_network(AutoModelForImageTextToText, weights, dtype=dtype).to(device)
        refuse(network.generation_config, CHAT, weights.folder)
        processor = load_processor(AutoProcessor, weights, "processor")
        if not getattr(processor, "chat_template", None) and network.config.model_type not in PROMPTED:
            raise WeightsMissing(
                f"'{weights.folder}' has no chat template",
                why="it says where images and questions stand in what the model reads",
                fix="save it beside the model: chat_template.jinja",
            )
        refuse_rowless(network, processor.tokenizer)
        if network.config.model_type == "got_ocr2":  # its answer ends with its turn, which its settings do not say
            turn = processor.tokenizer.convert_tokens_to_ids(processor.message_end_token)
            network.generation_config.eos_token_id = [*_ends(network), turn]
        return cls(network, processor)

    def check_options(self, options: ImageTextToTextOptions) -> None:
        """Refuse a choice among tokens where the likeliest is taken."""
        check_top_p(options.top_p, bool(self._config(options).do_sample))

    def preprocess(self, items: Sequence[ImageChat], options: ImageTextToTextOptions) -> list[Features]:
        return [self._features(item, options) for item in items]

    def collate(self, features: list[Features]) -> list[Group]:
        options = features[0]["options"]
        alone = self._config(options).do_sample
        groups: dict[object, list[int]] = {}
        for at, each in enumerate(features):
            shapes = tuple((name, tensor.shape) for name, tensor in each["inputs"].items())
            groups.setdefault((shapes, at if alone else 0), []).append(at)
        return [
            Group(
                {
                    name: torch.cat([features[at]["inputs"][name] for at in some])
                    for name in features[some[0]]["inputs"]
                },
                some,
                options,
            )
            for some in groups.values()
        ]

    def forward(self, batch: list[Group]) -> list[list[int]]:
        """New tokens for each chat."""
        rows: dict[int, list[int]] = {}
        for group in batch:
            length = group.inputs["input_ids"].shape[1]
            config = self._config(group.options, length)
            inputs = {
                name: each.to(self.network.dtype) if each.is_floating_point() else each
                for name, each in group.inputs.items()
            }
            with torch.random.fork_rng(enabled=config.do_sample):
                if config.do_sample:
                    torch.manual_seed(group.options.seed)
                tokens = self.network.generate(**inputs, generation_config=config)
            new = tokens[:, length:].tolist()
            rows.update(zip(group.places, new, strict=True))
        return [rows[at] for at in range(len(rows))]

    def postprocess(
        self, output: list[list[int]], features: list[Features], options: ImageTextToTextOptions
    ) -> list[Generation]:
        return [self._generation(tokens, each) for tokens, each in zip(output, features, strict=True)]

    def _features(self, item: ImageChat, options: ImageTextToTextOptions) -> Features:
        inputs = self._inputs(item)
        length = inputs["input_ids"].shape[1]
        bound = self._bound(options, length)
        room = length + bound
        if self.context is not None and room > self.context:
            raise InputTooLong(
                f"this chat has {length} tokens, its images included, and may be given {bound} more",
                why=f"the model reads and writes {self.context} in all",
                fix="show fewer or smaller images, ask in fewer words, or lower max_new_tokens",
            )
        return {"inputs": inputs, "length": length, "options": options}

    def _inputs(self, item: ImageChat) -> dict[str, Tensor]:
        """What the processor makes of a chat, laid out by its template; for PaliGemma, of a prompt."""
        if not self.processor.chat_template:
            if len(item.messages) > 1 or not item.images:
                raise BadInput(
                    "this model answers one prompt about an image, and no chat",
                    why="its checkpoint has no chat template",
                    fix="one message with a text and an image, such as ('caption en', 'photo.jpg')",
                )
            text = " ".join(part for part in item.messages[0][1] if part is not None)
            if self.network.config.model_type == "got_ocr2":
                return self._page(text, item.images)
            prompt = self.processor.image_token * len(item.images) + text
            # As NumPy arrays: its processor hands tensors to NumPy in a way that NumPy gives up.
            prepared = self.processor(text=[prompt], images=[[each.pil() for each in item.images]], return_tensors="np")
            return {name: torch.as_tensor(each) for name, each in prepared.items() if name != "labels"}
        images = iter(item.images)
        messages = [
            {
                "role": role,
                "content": [
                    {"type": "image", "image": next(images).pil()} if part is None else {"type": "text", "text": part}
                    for part in parts
                ],
            }
            for role, parts in item.messages
        ]
        # Tokens by the same call, which leaves out the processor's special tokens where the template has its own.
        return dict(
            self.processor.apply_chat_template(
                [messages], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
            )
        )

    def _page(self, text: str, images: Sequence[Image]) -> dict[str, Tensor]:
        """A page that GOT-OCR 2.0 reads. Raises `BadInput` for another question, and for two pages."""
        if text not in READS or len(images) > 1:
            raise BadInput(
                "this model reads one page, and answers nothing else",
                why=f"it was asked {text!r} about {len(images)} images",
                fix=" or ".join(f"('{each}', 'page.png')" for each in READS),
            )
        return dict(self.processor(images[0].pil(), format=text == READS[1], return_tensors="pt"))

    def _bound(self, options: ImageTextToTextOptions, length: int) -> int:
        """New tokens after a chat of `length`: the caller's word, the checkpoint's, or `BOUND`."""
        said = self.network.generation_config
        whole = None if said.max_length is None else max(1, said.max_length - length)
        return int(options.max_new_tokens or said.max_new_tokens or whole or BOUND)

    def _config(self, options: ImageTextToTextOptions, length: int = 0) -> GenerationConfig:
        said: dict[str, Any] = self.network.generation_config.to_dict()
        # As a length, since Janus fills in one of 20 where none is said, and transformers then finds two.
        said |= {"max_new_tokens": None, "max_length": length + self._bound(options, length)}
        if options.temperature is not None:
            said["do_sample"] = options.temperature > 0
            said["temperature"] = options.temperature or None
        if not said.get("do_sample"):
            said |= {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        elif options.top_p is not None:
            said["top_p"] = options.top_p
        return GenerationConfig.from_dict(said)

    def _generation(self, tokens: list[int], features: Features) -> Generation:
        last = next((at for at, token in enumerate(tokens) if token in self.ends), None)
        kept = tokens if last is None else tokens[: last + 1]
        return Generation.model_construct(
            text=self.processor.tokenizer.decode(kept, skip_special_tokens=True).strip(),
            finish_reason="length" if last is None else "stop",
            num_prompt_tokens=features["length"],
            num_new_tokens=len(kept),
        )


def _ends(network: Network) -> set[int | None]:
    """The tokens that end an answer."""
    ends = network.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}
