"""How recognizers and classifiers of audio clips are trained: transformers checkpoints for CTC and for labels.

Each audio clip is prepared alone, and those of one shape share a pass, as in inference: padding would reach the
features of many networks. Augmentations work on the samples; a checkpoint's own SpecAugment is off, since it draws from
numpy's global numbers, which no checkpoint of a training holds.
"""

from __future__ import annotations

import json
import string
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import ctc_loss
from transformers import (
    MODEL_FOR_CTC_MAPPING,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForCTC,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    Wav2Vec2CTCTokenizer,
)

from duomo import Audio, WeightsRef, pretrained
from duomo.errors import BadInput, WrongTask
from duomo.model import Features
from duomo.training import Losses, Parts, Trainable
from duomo_speech.augmenting import VARIETIES, augmented
from duomo_speech.checkpoint import load_part
from duomo_speech.hearing import heard, receptive_field

BUDGET = 16_000 * 60
"""Samples of a micro-batch."""


class AudioTrainer(Trainable[Audio]):
    """A network on audio clips with its feature extractor."""

    batch_budget = BUDGET
    packed = True
    varieties = VARIETIES
    head: ClassVar[tuple[str, ...]]
    """Modules of the head, the lowest first; those that the network lacks are left out."""
    network: Any

    def __init__(self, network: Any, extractor: Any, labels: Sequence[str]) -> None:
        self.network, self.extractor, self.labels = network, extractor, list(labels)
        self.rate: int = extractor.sampling_rate
        self.least = receptive_field(network.config, extractor)
        self.most = heard(network.config, extractor)
        self.own_masks = getattr(network.config, "apply_spec_augment", None)
        if self.own_masks is not None:
            network.config.apply_spec_augment = False

    def parts(self) -> Parts:
        prefix = self.network.base_model_prefix
        head = tuple(name for name in self.head if hasattr(self.network, name))
        stack = next(
            (
                f"{prefix}.{inside}"
                for inside in ("encoder.layers", "encoder.layer")
                if _has(self.network, prefix, inside)
            ),
            "",
        )
        return Parts(head, stack)

    def augment(self, item: Audio, draw: torch.Generator) -> Audio:
        return Audio(augmented(item.samples(self.rate), self.augmentations, self.rate, draw), item.name, self.rate)

    def preprocess(self, items: Sequence[Audio], options: Any) -> list[Features]:
        return [self._features(item) for item in items]

    def cost(self, features: Features) -> int:
        """Samples."""
        return int(features["samples"])

    def collate(self, features: list[Features]) -> list[dict[str, Any]]:
        """Groups of one shape, with the places of their rows."""
        groups: dict[Any, list[int]] = {}
        for at, each in enumerate(features):
            groups.setdefault(tuple(tensor.shape for tensor in each["inputs"].values()), []).append(at)
        return [
            {
                "inputs": {
                    name: torch.cat([features[at]["inputs"][name] for at in some])
                    for name in features[some[0]]["inputs"]
                },
                "places": some,
            }
            for some in groups.values()
        ]

    def logits(self, batch: list[dict[str, Any]]) -> Any:
        """The network's output for each row, in order."""
        found: dict[int, Tensor] = {}
        for group in batch:
            found.update(zip(group["places"], self.network(**group["inputs"]).logits, strict=True))
        return [found[at] for at in range(len(found))]

    def has_trunk(self, upper: int) -> bool:
        return upper == 0

    def features(self, batch: list[dict[str, Any]], upper: int) -> list[Tensor]:
        """What the lowest module of the head is given of each row."""
        found: dict[int, Tensor] = {}
        caught: list[Tensor] = []
        lowest = self.network.get_submodule(self.parts().head[0])
        handle = lowest.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
        try:
            for group in batch:
                self.network(**group["inputs"])
                found.update(zip(group["places"], caught.pop(), strict=True))
        finally:
            handle.remove()
        return [found[at] for at in range(len(found))]

    def save(self, folder: Path) -> None:
        if self.own_masks is not None:
            self.network.config.apply_spec_augment = self.own_masks
        with pretrained.quiet():
            self.network.save_pretrained(folder)
            self.extractor.save_pretrained(folder)

    def _features(self, item: Audio) -> Features:
        samples = item.samples(self.rate, self.least)
        is_long = bool(self.most) and len(samples) > self.most
        samples = samples[: self.most] if is_long else samples
        inputs = dict(self.extractor(samples, sampling_rate=self.rate, return_tensors="pt"))
        return {"inputs": inputs, "samples": len(samples), "truncated": is_long}


