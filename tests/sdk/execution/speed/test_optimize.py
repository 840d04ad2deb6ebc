"""Speed modes: close to the exact model on real input and said how close, or refused before any result."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import nn

import duomo
from duomo.cli import cli
from duomo.cli.app import App
from duomo.errors import DuomoError, ModelFailed, OptimizeRefused, RequirementMissing, UsageProblem
from duomo.execution.speed import optimize
from duomo.tasks.results import Classification
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog

TEXTS = [f"{'long ' * (7 * i % 5)}text number {i}" for i in range(20)]
FAST = ("bf16", "int8")


@pytest.fixture(autouse=True)
def any_processor(monkeypatch) -> None:
    """The numbers of these small networks are within bounds on any; what is refused for a processor is tested."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")


class Letters(EchoModel):
    """Classifies a text by its first 32 letters, with a convolution and linear layers."""

    labels = ("vowels", "consonants", "neither")
    network: nn.Module

    @classmethod
    def load(cls, weights: Any, *, device: Any, dtype: Any) -> "Letters":
        torch.manual_seed(0)
        model = cls()
        model.network = nn.Sequential(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Linear(120, 64), nn.GELU(), nn.Linear(64, 3))
        return model

    def preprocess(self, items: Any, options: Any) -> list[dict[str, Any]]:
        return [{"text": str(item), "letters": self.letters(str(item))} for item in items]

    def collate(self, features: list[dict[str, Any]]) -> Any:
        return torch.stack([each["letters"] for each in features])

    def forward(self, batch: Any) -> Any:
        if (batch[:, 0, 0] == float(ord("!")) / 64 - 1).any():
            raise RuntimeError("crash in the forward pass")
        return self.network(batch).float().softmax(-1)

    def postprocess(self, output: Any, features: Any, options: Any) -> list[Classification]:
        return [Classification.ranked(list(self.labels), each, options.top_k) for each in output.tolist()]

    @staticmethod
    def letters(text: str) -> torch.Tensor:
        return torch.tensor([[float(ord(letter)) / 64 - 1 for letter in text[:32].ljust(32)]])


class Numbers(Letters):
    """Its output holds no tensor."""

    def forward(self, batch: Any) -> Any:
        return super().forward(batch).tolist()


class Writer(Letters):
    """Generates."""

    def stream(self, item: Any, options: Any) -> Iterator[Any]:
        yield from ()


class PackedLetters(Letters):
    packed = True


class OwnLayers(Letters):
    """Its layers are its own."""

    @classmethod
    def load(cls, weights: Any, *, device: Any, dtype: Any) -> "OwnLayers":
        model = cls()
        model.network = type("Own", (nn.Linear,), {})(32, 3)
        return model


MODELS = {cls.__name__.lower(): cls for cls in (Letters, Numbers, Writer, PackedLetters, OwnLayers)}


@pytest.fixture
def load(monkeypatch):
    """Loads one of the models above."""
    for cls in MODELS.values():
        monkeypatch.setattr(f"duomo.testing.fakes.{cls.__name__}", cls, raising=False)
    specs = [echo_spec(f"fake/{name}", loader=f"duomo.testing.fakes:{cls.__name__}") for name, cls in MODELS.items()]
    catalog = fake_catalog(echo_spec(), *specs)

    def load(mode: str = "none", name: str = "letters") -> duomo.Runner[Any]:
        return duomo.load("text-classification", f"fake/{name}", optimize=mode, catalog=catalog)

    load.catalog = catalog  # type: ignore[attr-defined]
    return load


def scores(outcomes: Any) -> torch.Tensor:
    labels = [sorted(outcome.unwrap().labels, key=lambda label: label.name) for outcome in outcomes]
    return torch.tensor([[label.score for label in some] for some in labels])


def check_close(exact: duomo.Runner[Any], fast: duomo.Runner[Any], mode: str) -> None:
    """The results are close, not equal, and every outcome says by how much."""
    expected, outcomes = scores(exact.map(TEXTS)), list(fast.map(TEXTS))
    apart = (scores(outcomes) - expected).abs().max() / expected.max()
    assert apart < 2 * optimize.TOLERANCES[mode]
    differences = {outcome.meta.difference for outcome in outcomes}
    assert len(differences) == 1
    assert 0 < differences.pop() <= optimize.TOLERANCES[mode]
    assert {outcome.meta.optimize for outcome in outcomes} == {fast.meta.optimize} == {mode}


