"""The walk with a fake model: order, isolation, laziness, options, hooks and the end."""

import contextlib
import dataclasses
import itertools
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import ClassVar

import pytest
from hypothesis import given, settings, strategies as st

import duomo
from duomo import Hooks, Outcome, Runner, hookimpl
from duomo.catalog import use_catalog
from duomo.errors import (
    Aborted,
    BadOption,
    DeviceUnavailable,
    InputUnreadable,
    ModelFailed,
    PluginBroken,
    SystemicError,
    UsageProblem,
    WorkerContractError,
    WrongTask,
)
from duomo.execution.base import Entry, ItemResult, Timing
from duomo.execution.stats import Stats
from duomo.tasks import TextClassification
from duomo.testing.fakes import EchoModel, FakePlugin, echo_spec, fake_catalog

BAD = ("poison", "crash", "mute", "", None)
"""Items that fail in preprocess, forward, postprocess and, the last two, at the border."""


@pytest.fixture
def echo() -> Iterator[Runner]:
    with duomo.load("text-classification", catalog=fake_catalog()) as runner:
        yield runner


def names(outcomes: list[Outcome]) -> list[str | None]:
    return [outcome.result.top.name if outcome.ok else None for outcome in outcomes]


def test_one_item_gives_its_result(echo):
    assert echo("hello").top.name == "hello"
    assert isinstance(echo("hello"), TextClassification.Result)


@pytest.mark.parametrize("batch_size", [None, 1, 3, 100])
def test_many_items_come_back_in_order_whatever_the_batch(echo, batch_size):
    items = [f"text {'x' * (97 * i % 31)} {i}" for i in range(50)]
    outcomes = list(echo.map(items, batch_size=batch_size))
    assert names(outcomes) == items
    assert [outcome.index for outcome in outcomes] == list(range(50))
    assert [outcome.id for outcome in outcomes] == [str(i) for i in range(50)]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", [0, 2, 4, 9])
def test_a_bad_item_stands_alone_wherever_it_is(echo, bad, place):
    items = [f"item {i}" for i in range(10)]
    items[place] = bad
    outcomes = list(echo.map(items, batch_size=5))
    assert names(outcomes) == [None if i == place else f"item {i}" for i in range(10)]
    assert outcomes[place].error.what


def test_a_batch_of_nothing_but_bad_items_gives_an_error_each(echo):
    outcomes = list(echo.map(BAD, batch_size=len(BAD)))
    codes = [outcome.error.code for outcome in outcomes]
    assert codes == ["E-MODEL-FAILED", "E-MODEL-FAILED", "E-CONTRACT", "E-INPUT-UNREADABLE", "E-INPUT"]


@settings(max_examples=50)
@given(
    items=st.lists(st.sampled_from(["a", "bb" * 9, "poison", "crash", "mute", ""]), max_size=40), size=st.integers(1, 9)
)
def test_no_mixture_of_good_and_bad_loses_or_moves_an_item(items, size):
    with duomo.load("text-classification", catalog=fake_catalog()) as runner:
        outcomes = list(runner.map(["a", *items], batch_size=size))
    assert names(outcomes) == ["a", *(item if item in ("a", "bb" * 9) else None for item in items)]


def test_one_bad_item_called_alone_raises_its_own_error(echo):
    with pytest.raises(InputUnreadable, match="empty"):
        echo("")
    with pytest.raises(ModelFailed, match="poison") as caught:
        echo("poison")
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(WorkerContractError) as lost:
        echo("mute")
    assert "0 from postprocess() for 1 item" in lost.value.what


def test_nothing_in_gives_nothing_out(echo):
    assert list(echo.map([])) == []
    assert list(echo.map(iter(()))) == []


def test_an_endless_source_is_read_as_far_as_it_is_used(echo):
    read = itertools.count()
    outcomes = echo.map(f"item {next(read)}" for _ in itertools.count())
    assert names(list(itertools.islice(outcomes, 3))) == ["item 0", "item 1", "item 2"]
    outcomes.close()
    assert next(read) < 5_000


def test_nothing_is_read_before_the_first_result_is_asked_for(echo):
    def items():
        pytest.fail("read too early")
        yield ""

    echo.map(items())


