"""Plugins that look on: the hook ``on_training`` sees a training from its start to its end."""

import pytest
from toys import Toys

from duomo import Catalog, Hooks, TrainingContext, hookimpl
from duomo.errors import Aborted, BadInput, PluginBroken
from duomo.plugins.selection import Selection


class Witness(Hooks):
    def __init__(self, fails_at: str = "", error: Exception | None = None) -> None:
        self.events: list[tuple[str, int]] = []
        self.contexts: list[TrainingContext] = []
        self.values: list[dict[str, object]] = []
        self._fails_at, self._error = fails_at, error or RuntimeError("the tracker is down")

    @hookimpl
    def on_training(self, ctx: TrainingContext) -> None:
        self.events.append((ctx.event, ctx.step))
        self.contexts.append(ctx)
        self.values.append(ctx.values)
        if ctx.event == self._fails_at:
            raise self._error


def with_witness(witness: Witness) -> Catalog:
    return Catalog(Selection(allow=frozenset()), extra={"toys": Toys(), "witness": witness})


@pytest.mark.parametrize("parallel", [None, pytest.param("dp=2", marks=pytest.mark.multiproc)])
def test_a_plugin_sees_the_start_each_line_each_checkpoint_and_the_end(fit, rows, parallel):
    witness = Witness()
    found = fit(rows, catalog=with_witness(witness), parallel=parallel, checkpoint_s=0.0)
    events = [event for event, _ in witness.events]
    assert (events[0], events[-1]) == ("start", "end")
    assert set(events) == {"start", "log", "checkpoint", "end"}
    lines = [values for event, values in zip(events, witness.values, strict=True) if event == "log"]
    assert lines == list(found.curves)
    steps = [step for event, step in witness.events if event == "checkpoint"]
    assert steps == list(range(1, found.record["steps"] + 1))
    assert witness.values[-1] == {name: each.value for name, each in found.metrics.items()}
    [context] = {id(each): each for each in witness.contexts}.values()
    assert (context.task, context.model, context.folder) == ("text-classification", "toys/letters", found.folder)
    assert (context.recipe["epochs"], context.recipe["train"]) == (2, "head")


def test_one_that_fails_while_it_looks_on_is_warned_about_and_costs_nothing(fit, rows):
    with pytest.warns(UserWarning, match="plugin 'witness': on_training raised RuntimeError: the tracker is down"):
        assert fit(rows, catalog=with_witness(Witness("checkpoint"))).metrics


@pytest.mark.parametrize(("raised", "seen"), [(Aborted("not on a Sunday"), Aborted), (None, PluginBroken)])
def test_one_may_stop_a_training_at_its_start(fit, rows, tmp_path, raised, seen):
    with pytest.raises(seen):
        fit(rows, catalog=with_witness(Witness("start", raised)))
    assert not (tmp_path / "out").exists()


def test_what_ended_a_training_is_seen(fit, rows):
    witness = Witness()
    with pytest.raises(BadInput):
        fit(rows, catalog=with_witness(witness), label="nothing")
    assert [event for event, _ in witness.events] == ["start", "end"]
    assert isinstance(witness.contexts[-1].error, BadInput)
