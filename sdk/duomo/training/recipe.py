"""How a network is trained: a frozen dataclass, to be derived with `dataclasses.replace`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args

from duomo.data.checks import name_of
from duomo.data.cleaning import STEPS
from duomo.errors import BadOption, UsageProblem, did_you_mean

Optimizer = Literal["adamw", "adam", "sgd"]
Schedule = Literal["linear", "cosine", "constant"]
Precision = Literal["float32", "bfloat16"]
CHANGE_NOTHING = ("checkpoint_s", "max_failed", "hang_s", "recompute")
"""Settings that no weight depends on."""
INFINITY = float("inf")
ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(("learning_rate", "max_lr"), "lr"),
    **dict.fromkeys(("num_train_epochs", "num_epochs", "max_epochs"), "epochs"),
    **dict.fromkeys(
        ("batch_size", "per_device_train_batch_size", "train_batch_size"), "batch: rows of one update over all devices"
    ),
    **dict.fromkeys(
        ("gradient_accumulation_steps", "accumulate_grad_batches"),
        "micro: rows of one forward pass; as many as are needed for a batch are added up",
    ),
    **dict.fromkeys(("warmup_ratio", "warmup_steps"), "warmup: a share of the steps"),
    "weight_decay": "decay",
    **dict.fromkeys(("max_grad_norm", "gradient_clip_val", "clip_grad"), "clip"),
    **dict.fromkeys(("lr_scheduler_type", "scheduler", "sched"), "schedule"),
    **dict.fromkeys(("optim", "opt"), "optimizer"),
    **dict.fromkeys(("label_smoothing", "label_smoothing_factor"), "smoothing"),
    **dict.fromkeys(("class_weights", "weight"), "class_weight"),
    "early_stopping_patience": "patience",
    **dict.fromkeys(("metric_for_best_model", "monitor", "eval_metric"), "best"),
    **dict.fromkeys(("gradient_checkpointing", "grad_checkpointing"), "recompute=True"),
    **dict.fromkeys(("torch_compile", "torchcompile"), "compile=True"),
    **dict.fromkeys(("assistant_only_loss", "completion_only_loss", "train_on_responses_only"), "only_answers=True"),
    **dict.fromkeys(("bf16", "fp16", "amp"), "precision='bfloat16'; there is no float16, which needs losses scaled"),
    **dict.fromkeys(
        ("save_steps", "save_strategy", "save_total_limit"), "checkpoint_s; the last and the best are kept"
    ),
    **dict.fromkeys(("lora_r", "r"), "lora_rank"),
}
"""What is called otherwise in HF Trainer, lightning, timm, keras or PEFT, and its name here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of a training; what is left out suits the fine-tuning of a small checkpoint."""

    epochs: int = 3
    """Times that each row is read."""
    max_steps: int | None = None
    """Steps after which training ends, whatever the epochs say."""
    batch: int = 16
    """Rows of one update, over all devices and micro-batches."""
    micro: int | None = None
    """Rows of one forward pass at most; as many as the model's budget allows when left out. It changes no update."""
    lr: float | None = None
    """Highest learning rate; 1e-3 for a head, 2e-4 for LoRA and 5e-5 otherwise when left out."""
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "linear"
    """How the rate falls after the warm-up: to zero, along a cosine, or not at all."""
    warmup: float = 0.0
    """Share of the steps in which the rate rises."""
    decay: float = 0.01
    """Weight decay of matrices; biases and norms have none."""
    clip: float | None = 1.0
    """Largest norm of a gradient; None to leave it as it is."""
    class_weight: str | Mapping[str, float] = "none"
    """``none``, ``balanced`` (each class counts alike), or a weight for each label."""
    smoothing: float = 0.0
    """Share of each label that is spread over all of them, right one included, while it is learned (Szegedy et al.
    2016); scores are without it."""
    only_answers: bool = False
    """Learn, and score, of a chat the messages of the assistant alone; the rest is read and has no loss."""
    clean: tuple[str, ...] = ()
    """Steps done on the rows before anything else: strip, nfc, drop_duplicates, drop_conflicts."""
    augment: tuple[str, ...] = ()
    """Augmentations by name, such as ``flip`` and ``crop`` for images; each model says which it has."""
    precision: Precision = "float32"
    """What matrices are multiplied in, by autocast; weights, the optimiser's state and what is computed once stay
    float32."""
    recompute: bool = False
    """Compute trained layers again in the backward pass instead of keeping what they gave: less memory, more time
    ("gradient checkpointing"). It changes no update."""
    compile: bool = False
    """Run the passes through ``torch.compile``: weights agree to rounding. The first step waits for the compiler."""
    best: str | None = None
    """The score by which the best checkpoint is chosen and `patience` counts, such as ``loss`` or ``accuracy``."""
    patience: int | None = None
    """Epochs without a better score after which training ends."""
    seed: int = 0
    max_failed: int = 20
    """Rows that may be left out; one more ends the training."""
    lora_rank: int = 4
    """Rank of the matrices that ``train="lora"`` adds."""
    checkpoint_s: float = 60.0
    """Seconds between checkpoints; the best epoch has one too. It changes no update."""
    hang_s: float | None = None
    """Seconds that the other processes wait for one until it is taken for hung, and all start again from the last
    checkpoint; 300, or ten times the longest wait before, when left out. It changes no update."""

    def __new__(cls, **given: object) -> Self:
        """Raise `UsageProblem` with the nearest name for a setting that there is not."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in given:
            if name not in known:
                raise UsageProblem(
                    f"a recipe has no '{name}'",
                    why=f"it has {', '.join(known)}",
                    fix=ELSEWHERE.get(name) or did_you_mean(name, known) or "leave it out",
                )
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._check_numbers()
        for name, known in (("optimizer", Optimizer), ("schedule", Schedule), ("precision", Precision)):
            self._check(name, getattr(self, name) in get_args(known), f"one of {', '.join(get_args(known))}")
        for name in ("augment", "clean"):
            self._read_names(name)
        self._check("clean", set(self.clean) <= set(STEPS), f"of {', '.join(STEPS)}")
        self._read_weights()
        self._refuse_contradictions()

    def _check_numbers(self) -> None:
        for name, least in (("epochs", 1), ("batch", 1), ("max_failed", 0), ("lora_rank", 1)):
            self._check(name, _is_whole(getattr(self, name), least), f"a whole number of {least} or more")
        for name in ("max_steps", "micro", "patience"):
            value = getattr(self, name)
            self._check(name, value is None or _is_whole(value, 1), "a whole number of 1 or more")
        self._check("seed", _is_whole(self.seed), "a whole number")
        self._check("lr", self.lr is None or 0 < _number(self.lr) < 10, "a number above 0 and below 10")
        is_bound = self.clip is None or 0 < _number(self.clip) < INFINITY
        self._check("clip", is_bound, "a number above 0, or None (null)")
        self._check("hang_s", self.hang_s is None or 1 <= _number(self.hang_s) < INFINITY, "1 second or more")
        self._check("smoothing", 0 <= _number(self.smoothing) < 1, "a share of each label, from 0 to less than 1")
        for name in ("recompute", "only_answers", "compile"):
            self._check(name, isinstance(getattr(self, name), bool), "True or False")
        self._check("best", self.best is None or isinstance(self.best, str), "the name of a score, such as loss")
        self._check("warmup", 0 <= _number(self.warmup) < 1, "a share of the steps, from 0 to less than 1")
        for name in ("decay", "checkpoint_s"):
            self._check(name, 0 <= _number(getattr(self, name)) < INFINITY, "a number of 0 or more")

    def _read_names(self, name: str) -> None:
        """Make a setting a tuple: names may be parted by commas, or in a list."""
        value = getattr(self, name)
        if isinstance(value, str):
            value = [each.strip() for each in value.split(",") if each.strip()]
        if isinstance(value, list):
            object.__setattr__(self, name, value := tuple(value))
        self._check(name, isinstance(value, tuple) and all(isinstance(x, str) for x in value), "a list of names")

    def _read_weights(self) -> None:
        """Labels that weights are for may be numbers."""
        weights = self.class_weight
        if isinstance(weights, Mapping):
            weights = {name_of(label): weight for label, weight in weights.items()}
            object.__setattr__(self, "class_weight", weights)
            fits = all(0 <= _number(each) < INFINITY for each in weights.values())
        else:
            fits = weights in ("none", "balanced")
        self._check("class_weight", fits, "none, balanced, or a weight of 0 or more for each label")

    def _refuse_contradictions(self) -> None:
        if self.micro is not None and self.micro > self.batch:
            raise BadOption(
                f"recipe: micro={self.micro} contradicts batch={self.batch}",
                why="a batch is cut into micro-batches, so that none has more rows",
                fix=f"micro={self.batch} or less, or leave it out",
            )
        if self.compile and self.recompute:
            raise BadOption(
                "recipe: compile=True contradicts recompute=True",
                why="that dropout is the same where compiled layers are computed again was not shown",
                fix="one of the two; a smaller micro takes less memory, too",
            )
        if self.warmup and self.schedule == "constant":
            raise BadOption(
                f"recipe: warmup={self.warmup} contradicts schedule='constant'",
                why="the rate would rise and so not be constant",
                fix="schedule='linear', or warmup=0",
            )

    def _check(self, name: str, fits: bool, allowed: str) -> None:
        if not fits:
            usual = next(field.default for field in dataclasses.fields(self) if field.name == name)
            raise BadOption(
                f"recipe: {name} cannot be {getattr(self, name)!r:.60}",
                why=f"it is {allowed}",
                fix="leave it out" if usual in (None, dataclasses.MISSING) else f"leave it out for {usual!r}",
            )

    def record(self) -> dict[str, Any]:
        """All settings, JSON-safe."""
        record = dataclasses.asdict(self)
        if not isinstance(self.class_weight, str):
            record["class_weight"] = dict(self.class_weight)
        record.update(augment=list(self.augment), clean=list(self.clean))
        return record

    def fingerprint(self) -> dict[str, Any]:
        """The settings that decide about the weights."""
        return {name: value for name, value in self.record().items() if name not in CHANGE_NOTHING}


def _is_whole(value: object, least: float = -INFINITY) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _number(value: object) -> float:
    """A number as it is, and NaN, which no bound holds for, for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