def test_what_was_read_before_the_source_raised_is_kept(echo):
    def items():
        yield from ("one", "two", "three")
        raise OSError("the disk is gone")

    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        for outcome in echo.map(items(), batch_size=2):
            seen.append(outcome)
    assert names(seen) == ["one", "two", "three"]


def test_options_are_checked_before_anything_is_read(echo):
    with pytest.raises(BadOption) as caught:
        echo.map((pytest.fail("read") for _ in "x"), top_n=2)
    assert "unknown option 'top_n'" in caught.value.what
    assert caught.value.fix == "Did you mean 'top_k'?"
    with pytest.raises(BadOption):
        echo("hello", top_k=0)


def test_options_reach_the_model(echo):
    assert len(echo("hello").labels) == 2
    assert len(echo("hello", top_k=1).labels) == 1
    assert [len(outcome.result.labels) for outcome in echo.map(["a", "b"], top_k=1)] == [1, 1]


@pytest.mark.parametrize("value", ["hello", b"hello", {"text": "hello"}])
def test_one_item_given_to_map_is_a_mistake_and_said_so(echo, value):
    with pytest.raises(UsageProblem) as caught:
        echo.map(value)
    assert "runner(item)" in caught.value.fix


def test_a_batch_of_none_is_a_mistake(echo):
    with pytest.raises(UsageProblem):
        echo.map(["a"], batch_size=0)


def test_items_are_not_changed(echo):
    items = [{"text": "hello", "id": 7}, {"text": "world", "id": 8}]
    list(echo.map(items))
    assert items == [{"text": "hello", "id": 7}, {"text": "world", "id": 8}]


def test_a_file_names_its_outcome_whether_it_worked_or_not(echo, tmp_path):
    good, gone = tmp_path / "a.txt", tmp_path / "b.txt"
    good.write_text("hello")
    outcomes = list(echo.map([good, gone]))
    assert [outcome.id for outcome in outcomes] == [str(good), str(gone)]
    assert [outcome.ok for outcome in outcomes] == [True, False]


def test_meta_says_who_did_it_where_and_with_how_many(echo):
    meta = next(echo.map(["a", "b", "c"], batch_size=2)).meta
    assert (meta.task, meta.model, meta.plugin) == ("text-classification", "fake/echo", "in-process")
    assert (meta.executor, meta.device, meta.dtype, meta.batch) == ("inline", "cpu", "float32", 2)
    assert meta.ms >= 0
    assert echo.meta.model == "fake/echo"


def test_a_task_can_be_named_given_as_its_class_or_left_to_the_model():
    for task, model in (("text-classification", None), (TextClassification, "fake/echo"), (None, "echo")):
        with duomo.load(task, model, catalog=fake_catalog()) as runner:
            assert runner("hello").top.name == "hello"  # type: ignore[attr-defined]
    with pytest.raises(UsageProblem, match="name a task or a model"):
        duomo.load(catalog=fake_catalog())


def test_a_closed_runner_says_that_it_is_closed(echo):
    echo.close()
    echo.close()
    for use in (lambda: echo("a"), lambda: list(echo.map(["a"])), lambda: list(echo.stream("a"))):
        with pytest.raises(UsageProblem, match="closed"):
            use()


def test_a_device_or_dtype_that_is_not_there_is_refused_with_what_is():
    with pytest.raises(DeviceUnavailable) as caught:
        duomo.load("text-classification", catalog=fake_catalog(), device="cuda:99")
    assert "cpu" in caught.value.why
    with pytest.raises(UsageProblem, match="no dtype"):
        duomo.load("text-classification", catalog=fake_catalog(), dtype="float8")


def test_a_family_asks_for_the_checkpoint_to_load():
    catalog = fake_catalog(echo_spec("fake/auto", weights="given"))
    with pytest.raises(UsageProblem) as caught:
        duomo.load("text-classification", "fake/auto", catalog=catalog)
    assert "-m hf:org/name" in caught.value.fix