@pytest.mark.parametrize("mode", FAST)
def test_a_mode_gives_close_results_and_says_how_close(load, mode):
    with load() as exact, load(mode) as fast:
        check_close(exact, fast, mode)


@pytest.mark.slow
def test_a_compiled_model_gives_close_results_for_batches_of_any_size(load):
    with load() as exact, load("compile") as fast:
        expected = scores(exact.map(TEXTS))
        for size in (4, 3, 7):
            outcomes = list(fast.map(TEXTS, batch_size=size))
            assert torch.allclose(scores(outcomes), expected, atol=1e-5)
        assert outcomes[0].meta.optimize == "compile"
        assert outcomes[0].meta.difference <= optimize.TOLERANCES["compile"]


def test_without_a_mode_nothing_is_touched(load):
    with load() as runner:
        model = runner.executor.worker.model
        assert "forward" not in vars(model)
        with torch.inference_mode():
            expected = model.forward(torch.stack([Letters.letters(text) for text in TEXTS[:4]]))
        outcomes = list(runner.map(TEXTS[:4], batch_size=4))
        # On some processors the last bit depends on where in memory a batch lies.
        assert torch.allclose(scores(outcomes), expected[:, [1, 2, 0]], rtol=0, atol=1e-7)
        assert {(outcome.meta.optimize, outcome.meta.difference) for outcome in outcomes} == {("none", 0.0)}


@pytest.mark.parametrize("mode", FAST)
def test_a_single_call_is_checked_too(load, mode):
    with load(mode) as fast, load() as exact:
        assert fast.meta.difference == 0
        assert fast("hello").top.name == exact("hello").top.name
        assert 0 < fast.meta.difference <= optimize.TOLERANCES[mode]


@pytest.mark.parametrize("mode", FAST)
def test_the_exact_network_is_given_back_after_the_check(load, mode):
    with load(mode) as fast:
        model = fast.executor.worker.model
        exact = model.network
        fast("hello")
        assert model.network is not exact
        assert not isinstance(model.forward, optimize.Trial)


@pytest.mark.parametrize("how", ["wrong", "nan", "raises", "shape"])
def test_a_network_that_is_wrong_is_refused_before_any_result(load, monkeypatch, how):
    def forward(self, x: Any) -> Any:
        if how == "raises":
            raise ZeroDivisionError("in a layer")
        out = x.new_full((*x.shape[:-1], len(self.scale)), torch.nan if how == "nan" else 0.0)
        out[..., 0] += 9 if how == "wrong" else 0
        return out[:1] if how == "shape" else out

    monkeypatch.setattr(optimize.Int8Linear, "forward", forward)
    with load("int8") as fast:
        given = []
        for _ in range(2):  # once refused, refused for good
            with pytest.raises(OptimizeRefused, match="int8 was refused") as refused:
                given += fast.map(TEXTS)
            assert "none" in refused.value.fix
        assert not given
        with pytest.raises(OptimizeRefused):
            fast("hello")
        assert ("ZeroDivisionError" in refused.value.why) == (how == "raises")


def test_a_refusal_says_how_far_the_output_moves(load, monkeypatch):
    monkeypatch.setitem(optimize.TOLERANCES, "bf16", 1e-9)
    with load("bf16") as fast, pytest.raises(OptimizeRefused) as refused:
        fast("hello")
    assert "of its largest value; 1e-09 is allowed" in refused.value.why


def test_another_label_is_refused_however_near_the_scores(load, monkeypatch):
    def forward(self, batch: Any) -> Any:
        return torch.tensor([[0.49, 0.5, 0.01] if torch.is_autocast_enabled("cpu") else [0.5, 0.49, 0.01]])

    monkeypatch.setattr(Letters, "forward", forward)
    with load("bf16") as fast, pytest.raises(OptimizeRefused) as refused:
        fast("hello")
    assert "1 of the first 1 rows get another label" in refused.value.why