def _tokenizer(text: str) -> PreTrainedTokenizerBase:
    """A tokenizer of the letters of a text, ``|`` between words; 0 is CTC's blank."""
    letters = sorted(set(text) - set(string.whitespace) - {"|"})
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *letters]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.json"
        path.write_text(json.dumps({name: at for at, name in enumerate(names)}), "utf-8")
        tokenizer: Any = Wav2Vec2CTCTokenizer
        return tokenizer(str(path))  # type: ignore[no-any-return]


def _has(network: Any, prefix: str, inside: str) -> bool:
    try:
        return isinstance(network.get_submodule(f"{prefix}.{inside}"), nn.ModuleList)
    except AttributeError:
        return False


class Labels(AudioTrainer):
    """Cross-entropy over the labels of audio clips."""

    head = ("projector", "classifier")

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        auto: Any = AutoModelForAudioClassification
        config = pretrained.load_config(weights.folder)
        architectures = weights.config().get("architectures") or [""]
        is_classifier = architectures[0].endswith(("ForAudioClassification", "ForSequenceClassification"))
        is_new = not is_classifier or not set(labels) <= set(config.id2label.values())
        if is_new:
            with pretrained.quiet():
                network = auto.from_config(pretrained.config_for(weights, labels), dtype=dtype)
            body = pretrained.load_network(AutoModel, weights, dtype=dtype)
            network.base_model.load_state_dict(body.state_dict())
        else:
            network = pretrained.load_network(auto, weights, dtype=dtype)
        notes = pretrained.say_one_label(network)
        extractor = load_part(AutoFeatureExtractor, weights)
        model = cls(network.to(device), extractor, pretrained.labels_of(network.config))
        model.has_new_head, model.notes = is_new, notes
        return model

    def logits(self, batch: list[dict[str, Any]]) -> Tensor:
        """(B, labels)."""
        return torch.stack(super().logits(batch))

    def logits_from(self, features: Sequence[Tensor] | Tensor, upper: int) -> Tensor:
        network = self.network
        if not hasattr(network, "projector"):
            return network.classifier(torch.stack(list(features)))  # type: ignore[no-any-return]
        pooled = [network.projector(row).mean(0) for row in features]
        return network.classifier(torch.stack(pooled))  # type: ignore[no-any-return]