def test_a_folder_is_given_to_the_family_its_config_calls_for(tmp_path):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "config.json").write_text('{"architectures": ["EchoForTexts"]}')
    catalog = fake_catalog(echo_spec("fake/auto", weights="given", architectures=("Echo*",)))
    with duomo.load("text-classification", f"dir:{tmp_path}", catalog=catalog) as runner:
        assert runner("hello").top.name == "hello"
        assert runner.meta.model == f"dir:{tmp_path}"
        assert runner.meta.revision.startswith("files:")
    with pytest.raises(WrongTask) as caught:
        duomo.load("image-classification", str(tmp_path), catalog=catalog)
    assert "EchoForTexts" in caught.value.why
    assert "duomo run text-classification" in caught.value.fix


def test_a_folder_can_name_its_model_itself(tmp_path):
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "duomo.json").write_text('{"model": "fake/echo"}')
    with duomo.load("text-classification", str(tmp_path), catalog=fake_catalog()) as runner:
        assert runner("hello").top.name == "hello"


def test_a_model_that_does_not_stream_says_so(echo):
    with pytest.raises(UsageProblem, match="EchoModel does not stream"):
        list(echo.stream("hello"))


def test_a_model_that_fails_midway_through_a_stream_raises_ours(echo, monkeypatch):
    def stream(self, item, options):
        yield "one"
        raise RuntimeError("out of words")

    monkeypatch.setattr(EchoModel, "stream", stream)
    parts = echo.stream("hello")
    assert next(parts) == "one"
    with pytest.raises(ModelFailed, match="out of words"):
        next(parts)


@pytest.fixture
def module(monkeypatch) -> str:
    """The name under which this file can be imported, for loaders of specs."""
    monkeypatch.setitem(sys.modules, "the_runner_tests", sys.modules[__name__])
    return "the_runner_tests"


class SentenceModel(EchoModel):
    """Reads one sentence at a time."""

    def split(self, item, options):
        if "unsplittable" in item:
            raise ValueError("cannot be cut")
        return [part for part in item.split(". ") if part.strip()]

    def merge(self, item, results, options):
        return TextClassification.Result.ranked([" + ".join(each.top.name for each in results)], [1.0])


def test_long_items_are_cut_and_joined_and_keep_their_places(module):
    spec = echo_spec("fake/sentences", loader=f"{module}:SentenceModel")
    items = ["a. b. c", "d", "unsplittable", "e. poison. f", "g. h"]
    with duomo.load("text-classification", catalog=fake_catalog(spec)) as runner:
        outcomes = list(runner.map(items, batch_size=5))
        assert names(outcomes) == ["a + b + c", "d", None, None, "g + h"]
        assert [outcome.meta.windows for outcome in outcomes if outcome.ok] == [3, 1, 2]
        assert runner("a. b").top.name == "a + b"


