"""One model on one device: windows, results in number, and faults narrowed to their item."""

import sys
import time
from typing import ClassVar

import pytest
import torch

from duomo.errors import (
    BadOption,
    DuomoError,
    InputUnreadable,
    ModelFailed,
    Unavailable,
    WeightsMissing,
    WeightsProblem,
    WorkerContractError,
)
from duomo.execution.base import Job
from duomo.execution.worker import Worker
from duomo.tasks.nlp import TextClassification
from duomo.tasks.nlp.embedding import Similarity
from duomo.testing.fakes import EchoModel, echo_spec

OPTIONS = TextClassification.Options.parse({})


class PanicException(BaseException):  # as libraries in Rust name it
    pass


class Long(EchoModel):
    """Cuts a text into its words and joins their labels; ``uncut`` cannot be cut, ``unjoined`` not be joined."""

    def split(self, item, options):
        if "uncut" in item:
            raise ValueError("it cannot be cut")
        if "interrupt" in item:
            raise KeyboardInterrupt
        return item.split()

    def preprocess(self, items, options):
        assert items, "nothing to do is not worth a call"
        return [{**each, "truncated": "cut" in each["text"]} for each in super().preprocess(items, options)]

    def merge(self, item, results, options):
        if "unjoined" in item:
            raise ValueError("it cannot be joined")
        return "+".join(result.top.name for result in results)


class Net(EchoModel):
    """Holds a network."""

    def __init__(self):
        self.net = torch.nn.Linear(2048, 2048).train()


@pytest.fixture
def made(monkeypatch):
    """Makes a worker of a class of models, with fields of its job changed."""
    monkeypatch.setitem(sys.modules, "the_worker_tests", sys.modules[__name__])

    def make(cls=EchoModel, spec=None, **changes):
        monkeypatch.setattr(sys.modules[__name__], "Made", cls, raising=False)
        spec = spec or echo_spec(loader="the_worker_tests:Made")
        return Worker(Job(spec, "text-classification", "fake/echo", None, "", "", "cpu")._replace(**changes))

    return make


def computed(worker, *items):
    return worker.compute(worker.prepare(items, OPTIONS), OPTIONS)


def names(results):
    return [each.result.top.name if each.error is None else each.error.type for each in results]


def test_loading_leaves_torchs_random_numbers_as_the_caller_seeded_them(made):
    class Built(EchoModel):
        @classmethod
        def load(cls, weights, device, dtype):
            torch.nn.Linear(3, 3)  # draws its first weights
            return cls()

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    made(Built)
    assert torch.equal(torch.rand(3), expected)


# Results


def test_each_item_has_one_result_in_order(made):
    results = computed(made(), "a", "b", "c")
    assert names(results) == ["a", "b", "c"]
    assert {(each.windows, each.truncated, each.timing.batch, each.timing.replica) for each in results} == {
        (1, False, 3, 0)
    }
    assert {each.timing.difference for each in results} == {0.0}
    assert {each.num_tokens for each in results} == {0}, "where the model does not count them"


def test_a_result_says_which_copy_of_the_model_made_it(made):
    worker = made()
    worker.replica = 3
    assert computed(worker, "a")[0].timing.replica == 3


def test_the_time_of_a_batch_is_shared_by_its_items(made, monkeypatch):
    clock = iter([10.0, 10.5, 20.0, 21.0001234])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    worker = made()
    prepared = worker.prepare(["a", "b", "c"], OPTIONS)
    assert prepared.seconds == 0.5
    assert [each.timing.ms for each in worker.compute(prepared, OPTIONS)] == [500.041] * 3  # rounded to a thousandth


def test_one_item_alone_is_its_result(made):
    worker = made()
    assert worker.run("a", OPTIONS).top.name == "a"
    assert made(Long).run("a b", OPTIONS) == "a+b"


def test_what_was_cut_by_the_model_is_said(made):
    class Cutting(EchoModel):
        def preprocess(self, items, options):
            return [{"text": item, "truncated": len(item) > 3, "windows": len(item)} for item in items]

    assert [(each.truncated, each.windows) for each in computed(made(Cutting), "long text", "a")] == [
        (True, 9), (False, 1)]  # fmt: skip


