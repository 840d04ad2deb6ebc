"""The bounds of a run, from the plan, the model and the caller."""

import pytest

import duomo
from duomo.execution.base import Entry, Job, ModelFacts
from duomo.execution.inline import InlineExecutor
from duomo.execution.plan import ExecutionPlan
from duomo.execution.scheduling.policy import MOST_BYTES, MOST_ITEMS, WINDOW_BYTES, Policy
from duomo.outcome import Meta
from duomo.testing import echo_spec

FACTS = ModelFacts(Meta("task", "model"), batch_size=256, batch_budget=2048, packed=True)


def policy(plan=None, workers=1, batch_size=None, facts=FACTS):
    return Policy.of(plan or ExecutionPlan(), facts, workers, batch_size=batch_size, max_failed=None)


@pytest.mark.parametrize(
    ("plan", "batch_size", "expected"),
    [
        (ExecutionPlan(), None, (256, 2048)),
        (ExecutionPlan(), 8, (8, 2048)),
        (ExecutionPlan(batch_budget=65_536), None, (MOST_ITEMS, 65_536)),
        (ExecutionPlan(batch_budget=65_536), 8, (8, 65_536)),
    ],
)
def test_a_plan_that_bounds_the_cost_of_a_batch_is_not_held_to_the_models_own_bounds(plan, batch_size, expected):
    found = policy(plan, batch_size=batch_size)
    assert (found.max_items, found.budget) == expected
    assert found.packed


def test_the_window_grows_with_the_workers_up_to_a_bound_in_bytes():
    assert policy(ExecutionPlan(window_items=2048), workers=4).window_items == 8192
    assert policy(workers=4).window_bytes == 4 * WINDOW_BYTES
    assert policy(workers=1024).window_bytes == MOST_BYTES


def test_one_device_runs_the_batches_that_were_planned_for_it():
    executor = InlineExecutor()
    plan = ExecutionPlan(batch_budget=600)
    executor.start(Job(echo_spec(), "text-classification", "fake/echo", None, "", "", plan=plan))
    task = duomo.tasks.TextClassification
    entries = (Entry(index, "", task.Input.accept("a" * 20)) for index in range(300))
    sizes = {outcome.meta.batch for outcome in executor.map(entries, task.Options())}
    own = executor.worker.model.batch_size
    assert max(sizes) > own, "the plan's bound is wider than the model's"