class Watcher(Hooks):
    """Writes down what it sees, and does what its subclasses say."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []

    @hookimpl
    def before_run(self, ctx):
        self.seen.append(("before", ctx.num_ok, ctx.num_failed))

    @hookimpl
    def after_run(self, ctx):
        self.seen.append(("after", ctx.num_ok, ctx.num_failed))

    @hookimpl
    def on_run_error(self, ctx):
        self.seen.append((type(ctx.error).__name__, ctx.num_ok, ctx.num_failed))


def watched(watcher: Hooks) -> Runner:
    return duomo.load("text-classification", catalog=fake_catalog(watcher=watcher))


def test_hooks_see_a_run_begin_and_end():
    watcher = Watcher()
    list(watched(watcher).map(["a", "poison", "b"]))
    assert watcher.seen == [("before", 0, 0), ("after", 2, 1)]


def test_a_source_that_is_flushed_is_one_run_for_hooks():
    watcher = Watcher()
    outcomes = list(watched(watcher).map(["a", duomo.FLUSH, "poison", duomo.FLUSH, "b"]))
    assert [(each.index, each.id, each.ok) for each in outcomes] == [(0, "0", True), (1, "1", False), (2, "2", True)]
    assert watcher.seen == [("before", 0, 0), ("after", 2, 1)]


def test_hooks_see_a_single_item_as_a_run():
    watcher = Watcher()
    assert watched(watcher)("a").top.name == "a"
    with pytest.raises(ModelFailed):
        watched(watcher)("poison")
    assert watcher.seen == [("before", 0, 0), ("after", 1, 0), ("before", 0, 0), ("after", 0, 1)]


def test_hooks_that_saw_a_run_begin_see_ctrl_c_end_it():
    def source():
        yield "a"
        raise KeyboardInterrupt

    watcher = Watcher()
    with pytest.raises(KeyboardInterrupt):
        list(watched(watcher).map(source()))
    assert [each[0] for each in watcher.seen] == ["before", "KeyboardInterrupt"]


def test_hooks_see_the_error_that_ends_a_run():
    watcher = Watcher()
    with pytest.raises(ZeroDivisionError):
        list(watched(watcher).map(1 // 0 for _ in "x"))
    assert watcher.seen == [("before", 0, 0), ("ZeroDivisionError", 0, 0)]


def test_a_hook_may_change_the_options_and_they_are_checked_again():
    class Capped(Hooks):
        value: ClassVar[object] = 1

        @hookimpl
        def before_run(self, ctx):
            ctx.options["top_k"] = self.value

    assert len(watched(Capped())("a").labels) == 1
    Capped.value = 0
    with pytest.raises(BadOption):
        watched(Capped())("a")


def test_a_hook_may_refuse_a_run():
    class Closed(Hooks):
        @hookimpl
        def before_run(self, ctx):
            raise Aborted("not on Sundays", why="rules", fix="wait")

    with pytest.raises(Aborted, match="not on Sundays"):
        watched(Closed())("a")


def test_a_hook_that_breaks_before_a_run_is_named():
    class Clumsy(Hooks):
        @hookimpl
        def before_run(self, ctx):
            raise KeyError("oops")

    with pytest.raises(PluginBroken) as caught:
        watched(Clumsy())("a")
    assert "plugin 'watcher'" in caught.value.what
    assert "duomo plugins disable watcher" in caught.value.fix


def test_a_hook_that_breaks_after_a_run_costs_nobody_a_result():
    class Clumsy(Hooks):
        @hookimpl
        def after_run(self, ctx):
            raise KeyError("oops")

    with pytest.warns(UserWarning, match="plugin 'watcher': after_run raised KeyError"):
        assert watched(Clumsy())("a").top.name == "a"


def test_a_mirror_can_say_where_the_weights_lie(tmp_path):
    class Mirror(Hooks):
        @hookimpl
        def resolve_weights(self, ctx):
            return tmp_path if ctx.ref == "hf:org/echo@v1" else None

    (tmp_path / "config.json").write_text('{"architectures": ["Echo"]}')
    (tmp_path / "model.safetensors").touch()
    family = FakePlugin(echo_spec("fake/auto", weights="given", architectures=("Echo",)))
    catalog = duomo.Catalog(duomo.Selection(allow=frozenset()), extra={"fake": family, "mirror": Mirror()})
    with duomo.load("text-classification", "hf:org/echo@v1", catalog=catalog) as runner:
        assert runner("hello").top.name == "hello"


class NoEstimate(EchoModel):
    """Cannot tell the cost of one of its items."""

    @staticmethod
    def estimate(item):
        return 1 // ("free" not in item)


def test_an_item_whose_cost_cannot_be_told_fails_alone(module):
    catalog = fake_catalog(echo_spec(loader=f"{module}:NoEstimate"))
    with duomo.load("text-classification", catalog=catalog) as runner:
        assert names(list(runner.map(["a", "free", "b"]))) == ["a", None, "b"]


def test_a_run_in_which_everything_fails_alike_is_stopped(echo):
    seen = []
    with pytest.raises(SystemicError):
        for outcome in echo.map("crash" for _ in range(1_000)):
            seen.append(outcome)
    assert len(seen) < 100


def test_an_executor_counts_and_is_well(echo):
    list(echo.map(["a", "poison", "b"], batch_size=1))
    assert echo.executor.health() == []
    stats = echo.executor.stats()
    assert (stats.batches, stats.failed) == (3, 1)


def test_two_runs_at_once_do_not_mix(echo):
    ones, twos = echo.map(["a", "b", "c"], batch_size=1), echo.map(["x", "poison", "z"], batch_size=1)
    pairs = [(one.result.top.name, two.ok) for one, two in zip(ones, twos, strict=True)]
    assert pairs == [("a", True), ("b", False), ("c", True)]


def test_run_keeps_what_it_loaded(monkeypatch):
    from duomo import runner

    catalog, loads = fake_catalog(), []
    monkeypatch.setattr(runner, "default_catalog", lambda: catalog)
    monkeypatch.setattr(EchoModel, "load", classmethod(lambda cls, *args, **kw: loads.append(1) or cls()))
    runner._kept.cache_clear()  # as a new process begins
    for text in ("a", "b"):
        assert duomo.run(TextClassification, text, model="fake/echo", top_k=1).top.name == text
    assert loads == [1]
    runner._kept.cache_clear()  # as a new process begins


def test_threads_that_run_at_once_load_one_model_and_a_failed_load_is_tried_again(monkeypatch):
    from duomo import runner

    catalog, loads, both = fake_catalog(), [], threading.Barrier(2)

    def load(cls, *args, **kw):
        loads.append(1)
        if len(loads) == 1:
            raise OSError("the disk is not there yet")
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # where a second thread loads too, both are here
        return cls()

    monkeypatch.setattr(runner, "default_catalog", lambda: catalog)
    monkeypatch.setattr(EchoModel, "load", classmethod(load))
    runner._kept.cache_clear()  # as a new process begins
    with pytest.raises(OSError, match="disk"):
        duomo.run(TextClassification, "a", model="fake/echo")
    with ThreadPoolExecutor(2) as threads:
        names = threads.map(lambda text: duomo.run(TextClassification, text, model="fake/echo").top.name, "ab")
    assert (list(names), len(loads)) == (["a", "b"], 2)
    runner._kept.cache_clear()  # as a new process begins


def test_run_goes_by_the_catalog_of_now(monkeypatch):
    loads = []
    monkeypatch.setattr(
        EchoModel, "load", classmethod(lambda cls, weights, **_: loads.append(weights.spec.name) or cls())
    )
    try:
        for name in ("fake/one", "fake/other"):
            use_catalog(fake_catalog(echo_spec(name)))
            for text in ("a", "b"):
                assert duomo.run("text-classification", text).top.name == text
    finally:
        use_catalog(None)
    assert loads == ["fake/one", "fake/other"]


def test_a_stream_is_a_run_that_hooks_see_and_can_refuse(monkeypatch):
    monkeypatch.setattr(EchoModel, "stream", lambda self, item, options: iter(str(item).split()))
    watcher = Watcher()
    assert list(watched(watcher).stream("one two")) == ["one", "two"]
    assert watcher.seen == [("before", 0, 0), ("after", 1, 0)]

    class Closed(Hooks):
        @hookimpl
        def before_run(self, ctx):
            raise Aborted("not on Sundays")

    with pytest.raises(Aborted):
        next(watched(Closed()).stream("one two"))


def test_hooks_see_the_end_of_a_run_that_nobody_reads_on():
    watcher = Watcher()
    outcomes = watched(watcher).map(["a", "b", "c"])
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert watcher.seen == [("before", 0, 0), ("after", 1, 0)]


class Nested(EchoModel):
    """Loads another model while it is loaded itself."""

    @classmethod
    def load(cls, weights, *, device, dtype):
        model = cls()
        model.inner = duomo.load("text-classification", "fake/echo")  # type: ignore[attr-defined]
        return model


def test_a_model_that_loads_another_finds_it_in_the_callers_catalog_and_shares_its_revision(module):
    echo = echo_spec(weights="")
    nested = echo_spec("fake/nested", loader=f"{module}:Nested", uses=("text-classification=fake/echo",))
    with duomo.load("text-classification", "fake/nested", catalog=fake_catalog(echo, nested)) as runner:
        assert runner.executor.worker.model.inner("hello").top.name == "hello"  # type: ignore[attr-defined]
        assert runner.meta.revision == "random"


def test_an_executor_that_overrides_run_is_asked():
    from duomo.execution.inline import InlineExecutor

    class Loud(InlineExecutor):
        def run(self, item, options):
            return super().run(type(item)(item.upper()), options)

    with duomo.load("text-classification", executor=Loud(), catalog=fake_catalog()) as runner:
        assert runner("quiet").top.name == "QUIET"
    with pytest.raises(UsageProblem, match="not an executor"):
        duomo.load("text-classification", executor=Loud, catalog=fake_catalog())  # type: ignore[call-overload]


def test_a_text_that_fails_goes_by_its_position_as_one_that_works():
    with duomo.load("text-classification", catalog=fake_catalog()) as runner:
        assert [outcome.id for outcome in runner.map(["fine", " ", "poison"])] == ["0", "1", "2"]


def test_more_failures_than_allowed_end_a_run_after_what_came_before(echo):
    run = echo.map(["a", "", "b", "", "c"], max_failed=1)
    assert [next(run).ok for _ in range(4)] == [True, False, True, False]
    with pytest.raises(SystemicError, match="more than 1"):
        next(run)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"batch_size": 2.5}, "batch_size must be a whole number of at least 1, not 2.5"),
        ({"batch_size": "8"}, "batch_size must be a whole number of at least 1, not '8'"),
        ({"batch_size": True}, "batch_size must be a whole number of at least 1, not True"),
        ({"max_failed": False}, "max_failed must be a whole number of at least 0, not False"),
        ({"max_failed": "3"}, "max_failed must be a whole number of at least 0, not '3'"),
        ({"max_failed": -1}, "max_failed must be a whole number of at least 0, not -1"),
        ({"items": None}, "map() takes many items, and None was given"),
        ({"items": 5}, "map() takes many items, and 5 was given"),
    ],
)
def test_what_map_cannot_do_is_refused_at_the_call(echo, wrong, words):
    with pytest.raises(UsageProblem) as caught:
        echo.map(**{"items": ["a"], **wrong})
    assert words in caught.value.what


def test_a_device_of_torch_is_known_by_its_name_and_a_number_is_told_how_to_say_it():
    import torch

    with duomo.load("text-classification", catalog=fake_catalog(), device=torch.device("cpu")) as runner:  # type: ignore[call-overload]
        assert runner.meta.device == "cpu"
    for wrong, fix in ((0, 'device="cuda:0"'), (None, '"cpu"')):
        with pytest.raises(UsageProblem) as caught:
            duomo.load("text-classification", catalog=fake_catalog(), device=wrong)  # type: ignore[call-overload]
        assert fix in caught.value.fix


class Own(duomo.Executor):
    """The least that an executor must bring: everything is known beforehand."""

    name = "own"

    def load(self, job):
        return duomo.Meta(job.task, job.reference, executor=self.name)

    def run(self, item, options):
        return str(item)

    def map(self, entries, options, **limits):
        for entry in entries:
            yield self.outcome(entry, ItemResult(str(entry.item), truncated=True, timing=Timing(3, 0.5)))

    def stream(self, item, options):
        yield self.run(item, options)

    def shutdown(self):
        pass


def test_an_executor_brings_its_own_half_and_no_more():
    own = Own()
    runner = duomo.load("text-classification", executor=own, catalog=fake_catalog())
    one, two = runner.map(["one", "two"])
    assert (one.index, one.id, one.result, two.result) == (0, "0", "one", "two")  # type: ignore[comparison-overlap]
    assert one.meta == dataclasses.replace(runner.meta, truncated=True, batch=3, ms=0.5)
    assert one.meta is two.meta, "items of a batch share it"
    assert runner.executor.stats() == Stats()
    assert runner.executor.health() == []
    assert runner.executor.devices() == ["cpu"]
    with pytest.raises(UsageProblem, match="already runs 'fake/echo'"):
        duomo.load("text-classification", executor=own, catalog=fake_catalog())


def test_no_more_shared_metas_are_kept_than_a_bound(monkeypatch):
    monkeypatch.setattr("duomo.execution.base.MOST_METAS", 2)
    own = Own()
    own.start(SimpleNamespace(task="t", reference="r"))  # type: ignore[arg-type]
    made = [own.outcome(Entry(0, "0", None), ItemResult(timing=Timing(batch))).meta for batch in (1, 2, 3, 1)]
    assert [meta.batch for meta in made] == [1, 2, 3, 1]
    assert made[0] is not made[3], "it was forgotten in between"