class Transcripts(AudioTrainer):
    """Connectionist temporal classification (Graves et al. 2006): letters without their times."""

    kind = "text"
    head = ("lm_head",)

    def __init__(self, network: Any, extractor: Any, tokenizer: Any) -> None:
        super().__init__(network, extractor, ())
        self._write_with(tokenizer)

    def _write_with(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer: Any = tokenizer
        self.blank: int = tokenizer.pad_token_id
        known = set(tokenizer.get_vocab())
        has_upper, has_lower = "A" in known, "a" in known
        self.case: Callable[[str], str] = str if has_upper == has_lower else str.upper if has_upper else str.lower

    @classmethod
    def open(cls, weights: WeightsRef, *, labels: Sequence[str], device: torch.device, dtype: torch.dtype) -> Self:
        del labels
        architecture = (weights.config().get("architectures") or ["nothing"])[0]
        config = pretrained.load_config(weights.folder)
        if architecture.endswith("ForCTC"):
            network = pretrained.load_network(AutoModelForCTC, weights, dtype=dtype).to(device)
            return cls(network, load_part(AutoFeatureExtractor, weights), load_part(AutoTokenizer, weights))
        if type(config) not in MODEL_FOR_CTC_MAPPING or not architecture.endswith(("Model", "ForPreTraining")):
            raise WrongTask(
                f"'{weights.folder}' cannot be trained for automatic-speech-recognition",
                why=f"it is a {architecture}, and what is trained here are networks for CTC",
                fix="start from a …ForCTC, such as hf:facebook/wav2vec2-base-960h, or from its body alone",
            )
        # A body that has learned to hear and not to write: the letters are those of the rows to train on.
        auto: Any = AutoModelForCTC
        body = pretrained.load_network(AutoModel, weights, dtype=dtype)
        tokenizer = _tokenizer("")
        config.vocab_size, config.pad_token_id = len(tokenizer), tokenizer.pad_token_id
        with pretrained.quiet():
            network = auto.from_config(config, dtype=dtype)
        network.base_model.load_state_dict(body.state_dict())
        model = cls(network.to(device), load_part(AutoFeatureExtractor, weights), tokenizer)
        model.has_new_head = True
        return model

    def fit_statistics(self, items: Sequence[Audio], labels: Sequence[str]) -> None:
        """Take the letters to write from the texts to learn, and make the head that writes them."""
        tokenizer = _tokenizer("".join(labels).upper())
        head = nn.Linear(self.network.lm_head.in_features, len(tokenizer))
        self.network.lm_head = head.to(self.network.lm_head.weight)
        self.network.config.vocab_size = len(tokenizer)
        self._write_with(tokenizer)

    def targets(self, labels: Sequence[str], features: Sequence[Features]) -> list[Tensor]:
        """Letters by their numbers, (L,)."""
        return [self._letters(label) for label in labels]

    def _letters(self, text: str) -> Tensor:
        said = self.case(" ".join(text.split()))
        ids: list[int] = self.tokenizer(said).input_ids
        unknown = self.tokenizer.unk_token_id
        if not ids or unknown in ids:
            known = self.tokenizer.get_vocab()
            letters = "".join(dict.fromkeys(each for each in said if each not in known and each != " "))
            raise BadInput(
                f"the checkpoint cannot write {letters!r:.40}" if ids else "this text has nothing to write",
                why=f"its letters are {' '.join(name for name in known if len(name) == 1):.80}",
                fix="write numbers and signs out as words",
            )
        return torch.tensor(ids)

    def losses(self, output: Sequence[Tensor], targets: Sequence[Tensor]) -> Losses:
        """Sum the loss of each row over its letters; not finite where an audio clip has fewer states than letters."""
        rows = [
            ctc_loss(
                logits.float().log_softmax(-1)[:, None], target[None].to(logits.device),
                torch.tensor([len(logits)]), torch.tensor([len(target)]), blank=self.blank, reduction="sum",
            )
            for logits, target in zip(output, targets, strict=True)
        ]  # fmt: skip
        found = torch.stack(rows)
        return Losses(found, found.new_tensor([len(target) for target in targets]))

    def logits_from(self, features: Sequence[Tensor] | Tensor, upper: int) -> list[Tensor]:
        return [self.network.lm_head(row) for row in features]

    def predictions(self, output: Sequence[Tensor], targets: Sequence[Tensor]) -> list[str]:
        return [self.tokenizer.decode(logits.argmax(-1).tolist()).strip() for logits in output]

    def wanted(self, targets: Sequence[Tensor], labels: Sequence[str]) -> list[str]:
        return [self.tokenizer.decode(target.tolist(), group_tokens=False).strip() for target in targets]

    def save(self, folder: Path) -> None:
        super().save(folder)
        with pretrained.quiet():
            self.tokenizer.save_pretrained(folder)
