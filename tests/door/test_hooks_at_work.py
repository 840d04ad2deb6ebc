"""A hook that fails while duomo works is warned about with its plugin's name, and costs nobody a result."""

import json
import subprocess
import sys

import pytest

import duomo
from duomo.errors import Aborted, WeightsMissing
from duomo.hooks import Hooks, hookimpl
from duomo.testing import fake_catalog


class Grumpy(Hooks):
    @hookimpl
    def resolve_weights(self, ctx):
        raise RuntimeError("the mirror is down")

    @hookimpl
    def after_run(self, ctx):
        raise RuntimeError("the log is full")


class Strict(Hooks):
    @hookimpl
    def before_run(self, ctx):
        raise Aborted("not on a Sunday")


class Changing(Hooks):
    @hookimpl
    def before_run(self, ctx):
        ctx.options["top_k"] = 1


def test_a_failing_mirror_leaves_the_ordinary_way(tmp_path):
    catalog = fake_catalog(grumpy=Grumpy())
    with (
        pytest.warns(UserWarning, match=r"plugin 'grumpy': resolve_weights raised RuntimeError: the mirror is down"),
        pytest.raises(WeightsMissing, match="holds no weights"),
    ):
        duomo.load("text-classification", f"dir:{tmp_path}", catalog=catalog)


def test_a_failing_observer_costs_no_result():
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(grumpy=Grumpy())) as echo:
        with pytest.warns(UserWarning, match="plugin 'grumpy': after_run raised RuntimeError: the log is full"):
            outcomes = list(echo.map(["one", "two"]))
        assert [outcome.unwrap().top.name for outcome in outcomes] == ["one", "two"]


def test_before_run_may_refuse_and_may_change_options():
    refused = duomo.load("text-classification", "fake/echo", catalog=fake_catalog(strict=Strict()))
    with pytest.raises(Aborted, match="not on a Sunday"):
        list(refused.map(["one"]))
    with duomo.load("text-classification", "fake/echo", catalog=fake_catalog(changing=Changing())) as echo:
        assert [len(outcome.unwrap().labels) for outcome in echo.map(["one"])] == [1]


def test_duomo_is_also_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "duomo", "plugins", "list", "-o", "json"], capture_output=True, text=True, check=True
    )
    assert {"vision", "nlp", "speech", "multimodal"} <= {each["name"] for each in json.loads(done.stdout)}
