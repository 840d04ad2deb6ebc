"""What every model must do: valid results, the same alone and in a batch, no pickles, no network, no surprises."""

from __future__ import annotations

import contextlib
import copy
import functools
import gc
import json
import os
import pickle
import sys
import unittest
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from duomo.catalog import Catalog, default_catalog
from duomo.counting import a_type
from duomo.execution.inline import InlineExecutor
from duomo.model import Model
from duomo.outcome import Outcome
from duomo.references import find_weights
from duomo.resolving import resolve
from duomo.runner import Runner, load
from duomo.testing.comparing import difference, strange
from duomo.testing.listening import listen
from duomo.testing.samples import Sample, sample_for
from duomo.testing.suite import Suite


class ModelConformance(Suite):
    """What every model must do. Set `model`, and the rest where the defaults do not fit."""

    model: ClassVar[str]
    """``plugin/thing``; for a family a checkpoint, ``dir:PATH``."""
    task: ClassVar[str | None] = None
    """For a model that does several; its first when left out."""
    samples: ClassVar[Sequence[Any] | None] = None
    """Inputs to try it on, two or more; those of `duomo.testing.sample_for` when left out."""
    broken: ClassVar[Any] = object()
    """An input that it must refuse; with `samples` only."""
    options: ClassVar[dict[str, Any]] = {}
    """Options to try it with, over those of the sample."""
    device: ClassVar[str] = "cpu"
    tolerance: ClassVar[float] = 1e-3
    """By how much numbers may differ between alone and in a batch, relative to their size (at least 1)."""
    catalog: ClassVar[Catalog | None] = None
    """The plugins to use; all installed ones when left out."""

    def subject(self) -> str:
        """The model, and its task where it has several."""
        return self.model + (f" ({self.task})" if self.task else "")

    @property
    def trial(self) -> Trial:
        """The model, loaded and tried once for all its checks."""
        suite: Any = type(self)
        return _try(suite)

    def test_loading_opens_no_pickle(self) -> None:
        """A pickle can run any code when it is loaded."""
        opened = {event for event in self.trial.events if event.startswith("pickle")}
        assert not opened, f"loading it unpickled {', '.join(sorted(opened))}: use safetensors"

    def test_it_stays_off_the_network(self) -> None:
        """Its weights are here, and it must stay offline."""
        trial = self.trial
        assert trial.alone
        opened = {event for event in trial.events if event.startswith("socket")}
        assert not opened, f"it tried to reach {', '.join(sorted(opened))}"

    def test_its_networks_are_in_evaluation_mode(self) -> None:
        """Dropout would give another result each time."""
        torch = sys.modules.get("torch")
        for name, value in vars(self.trial.model).items():
            if torch is not None and isinstance(value, torch.nn.Module):
                training = [path for path, module in value.named_modules() if module.training]
                assert not training, f"{name} has {len(training)} modules in training mode, such as '{training[0]}'"

    def test_a_result_is_what_the_task_promises(self) -> None:
        """Its class, its fields and their types; no tensor in it."""
        wanted = self.trial.runner.task.Result
        for result in self.trial.alone:
            assert type(result) is wanted, f"it gave {a_type(result)} where {wanted.__name__} is promised"
            content = result.model_dump(warnings=False)
            odd = strange(content)
            assert not odd, f"its result holds {odd}; turn it into plain numbers, texts, lists and vectors"
            wanted.model_validate(content, strict=True)

    def test_a_result_survives_json(self) -> None:
        """Written and read again it is the same."""
        for outcome in self.trial.together:
            written = json.loads(outcome.to_json())["result"]
            again = self.trial.runner.task.Result.model_validate_json(json.dumps(written))
            assert difference(again, outcome.result, 0.0) == ""

    def test_items_and_results_cross_to_other_processes(self) -> None:
        """Executors send both: an item that went so gives the same result, and a result stays as it is."""
        trial = self.trial
        accepted = trial.runner.task.Input.accept(trial.sample.items[0])
        there = trial.runner(_sent(accepted), **trial.sample.options)
        found = difference(there, trial.alone[0], self.tolerance)
        assert not found, f"an item that was sent gives another result: {found}"
        assert difference(_sent(trial.alone[0]), trial.alone[0], 0.0) == "", "a result that was sent is another"

    def test_a_batch_gives_what_one_by_one_gives(self) -> None:
        """Padding and batch-mates may not show in a result."""
        for alone, outcome in zip(self.trial.alone, self.trial.together, strict=True):
            found = difference(outcome.unwrap(), alone, self.tolerance)
            assert not found, f"item {outcome.index} differs between batch and alone: {found}"

    def test_the_same_input_gives_the_same_result(self) -> None:
        """Called again with the same options."""
        sample = self.trial.sample
        found = difference(self.trial.runner(sample.items[0], **sample.options), self.trial.alone[0], 0.0)
        assert not found, f"two calls differ: {found}"

    def test_nothing_in_gives_nothing_out(self) -> None:
        """An empty input is not an error."""
        assert list(self.trial.runner.map([], **self.trial.sample.options)) == []

    def test_inputs_and_options_are_left_as_they_are(self) -> None:
        """They are the caller's."""
        trial = self.trial
        assert trial.alone
        assert trial.together
        found = difference(trial.sample, trial.untouched, 0.0)
        assert not found, f"it changed what it was given: {found}"

    def test_a_bad_item_costs_no_other_its_result(self) -> None:
        """It gets an error of its own, with words."""
        trial = self.trial
        good, broken = trial.sample.items[0], trial.sample.broken
        bad, beside = trial.runner.map([broken, good], batch_size=2, **trial.sample.options)
        assert not bad.ok, f"{broken!r:.60} was taken for a good item"
        assert bad.error is not None
        assert bad.error.what
        assert beside.ok, f"another item fell with it: {beside.error}"
        found = difference(beside.result, trial.alone[0], self.tolerance)
        assert not found, f"an item differs beside a bad one: {found}"

    def test_closing_it_gives_its_memory_back(self) -> None:
        """Nobody else may hold on to a model."""
        watched = weakref.ref(self.trial.model)
        self.trial.runner.close()
        _try.cache_clear()
        if watched() is not None:  # in a circle; a look at all objects of torch takes half a second
            gc.collect()
        assert watched() is None, "the model is still alive after close(); who holds it? (a cache, a global?)"