def test_the_meta_is_that_of_the_job(made):
    meta = made(revision="r1", plugin="duomo-fake 1.0").meta("inline")
    assert (meta.task, meta.model, meta.plugin, meta.revision) == (
        "text-classification", "fake/echo", "duomo-fake 1.0", "r1")  # fmt: skip
    assert (meta.device, meta.dtype, meta.executor, meta.optimize, meta.difference) == (
        "cpu", "float32", "inline", "none", 0.0)  # fmt: skip
    assert made(dtype="bfloat16").meta("").dtype == "bfloat16"


# The network


@pytest.mark.parametrize(
    ("weights", "raised", "told"),
    [
        ("given", TypeError("a list is not a text"), WeightsProblem),
        ("given", RecursionError("too deep"), WeightsProblem),
        ("given", PanicException("index out of bounds"), WeightsProblem),
        ("given", WeightsMissing("no tokenizer"), WeightsMissing),
        ("given", RuntimeError("DefaultCPUAllocator: can't allocate memory"), Unavailable),
        ("none", MemoryError(), Unavailable),
        ("none", TypeError("a slip of the plugin's"), TypeError),
        ("given", KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_what_a_model_raises_while_it_is_loaded_is_told_as_what_it_is(made, tmp_path, weights, raised, told):
    class Unloadable(EchoModel):
        @classmethod
        def load(cls, weights, *, device, dtype):
            raise raised

    spec = echo_spec(loader="the_worker_tests:Made")._replace(weights=weights)
    with pytest.raises(told) as caught:
        made(Unloadable, spec, weights_path=str(tmp_path))
    assert type(caught.value) is told
    if told is WeightsProblem:
        assert str(tmp_path) in caught.value.what
        assert type(raised).__name__ in caught.value.why


def test_a_network_neither_trains_nor_keeps_gradients(made):
    net = made(Net).model.net
    assert not net.training
    assert not any(each.requires_grad for each in net.parameters())


def test_no_step_of_the_model_records_gradients(made):
    seen = []

    class Watching(EchoModel):
        def preprocess(self, items, options):
            seen.append(torch.is_grad_enabled())
            return super().preprocess(items, options)

        def forward(self, batch):
            seen.append(torch.is_grad_enabled())
            return super().forward(batch)

    worker = made(Watching)
    worker.run("a", OPTIONS)
    computed(worker, "a")
    assert seen == [False] * 4
    assert torch.is_grad_enabled()


def test_a_networks_linear_layers_are_packed_on_the_cpu_only(made, monkeypatch):
    packed = []
    monkeypatch.setattr("duomo.execution.speed.linears.pack", lambda nets: packed.extend(nets))
    worker = made(Net)
    assert packed == [worker.model.net]


def test_a_speed_mode_is_applied_and_its_difference_told(made, monkeypatch):
    class Trial:
        difference = 0.25

    asked = []
    monkeypatch.setattr("duomo.execution.speed.optimize.optimize", lambda *args: asked.append(args) or Trial())
    worker = made(optimize="bf16")
    assert asked == [(worker.model, "bf16", "cpu")]
    assert computed(worker, "a")[0].timing.difference == 0.25
    assert worker.meta("").difference == 0.25


def test_a_batch_is_moved_to_a_device_that_is_not_the_cpu(made, monkeypatch):
    moved = []
    monkeypatch.setattr("duomo.execution.worker.move", lambda batch, device: moved.append((batch, device)) or batch)
    worker = made()
    computed(worker, "a")
    assert moved == []
    worker.device = "meta"
    computed(worker, "a")
    assert moved == [(["a"], torch.device("cpu"))]


# Windows


def test_windows_share_a_batch_and_are_joined_to_their_items(made):
    results = computed(made(Long), "a b c", "d", "e cut f")
    assert [each.result for each in results[::2]] == ["a+b+c", "e+cut+f"]
    assert results[1].result.top.name == "d", "one window needs no joining"
    assert [(each.windows, each.truncated) for each in results] == [(3, False), (1, False), (3, True)]
    assert {each.timing.batch for each in results} == {3}


def test_windows_are_computed_in_batches_of_the_models_own_size(made):
    sizes = []

    class Counting(Long):
        batch_size = 4

        def forward(self, batch):
            sizes.append(len(batch))
            return super().forward(batch)

    assert computed(made(Counting), "a b c d e f g h i j")[0].result == "a+b+c+d+e+f+g+h+i+j"
    assert sizes == [4, 4, 2]


def test_an_item_that_cannot_be_cut_or_joined_fails_alone(made):
    results = computed(made(Long), "a b", "uncut text", "c", "unjoined text")
    assert [each.error and each.error.what for each in results] == [
        None,
        "the model raised ValueError: it cannot be cut",
        None,
        "the model raised ValueError: it cannot be joined",
    ]
    assert [each.error.type for each in computed(made(Long), "uncut one")] == ["ValueError"]


def test_an_item_fails_by_the_first_of_its_windows(made):
    results = computed(made(Long), "a poison1 poison2", "b c")
    assert "poison1" in results[0].error.what
    assert results[1].result == "b+c"


# Faults


def test_an_item_that_cannot_be_read_fails_alone(made):
    assert names(computed(made(), "a", "poison", "b")) == ["a", "ValueError", "b"]
    assert names(computed(made(), "poison")) == ["ValueError"]


def test_an_item_is_read_again_only_when_its_batch_raised(made):
    reads = []

    class Reading(EchoModel):
        def preprocess(self, items, options):
            reads.append(list(items))
            return super().preprocess(items, options)

    worker = made(Reading)
    computed(worker, "a", "poison")
    assert reads == [["a", "poison"], ["a"], ["poison"]]
    reads.clear()
    computed(worker, "poison")
    assert reads == [["poison"]]


def test_what_the_forward_pass_raises_is_the_callers(made):
    with pytest.raises(RuntimeError, match="crash in the forward pass"):
        computed(made(), "a", "crash")


@pytest.mark.parametrize(("step", "item"), [("preprocess", "few"), ("postprocess", "mute")])
def test_results_out_of_number_are_an_error_of_the_model(made, step, item):
    class Few(EchoModel):
        def preprocess(self, items, options):
            return super().preprocess(items, options)[: 0 if "few" in items else None]

    with pytest.raises(WorkerContractError) as caught:
        computed(made(Few), item)
    assert caught.value.what == f"'fake/echo' gave 0 from {step}() for 1 item"
    assert caught.value.fix == "report it to the author of fake"
    with pytest.raises(WorkerContractError, match="0 from") as caught:
        computed(made(Few, plugin="duomo-fake 1.0"), item)
    assert caught.value.fix == "report it to the author of duomo-fake 1.0"


def raising(error):
    class Raising(EchoModel):
        def forward(self, batch):
            raise error

        def stream(self, item, options):
            yield "first"
            raise error

    return Raising


@pytest.mark.parametrize(
    ("step", "gives", "told"),
    [
        ("load", lambda cls, weights, **_: None, "gave NoneType from load"),
        ("preprocess", lambda self, items, options: [[each] for each in items], "gave list from preprocess"),
        ("preprocess", lambda self, items, options: {each: each for each in items}, "gave str from preprocess"),
        ("postprocess", lambda self, output, features, options: [{}] * len(features), "gave dict from postprocess"),
        ("postprocess", lambda self, output, features, options: [Similarity(scores=[])] * len(features),
         "gave Similarity from postprocess"),
        ("merge", lambda self, item, results, options: "a+b", "gave str from merge"),
    ],
)  # fmt: skip
def test_a_step_that_gives_another_thing_than_it_should_is_named(made, step, gives, told):
    given = classmethod(gives) if step == "load" else gives
    broken = type("Broken", (Long if step == "merge" else EchoModel,), {step: given})
    with pytest.raises(WorkerContractError, match=told):
        [found.unwrap() for found in computed(made(broken, result=TextClassification.Result), "a b", "c d")]


def test_an_item_alone_raises_our_error_with_the_models_as_its_cause(made):
    cause = ValueError("no such label")
    with pytest.raises(ModelFailed, match="no such label") as caught:
        made(raising(cause)).run("a", OPTIONS)
    assert caught.value.__cause__ is cause


def test_an_error_of_ours_stays_as_it_is(made):
    own = InputUnreadable("'a' cannot be read")
    worker = made(raising(own))
    for use in (lambda: worker.run("a", OPTIONS), lambda: list(worker.stream("a", OPTIONS))):
        with pytest.raises(DuomoError) as caught:
            use()
        assert caught.value is own


def test_a_panic_is_an_error_and_an_interrupt_is_not(made):
    panic = made(raising(PanicException("index out of bounds")))
    with pytest.raises(ModelFailed, match="PanicException: index out of bounds"):
        panic.run("a", OPTIONS)
    with pytest.raises(RuntimeError, match="PanicException: index out of bounds"):
        computed(panic, "a")
    interrupted = made(raising(KeyboardInterrupt()))
    for use in (lambda: interrupted.run("a", OPTIONS), lambda: computed(interrupted, "a")):
        with pytest.raises(KeyboardInterrupt):
            use()
    with pytest.raises(KeyboardInterrupt):
        made(Long).prepare(["interrupt"], OPTIONS)

    class Leaving(EchoModel):
        def preprocess(self, items, options):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(Leaving).prepare(["a", "b"], OPTIONS)


def test_numbers_that_are_not_finite_are_looked_for_in_outputs_results_and_what_is_joined(made, monkeypatch):
    checked: list[object] = []
    monkeypatch.setattr("duomo.execution.worker.check_output", lambda output: checked.append("output"))
    monkeypatch.setattr("duomo.execution.worker.check_results", lambda results: checked.append(len(results)))
    computed(made(), "a")
    assert checked == ["output", 1]
    checked.clear()
    computed(made(Long), "a b")
    assert checked == ["output", 2, 1], "the results of two windows, and what they were joined to"


# Options


class Choosy(EchoModel):
    """Refuses to give three labels; ``looked`` has what it was asked about, and whether gradients were recorded."""

    looked: ClassVar[list[tuple[object, bool]]] = []

    def check_options(self, options):
        self.looked.append((options, torch.is_grad_enabled()))
        if options.top_k == 3:
            raise BadOption("'top_k' cannot be 3")
        if options.top_k == 4:
            raise KeyboardInterrupt

    def stream(self, item, options):
        yield from item.split()


def options_of(top_k):
    return TextClassification.Options.parse({"top_k": top_k})


@pytest.fixture
def choosy(made):
    Choosy.looked.clear()
    return made(Choosy)


def test_a_model_looks_at_options_once_before_each_kind_of_use(choosy):
    assert choosy.checks_options
    asked = [options_of(1) for _ in range(4)]
    choosy.check(asked[0])
    choosy.run("a", asked[1])
    assert list(choosy.stream("a b", asked[2])) == ["a", "b"]
    choosy.compute(choosy.prepare(["a"], asked[3]), asked[3])
    choosy.run("a", asked[3])
    assert Choosy.looked == [(each, False) for each in asked]


def test_a_model_that_takes_all_options_is_not_asked(made, monkeypatch):
    asked = []
    monkeypatch.setattr(EchoModel, "check_options", lambda self, options: asked.append(options), raising=False)
    worker = made()
    worker.checks_options = False
    worker.run("a", OPTIONS)
    assert asked == []


def test_a_model_without_a_check_of_its_own_has_none(made):
    assert not made().checks_options


@pytest.mark.parametrize("use", ["run", "stream"])
def test_options_that_a_model_cannot_take_are_an_error_of_the_call(choosy, use):
    with pytest.raises(BadOption, match="'top_k' cannot be 3"):
        list(getattr(choosy, use)("a", options_of(3)))


@pytest.mark.parametrize(("items", "num"), [([], 1), (["a"], 1), (["a", "b"], 2)])
def test_options_that_a_model_cannot_take_are_the_error_of_all_items_or_the_one_of_none(choosy, items, num):
    bad = options_of(3)
    prepared = choosy.prepare(items, bad)
    assert (prepared.chunks, prepared.seconds) == ([], 0.0)
    assert [(each.type, each.what) for each in prepared.windows] == [("BadOption", "'top_k' cannot be 3")] * num
    assert [each.error.type for each in choosy.compute(prepared, bad)] == ["BadOption"] * num


def test_an_interrupt_while_options_are_looked_at_is_one(choosy):
    with pytest.raises(KeyboardInterrupt):
        choosy.prepare(["a"], options_of(4))


# Streams


class Speaking(EchoModel):
    """Says a text word by word."""

    def stream(self, item, options):
        for word in item.split():
            if word == "poison":
                raise ValueError("poison in it")
            if word == "interrupt":
                raise KeyboardInterrupt
            assert not torch.is_grad_enabled()
            yield word


def test_the_parts_of_a_stream_come_one_by_one_to_its_end(made):
    parts = made(Speaking).stream("a b c", OPTIONS)
    assert next(parts) == "a"
    assert torch.is_grad_enabled(), "between the parts the caller's mode holds"
    assert list(parts) == ["b", "c"]


def test_a_stream_gives_what_came_before_its_error(made):
    parts, got = made(Speaking).stream("a poison b", OPTIONS), []
    with pytest.raises(ModelFailed, match="poison in it") as caught:
        got.extend(parts)
    assert got == ["a"]
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(KeyboardInterrupt):
        list(made(Speaking).stream("interrupt", OPTIONS))
