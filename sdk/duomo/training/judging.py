"""How good a model is that need not be trainable: it is run, and what it says is compared with labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from duomo.catalog import Catalog
from duomo.counting import counted
from duomo.data.examples import Example
from duomo.errors import BadInput, BadOption, WrongTask
from duomo.resolving import resolve
from duomo.runner import AnyTask, load
from duomo.tasks.base import Result
from duomo.tasks.nlp.extraction import Answers, Entities
from duomo.tasks.results import Classification, Number
from duomo.tasks.speech.recognition import Transcript
from duomo.tasks.vision.reading import Handwriting
from duomo.training.fit import LeftOut
from duomo.training.material import default_label, left_out, names_of, read_material
from duomo.training.metrics import Answers as AnswerScores, Classes, Metric, Named, Numbers, Tokens, WordErrors
from duomo.training.request import Request
from duomo.training.trainable import Kind


class Judged(NamedTuple):
    """How a result is compared with the label of its row."""

    kind: Kind
    said: Callable[[Any, Any], Any]
    """Result and input → what the metric takes."""
    wanted: Callable[[Any, Any], Any]
    """Label and input → the same."""
    metric: Callable[[], Metric]


def _named(given: Iterable[tuple[int, int, str]], text: str) -> Named:
    """Return spans, and the name of each word: of the first span that touches it."""
    spans = list(given)
    names = [
        next((name for start, end, name in spans if start < word.end() and end > word.start()), Tokens.outside)
        for word in re.finditer(r"\S+", text)
    ]
    return Named(names, set(spans))


WAYS: Mapping[type, Judged] = {
    Classification: Judged("classes", lambda said, _: said.top.name, lambda label, _: label, lambda: Classes(())),
    Number: Judged("number", lambda said, _: said.value, lambda label, _: label, Numbers),
    Transcript: Judged("text", lambda said, _: said.text, lambda label, _: label, WordErrors),
    Handwriting: Judged("text", lambda said, _: said.text, lambda label, _: label, WordErrors),
    Answers: Judged(
        "answer", lambda said, _: said.answers[0].text if said.answers else "",
        lambda label, _: [each["text"] for each in label], AnswerScores,
    ),
    Entities: Judged(
        "spans", lambda said, text: _named(((each.start, each.end, each.label) for each in said.spans), text),
        lambda label, text: _named(((each["start"], each["end"], each["label"]) for each in label), text), Tokens,
    ),
}  # fmt: skip
"""By the class of a task's results."""


def judge(request: Request, catalog: Catalog) -> tuple[Metric, int, list[LeftOut], int]:
    """Run a model on rows: the metric, how many rows it counts, those left out, and how many were cut.

    Raises:
        WrongTask: no metric compares what the task gives with a label.
        BadInput: there is no row, or the model says none of the labels.
    """
    spec = catalog.task(request.task)
    task: AnyTask[Result] = resolve(spec.target, owner=f"task '{request.task}'")
    way = next((way for kind, way in WAYS.items() if issubclass(task.Result, kind)), None)
    if way is None:
        known = sorted({kind.__name__ for kind in WAYS})
        raise WrongTask(
            f"{request.task} cannot be evaluated",
            why=f"it gives {task.Result.__name__}, and there are metrics for {', '.join(known)}",
            fix="compare what duomo.run gives with your labels yourself",
        )
    label = default_label(way.kind) if request.label == "label" else request.label
    read = read_material(task, spec, way.kind, request.data, 0, label, request.input)
    lost, metric, count, truncated = read.left_out, way.metric(), 0, 0
    with load(request.task, request.model, device=request.device, catalog=catalog) as runner:
        outcomes = runner.map([each.item for each in read.examples], **_options(task, way.kind, read.examples))
        for example, outcome in zip(read.examples, outcomes, strict=True):
            if outcome.error is not None:
                lost.append(left_out(example.id, outcome.error))
                continue
            metric.add([way.said(outcome.result, example.item)], [way.wanted(example.label, example.item)])
            count += 1
            truncated += outcome.meta.truncated
    if not count:
        raise BadInput(
            f"none of {counted(len(lost), 'row')} can be read", why=f"the first: {lost[0].what}", fix=lost[0].fix
        )
    if isinstance(metric, Classes):
        _settle(metric, request.model)
    return metric, count, lost, truncated


def _options(task: AnyTask[Result], kind: Kind, examples: Sequence[Example]) -> dict[str, Any]:
    """Options of the task: long inputs are cut; where labels are to be given, they are those of the rows."""
    fields = task.Options.model_fields
    values: dict[str, Any] = dict(task.Options.cutting())
    if kind == "classes" and "labels" in fields:
        values["labels"] = names_of(examples, kind)
    missing = [name for name, field in fields.items() if field.is_required() and name not in values]
    if missing:
        raise BadOption(
            f"{task.name} needs {', '.join(missing)}", why="evaluation takes no options", fix="duomo.run with them"
        )
    return values


def _settle(metric: Classes, model: str | None) -> None:
    """Give the metric all names that were said. Raises `BadInput` when no row has a name that the model says."""
    wanted, said = ({pair[at] for pair in metric.pairs} for at in (0, 1))
    metric.labels = sorted(wanted | said)
    if not wanted & said and not isinstance(metric, Tokens):
        raise BadInput(
            f"'{model}' does not know the labels of these rows",
            why=f"it says {', '.join(sorted(said)[:8])}, and the rows have {', '.join(sorted(wanted)[:8])}",
            fix="name the labels as the model does, or train one on these: duomo train",
        )