def test_a_bad_item_in_the_first_batch_stands_alone_and_the_rest_is_checked(load):
    with load("int8") as fast:
        outcomes = list(fast.map(["!", *TEXTS[:7]], batch_size=4))
    assert [outcome.ok for outcome in outcomes] == [False] + [True] * 7
    assert isinstance(outcomes[0].error.to_exception(), ModelFailed)
    assert all(outcome.meta.difference > 0 for outcome in outcomes[1:])


def test_running_out_of_memory_in_the_check_halves_the_batch_like_any_other(load, monkeypatch):
    exact = optimize.Int8Linear.forward

    def forward(self, x: Any) -> Any:
        if len(x) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return exact(self, x)

    monkeypatch.setattr(optimize.Int8Linear, "forward", forward)
    with load("int8") as fast:
        assert all(outcome.ok for outcome in fast.map(TEXTS[:4], batch_size=4))
        assert fast.executor.stats().ooms > 0


@pytest.mark.parametrize("mode", ["compile", *FAST])
@pytest.mark.parametrize(("name", "why"), [("echo", "no torch network"), ("writer", "generates")])
def test_a_model_for_which_a_mode_can_do_nothing_is_refused_when_it_is_loaded(load, mode, name, why):
    with pytest.raises(OptimizeRefused) as refused:
        load(mode, name)
    assert why in refused.value.why


def test_an_output_that_cannot_be_compared_is_refused(load):
    with load("bf16", "numbers") as fast, pytest.raises(OptimizeRefused) as refused:
        fast("hello")
    assert "no tensors" in refused.value.why


def test_what_a_mode_cannot_do_here_is_refused_when_the_model_is_loaded(load, monkeypatch):
    with pytest.raises(OptimizeRefused) as refused:
        load("compile", "packedletters")
    assert "packs" in refused.value.why
    for mode in FAST:
        with pytest.raises(OptimizeRefused) as refused:
            load(mode, "ownlayers")
        assert "no plain layers" in refused.value.why
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    with pytest.raises(OptimizeRefused) as refused:
        load("int8")
    assert "VNNI" in refused.value.why
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(RequirementMissing, match=r"needs a C\+\+ compiler"):
        load("compile")


def test_an_unknown_mode_is_an_error_with_the_nearest_name(load):
    with pytest.raises(UsageProblem) as error:
        load("int9")
    assert "'int8'" in error.value.why
    assert "compile" in error.value.fix


def test_an_8_bit_layer_is_near_the_exact_one_for_any_shape():
    torch.manual_seed(0)
    for bias in (True, False):
        exact = nn.Linear(64, 48, bias=bias)
        x = torch.randn(2, 5, 64) * torch.logspace(-3, 3, 5)[:, None] + 1  # rows of very different size
        with torch.no_grad():
            expected, output = exact(x), optimize.Int8Linear(exact)(x)
        apart = (output - expected).abs().amax(-1) / expected.abs().amax(-1)
        assert apart.max() < 0.03
        assert optimize.Int8Linear(exact)(torch.ones(64)).shape == (48,)


def test_a_store_is_of_one_mode_and_can_be_taken_up_after_the_check(load, tmp_path):
    store = tmp_path / "run.duomo"
    with load("bf16") as fast:
        first = scores(fast.map(TEXTS, store=store))
        again = list(fast.map(TEXTS, store=store))
        assert torch.equal(scores(again), first)
        assert all(outcome.meta.difference > 0 for outcome in again)
    with load() as exact, pytest.raises(DuomoError, match="store"):
        list(exact.map(TEXTS, store=store))


def test_the_command_line_has_the_modes_too(load):
    def run(mode: str) -> Any:
        args = ["run", "text-classification", "-m", "fake/letters", "-t", "hello", "--optimize", mode]
        return CliRunner().invoke(cli, args, obj=App(load.catalog))

    meta = json.loads(run("bf16").stdout)["meta"]
    assert meta["optimize"] == "bf16"
    assert 0 < meta["difference"] <= optimize.TOLERANCES["bf16"]
    unknown = run("bf17")
    assert unknown.exit_code == 2
    assert "'bf16'" in unknown.stderr
