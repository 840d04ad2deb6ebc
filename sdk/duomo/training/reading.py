"""Data and network made ready: rows read, cleaned, split and prepared, and the network opened for their labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from duomo.counting import counted
from duomo.data.checks import check_differ, check_names, look_alikes, unknown_names, written_for_none
from duomo.data.cleaning import clean
from duomo.data.examples import Example, Finding
from duomo.data.unread import unread
from duomo.errors import BadInput, BadOption, SystemicError, did_you_mean
from duomo.execution.devices import pick_device
from duomo.execution.worker import opening
from duomo.outcome import ItemError
from duomo.resolving import resolve
from duomo.specs import TaskSpec
from duomo.training.fit import LeftOut
from duomo.training.material import Material, default_label, left_out, names_of, read_material, split_rows
from duomo.training.order import mix
from duomo.training.request import Request
from duomo.training.rows import PreparedRows
from duomo.training.starts import Start
from duomo.training.trainable import Trainable

if TYPE_CHECKING:
    from duomo.tasks.base import Options


class Reading:
    """What a training reads.

    Args:
        request: what is asked for.
        start: the weights, and who trains them.
        spec: of the task.
    """

    def __init__(self, request: Request, start: Start, spec: TaskSpec) -> None:
        self.request, self.start, self.spec = request, start, spec
        self.recipe = request.recipe
        self.task = resolve(spec.target, owner=f"task '{request.task}'")
        self.device = torch.device(pick_device(request.device))
        self.left_out: list[LeftOut] = []
        self.findings: list[Finding] = []
        self.labels: list[str] = []
        self.known = set[str]()
        """Labels that the model gave before; asked for in evaluation alone."""
        self.truncated = 0
        """Rows longer than the model reads."""
        self.cut_off = 0
        """Those of them whose label lies in what was cut off."""

    def read(self, *, learns: bool = True) -> None:
        """Read and check all rows, and open the network.

        Args:
            learns: whether there must be something to learn: evaluation takes rows of one class.
        """
        request, cls = self.request, self.start.trainer()
        label = default_label(cls.kind) if request.label == "label" else request.label
        material = read_material(
            self.task, self.spec, cls.kind, request.data, request.validation, label, request.input,
            takes_lists=cls.several is not None,
        )  # fmt: skip
        self.start = self.start._replace(has_lists=material.kind == "names")
        cls = self.start.trainer()
        self.left_out = material.left_out
        self.findings += unread(request.data, self.spec.suffixes, is_labelled=cls.kind != "none")
        if self.recipe.clean:
            own, found = clean(material.examples[: material.num_own], self.recipe.clean)
            other, also = clean(material.examples[material.num_own :], self.recipe.clean)
            self.findings += [*found, *also]
            material = material._replace(examples=[*own, *other], num_own=len(own))
        if learns:
            self._check_labels(cls, material.examples[: material.num_own])
        else:
            material = self._leave_unknown_out(material)
        prepared = self._prepare_rows(cls, material)
        if learns:  # rows that cannot be used may have been all those of a class
            self._check_labels(cls, prepared.examples[: self._num_own])
            self.findings += [*look_alikes(self.labels), *written_for_none(self.labels)]
            known = self.labels_of_the_start() if cls.kind in ("classes", "names") and self.model.has_new_head else ()
            self.findings += [unknown_names(known, self.labels)] if known else []
        parts = split_rows(prepared.examples, self._num_own, cls.kind, request.validation, self.recipe.seed)
        self._limit_left_out(len(prepared))
        self.findings += parts.findings
        self.findings += [Finding("note", each) for each in self.model.notes]
        self.truncated, self.cut_off = prepared.counts["truncated"], prepared.counts["cut off"]
        self.findings += _of_reading(prepared.counts)
        self.train_rows = prepared.take(parts.train, varied=True)
        self.held_rows = prepared.take(parts.held)
        self.accepted = self.train_rows.examples, self.held_rows.examples
        if self.model.regroups:
            self.train_rows, self.held_rows = self.train_rows.regroup(), self.held_rows.regroup()
        self.train_labels = [each.label for each in self.train_rows.examples]
        self.held_labels = [each.label for each in self.held_rows.examples]
        if learns and not self.held_labels:
            self._check_needs_none_held()

    def _check_needs_none_held(self) -> None:
        """Refuse what chooses by a score where no rows are held out."""
        for name in ("patience", "best"):
            value = getattr(self.recipe, name)
            if value is not None:
                raise BadOption(
                    f"recipe: {name}={value} needs rows that are held out",
                    why="no score says whether an epoch was better",
                    fix=f"validation=0.2  (--validation 0.2), or leave {name} out",
                )

    def labels_of_the_start(self) -> Sequence[str]:
        """Labels of the checkpoint's own head; none of one without a head, or whose head names none."""
        weights = self.start.weights
        config = {} if self.start.architecture or weights.path is None else weights.config()
        names = [str(name) for name in dict(config.get("id2label") or {}).values()]
        is_named = any(not re.fullmatch(r"LABEL_\d+", name) for name in names)
        return names if is_named and any("Classification" in each for each in config.get("architectures") or ()) else ()

    def _leave_unknown_out(self, material: Material) -> Material:
        """Leave out rows with a label that the model does not know, unless it knows none: evaluation makes no head."""
        cls = self.start.trainer()
        if cls.kind not in ("classes", "names", "spans"):
            return material
        self.known, kept, lost = self._labels_of_the_model(), list[Example](), list[LeftOut]()
        for each in material.examples:
            unknown = [name for name in names_of([each], cls.kind) if name not in self.known]
            if not unknown:
                kept.append(each)
                continue
            error = BadInput(
                f"label {unknown[0]!r} is unknown to the model",
                why=f"it says {', '.join(sorted(self.known)[:8])}",
                fix="name the label as the model does, or train it on rows with it: duomo train",
            )
            lost.append(left_out(each.id, ItemError.of(error)))
        if not names_of(kept, cls.kind):
            return material
        self.left_out += lost
        return material._replace(examples=kept, num_own=len(kept))

    def _labels_of_the_model(self) -> set[str]:
        """Labels that it gives without a new head; none where that cannot be told."""
        cls = self.start.trainer()
        known = set(self.labels_of_the_start())
        if cls.kind == "spans":
            return {tag[2:] for tag in known if tag[:2] == "B-" and f"I-{tag[2:]}" in known}
        weights = self.start.weights
        if known or self.start.architecture or (weights.path is not None and weights.config().get("architectures")):
            return known
        model = self._open(cls)
        return set() if model.has_new_head else set(model.labels)

    def _check_labels(self, cls: type[Trainable[Any]], examples: Sequence[Example]) -> None:
        labels = [each.label for each in examples]
        if cls.kind in ("classes", "names", "number"):
            others = [f"{each.id}: {each.what}" for each in self.left_out]
            check_differ(labels, self.request.label, others)
        if cls.kind == "spans" and not any(labels):
            raise BadInput(
                "no row has a span",
                why="there is nothing to find",
                fix="mark some: " + '[{"start": 0, "end": 3, "label": "PER"}]',
            )
        if cls.kind == "classes":
            check_names(labels, self.request.label)

    def _prepare_rows(self, cls: type[Trainable[Any]], material: Material) -> PreparedRows:
        """Open the network and prepare all rows; those that cannot be are left out, and their labels with them."""
        examples, self._num_own = material.examples, material.num_own
        while True:
            own = examples[: self._num_own]
            self.labels = names_of(own, cls.kind)
            # A head that is made now draws its first weights from here.
            torch.default_generator.manual_seed(mix(self.recipe.seed, "init"))
            self.model = self._open(cls)
            if self.model.fits_statistics and self.model.has_new_head:
                part = split_rows(examples, self._num_own, cls.kind, self.request.validation, self.recipe.seed).train
                self.model.fit_statistics([examples[at].item for at in part], [examples[at].label for at in part])
            prepared = PreparedRows(self.model, examples, self._options(), self.device)
            failed = prepared.read()
            lost = {example.id for example, _ in failed}
            self.left_out += [left_out(example.id, error) for example, error in failed]
            self._num_own -= sum(each.id in lost for each in own)
            examples = prepared.examples
            if not examples[: self._num_own]:
                raise failed[0][1].to_exception()
            if material.num_own < len(material.examples) and len(examples) == self._num_own:
                raise BadInput(
                    "there is no row to hold out",
                    why=f"all rows of the validation data were left out, the last: {failed[-1][1].what}",
                    fix=failed[-1][1].fix,
                )
            # What was fitted, or a head, may be of rows that cannot be used.
            is_same = not failed or not self.model.fits_statistics
            if is_same and names_of(examples[: self._num_own], cls.kind) == self.labels:
                return prepared

    def _open(self, cls: type[Trainable[Any]]) -> Trainable[Any]:
        placed: Any = {"labels": self.labels, "device": self.device, "dtype": torch.float32}
        if self.start.architecture:
            size = cls.scratch[self.start.architecture][self.start.size]
            model = cls.build(self.start.architecture, size, **placed)
        else:
            with opening(self.start.weights):
                model = cls.open(self.start.weights, **placed)
        unknown = sorted(set(self.recipe.augment) - set(cls.varieties))
        if unknown:
            raise BadOption(
                f"'{self.start.reference}' has no augmentation '{unknown[0]}'",
                why=f"it has {', '.join(cls.varieties) or 'none'}",
                fix=did_you_mean(unknown[0], cls.varieties) or "leave augment out of the recipe",
            )
        if self.recipe.smoothing and not model.smooths:
            raise BadOption(
                f"recipe: smoothing={self.recipe.smoothing} cannot be for {self.request.task}",
                why="it is for one label a row, by cross-entropy",
                fix="leave smoothing out",
            )
        if self.recipe.only_answers and not (model.marks_answers and not model.regroups):
            raise BadOption(
                f"recipe: only_answers cannot be for '{self.start.reference}'",
                why="it is for chats, and a decoder that has learned already",
                fix="task 'text-generation', model=…, rows with messages; or leave only_answers out",
            )
        model.only_answers = self.recipe.only_answers
        model.augmentations, model.smoothing = self.recipe.augment, self.recipe.smoothing
        return model

    def _options(self) -> Options | None:
        """The task's options; a text that is too long is cut, and counted in the report."""
        required = [name for name, field in self.task.Options.model_fields.items() if field.is_required()]
        return None if required else self.task.Options.parse(self.task.Options.cutting())

    def _limit_left_out(self, num_rows: int) -> None:
        if len(self.left_out) > self.recipe.max_failed:
            first = self.left_out[0]
            raise SystemicError(
                f"{counted(len(self.left_out), 'row')} cannot be used, and {num_rows} can",
                why=f"max_failed is {self.recipe.max_failed}; the first is {first.id}: {first.what}",
                fix="correct them, or allow more: max_failed=…  (--max-failed)",
            )


def _of_reading(counts: Mapping[str, int]) -> Iterator[Finding]:
    """What the network does not get of the rows."""
    if count := counts["truncated"]:
        what = counted(count, "input is", "inputs are") + " longer than the model reads"
        yield Finding("note", what, "the beginning is used", num_rows=count)
    if count := counts["cut off"]:
        what = "the label of " + counted(count, "row") + " lies" + " behind what the model reads"
        why = "a span or an answer that was cut off is learned, and scored, as none"
        yield Finding("warning", what, why, "cut long texts into rows of their own", num_rows=count)
    if count := counts["blank"]:
        what = counted(count, "input is silent, or has one colour", "inputs are silent, or have one colour")
        yield Finding("warning", what, "there is nothing in it to learn from", "leave them out", num_rows=count)
    if count := counts["unknown"]:
        what = "of " + counted(count, "row") + " more than half of the tokens are unknown to the tokenizer"
        why = "all unknown ones are read as the same"
        yield Finding("warning", what, why, "start from a checkpoint that knows their script", num_rows=count)
