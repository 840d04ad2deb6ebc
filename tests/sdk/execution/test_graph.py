"""The speed modes onnx and openvino: the network in another runtime, near the exact one and said how near."""

import importlib.util
from typing import Any

import pytest
import torch
from torch import nn

import duomo
from duomo.errors import OptimizeRefused, RequirementMissing
from duomo.execution.speed import graph as runtimes
from duomo.execution.speed.graph import Exported, plain
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog

RUNTIMES = ("onnx", "openvino")


def need(runtime: str) -> None:
    for name in runtimes.NEEDS[runtime]:
        pytest.importorskip(name)


class Words(nn.Module):
    """Ids of any number and length in, a dict of scores out, as a transformers network has it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table, self.head = nn.Embedding(50, 16), nn.Linear(16, 3)

    def forward(self, input_ids: torch.Tensor, scale: float = 1.0) -> dict[str, torch.Tensor]:
        hidden = torch.tanh(self.table(input_ids)) * scale
        return {"hidden": hidden, "logits": self.head(hidden.mean(1))}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_one_graph_takes_batches_of_any_size_even_when_the_first_was_of_one(runtime):
    need(runtime)
    network = Words().eval()
    exported = Exported(network, runtime)
    with torch.inference_mode():
        for shape in ((1, 7), (5, 7), (3, 30), (1, 2)):
            ids = torch.randint(0, 50, shape)
            found, expected = exported(input_ids=ids), network(input_ids=ids)
            assert found.keys() == expected.keys()
            for key in expected:
                torch.testing.assert_close(found[key], expected[key], atol=1e-5, rtol=1e-5)
        # how many graphs there are shows in time only
        assert [len(graphs) for graphs in exported._graphs.values()] == [1]
        ids = torch.randint(0, 50, (2, 4))
        torch.testing.assert_close(exported(ids, 2.0)["hidden"], network(ids, 2.0)["hidden"], atol=1e-5, rtol=1e-5)


def test_pictures_of_another_size_get_a_graph_of_their_own_up_to_a_bound(monkeypatch):
    need("onnx")
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    exported = Exported(network, "onnx")
    with torch.inference_mode():
        for shape in ((2, 3, 8, 8), (3, 3, 8, 8), (2, 3, 6, 9)):
            picture = torch.rand(shape)
            torch.testing.assert_close(exported(picture), network(picture), atol=1e-5, rtol=1e-5)
    assert [len(graphs) for graphs in exported._graphs.values()] == [2]  # how many graphs there are shows in time only
    monkeypatch.setattr(runtimes, "MOST_GRAPHS", 2)
    with pytest.raises(OptimizeRefused, match="batches of one size only, and 2 sizes were exported"):
        exported(torch.rand(2, 3, 7, 7))


class Deciding(nn.Module):
    """What it computes depends on the values it is given, which no graph can hold."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if float(x.sum()) > 0 else x


def test_a_network_that_cannot_be_exported_is_refused_in_a_line():
    need("onnx")
    with pytest.raises(OptimizeRefused, match="the network cannot be exported: ") as caught:
        Exported(Deciding(), "onnx")(torch.ones(2, 2))
    assert "\n" not in str(caught.value.why)
    assert "--optimize none" in str(caught.value.fix)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_library_that_is_missing_is_named_with_what_to_type(monkeypatch, runtime):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None)
    with pytest.raises(RequirementMissing, match=f"needs onnx, onnxscript, {runtimes.NEEDS[runtime][2]}") as caught:
        runtimes.need(runtime)
    assert f"pip install 'duomo[{runtime}]'" in str(caught.value)


class Fast(nn.Linear):
    """A layer that another runtime does not know."""

    def plain(self) -> nn.Module:
        layer = nn.Linear(self.in_features, self.out_features)
        layer.weight, layer.bias = self.weight, self.bias
        return layer


def test_layers_take_their_plain_form_in_a_copy_that_shares_the_weights():
    network = nn.Sequential(Fast(2, 2), nn.ReLU(), Fast(2, 2))
    copy: Any = plain(network)
    assert [type(layer) for layer in copy] == [nn.Linear, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in network] == [Fast, nn.ReLU, Fast]
    assert copy[0].weight is network[0].weight


class Letters(EchoModel):
    """Classifies a text by its first 8 letters."""

    labels = ("vowels", "consonants")

    @classmethod
    def load(cls, weights: Any, *, device: Any, dtype: Any) -> "Letters":
        torch.manual_seed(0)
        model: Any = cls()
        model.network = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 2))
        return model

    def preprocess(self, items: Any, options: Any) -> list[dict[str, Any]]:
        return [
            {"text": str(each), "x": torch.tensor([ord(a) / 64 - 1 for a in str(each)[:8].ljust(8)])} for each in items
        ]

    def collate(self, features: Any) -> Any:
        return torch.stack([each["x"] for each in features])

    def forward(self, batch: Any) -> Any:
        return self.network(batch).softmax(-1)  # type: ignore[attr-defined]

    def postprocess(self, output: Any, features: Any, options: Any) -> list[Any]:
        from duomo.tasks.results import Classification

        return [Classification.ranked(list(self.labels), each) for each in output.tolist()]


class Reaching(Letters):
    """Uses a part of its network, which is not there in another runtime."""

    def forward(self, batch: Any) -> Any:
        return self.network[2](self.network[:2](batch)).softmax(-1)  # type: ignore[attr-defined]


@pytest.fixture
def load(monkeypatch):
    specs = []
    for cls in (Letters, Reaching):
        monkeypatch.setattr(f"duomo.testing.fakes.{cls.__name__}", cls, raising=False)
        specs.append(echo_spec(f"fake/{cls.__name__.lower()}", loader=f"duomo.testing.fakes:{cls.__name__}"))
    catalog = fake_catalog(echo_spec(), *specs)
    return lambda mode, name="letters": duomo.load(
        "text-classification", f"fake/{name}", optimize=mode, catalog=catalog
    )


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_results_are_near_the_exact_ones_and_every_outcome_says_how_near(load, runtime):
    need(runtime)
    texts = [f"text {i}" for i in range(70)]
    exact, fast = load("none"), load(runtime)
    outcomes = list(fast.map(texts, batch_size=32))
    for one, other in zip(exact.map(texts), outcomes, strict=True):
        assert other.unwrap().top.name == one.unwrap().top.name
        assert other.unwrap().top.score == pytest.approx(one.unwrap().top.score, abs=1e-5)
        assert other.meta.optimize == runtime
        assert other.meta.difference <= 1e-3
    assert fast("one alone").top.score == pytest.approx(exact("one alone").top.score, abs=1e-5)


def test_a_model_that_uses_parts_of_its_network_is_refused_before_any_result(load):
    need("onnx")
    with pytest.raises(OptimizeRefused, match="the speed mode onnx was refused"):
        list(load("onnx", "reaching").map(["a", "b"]))