class Trial:
    """A loaded model, and what it made of its sample, alone and in a batch."""

    def __init__(self, suite: type[ModelConformance]) -> None:
        catalog = suite.catalog or default_catalog()
        spec = find_weights(suite.task, suite.model, catalog)[0].spec
        # Its libraries may unpickle things of their own when imported; what counts is what `load` does.
        resolve(spec.loader, spec.requires, f"model '{spec.name}'")
        with _offline(), listen() as self.events:
            self.runner = load(spec.task, suite.model, device=suite.device, catalog=catalog)
        self.sample = _sample(suite, self.runner)
        self.untouched = copy.deepcopy(self.sample)

    @property
    def model(self) -> Model[Any, Any]:
        """The model's own object."""
        assert isinstance(self.runner.executor, InlineExecutor)
        return self.runner.executor.worker.model

    @functools.cached_property
    def alone(self) -> list[Any]:
        """The result of each item by itself."""
        with _offline(), listen() as events:
            results = [self.runner(item, **self.sample.options) for item in self.sample.items]
        self.events += [event for event in events if event.startswith("socket")]
        return results

    @functools.cached_property
    def together(self) -> list[Outcome[Any]]:
        """The outcomes of all items in one batch."""
        items = self.sample.items
        return list(self.runner.map(items, batch_size=len(items), **self.sample.options))


def _sent(value: object) -> object:
    """`value` as it comes out at the other end of a pipe."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - its own bytes, of a moment ago


@functools.lru_cache(maxsize=1)
def _try(suite: type[ModelConformance]) -> Trial:
    return Trial(suite)


def _sample(suite: type[ModelConformance], runner: Runner[Any]) -> Sample:
    if suite.samples is not None:
        return Sample(list(suite.samples), suite.options, suite.broken)
    sample = sample_for(runner.task)
    if sample is None:
        raise unittest.SkipTest(f"no sample for {runner.task.name}: set samples = [...] on this class")
    return sample._replace(options={**sample.options, **suite.options})


@contextlib.contextmanager
def _offline() -> Iterator[None]:
    before = os.environ.get("DUOMO_OFFLINE")
    os.environ["DUOMO_OFFLINE"] = "1"
    try:
        yield
    finally:
        os.environ.pop("DUOMO_OFFLINE")
        if before is not None:
            os.environ["DUOMO_OFFLINE"] = before
