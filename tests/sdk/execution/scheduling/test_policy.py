"""The bounds of a run, from the plan, the model and the caller."""

import dataclasses

import numpy as np
import pytest

import duomo
from duomo.execution.base import Entry, Job, ModelFacts
from duomo.execution.inline import InlineExecutor
from duomo.execution.plan import ExecutionPlan
from duomo.execution.scheduling.policy import MOST_BYTES, MOST_ITEMS, WINDOW_BYTES, Policy, same_options
from duomo.execution.scheduling.waiting import SLACK
from duomo.outcome import Meta
from duomo.testing import echo_spec

FACTS = ModelFacts(Meta("task", "model"), batch_size=256, batch_budget=2048, packed=True)


def policy(plan=None, workers=1, batch_size=None, max_failed=None, facts=FACTS):
    return Policy.of(plan or ExecutionPlan(), facts, workers, batch_size=batch_size, max_failed=max_failed)


def test_a_run_of_which_nothing_is_said_has_these_bounds():
    assert dataclasses.asdict(Policy()) == {
        "max_items": 32,
        "budget": 0,
        "packed": False,
        "window_items": 1024,
        "window_bytes": 256 * 2**20,
        "retryable": {"ConnectionError", "TimeoutError"},
        "systemic_after": 32,
        "max_failed": None,
        "workers": 1,
        "live": False,
        "slack": SLACK,
    }


def test_what_the_caller_bounds_is_kept():
    found = policy(workers=3, batch_size=8, max_failed=5)
    assert (found.max_items, found.max_failed, found.workers) == (8, 5, 3)


def test_among_many_callers_the_failures_of_some_end_nothing():
    shared = policy(workers=3, batch_size=8, max_failed=5).shared()
    assert (shared.systemic_after, shared.max_failed, shared.live) == (0, None, True)
    assert (shared.max_items, shared.workers) == (8, 3)


@pytest.mark.parametrize("packed", [True, False])
def test_whether_a_model_packs_is_the_models_own(packed):
    assert policy(facts=FACTS._replace(packed=packed)).packed is packed


@pytest.mark.parametrize(
    ("plan", "batch_size", "expected"),
    [
        (ExecutionPlan(), None, (256, 2048)),
        (ExecutionPlan(), 8, (8, 2048)),
        (ExecutionPlan(batch_budget=65_536), None, (MOST_ITEMS, 65_536)),
        (ExecutionPlan(batch_budget=65_536), 8, (8, 65_536)),
    ],
)
def test_a_plan_that_bounds_a_batch_replaces_the_models_own_bounds(plan, batch_size, expected):
    found = policy(plan, batch_size=batch_size)
    assert (found.max_items, found.budget) == expected
    assert found.packed


def test_the_window_grows_with_the_workers_up_to_its_bytes():
    assert policy(ExecutionPlan(window_items=2048), workers=4).window_items == 8192
    assert policy(workers=4).window_bytes == 4 * WINDOW_BYTES
    assert policy(workers=1024).window_bytes == MOST_BYTES
    assert (MOST_ITEMS, WINDOW_BYTES, MOST_BYTES) == (4096, 256 * 2**20, 2 * 2**30)


def test_one_device_runs_the_batches_that_were_planned_for_it():
    executor = InlineExecutor()
    plan = ExecutionPlan(batch_budget=600)
    executor.start(Job(echo_spec(), "text-classification", "fake/echo", None, "", "", plan=plan))
    task = duomo.tasks.TextClassification
    entries = (Entry(index, "", task.Input.accept("a" * 20)) for index in range(300))
    sizes = {outcome.meta.batch for outcome in executor.map(entries, task.Options())}
    own = executor.worker.model.batch_size
    assert max(sizes) > own, "the plan's bound is wider than the model's"


def test_items_share_a_batch_where_their_options_are_known_to_be_equal():
    assert same_options({"top_k": 1}, {"top_k": 1})
    assert not same_options({"top_k": 1}, {"top_k": 2})
    assert not same_options(np.zeros(2), np.zeros(2)), "arrays have no one truth value"
