"""Numbers that are not finite are an error of their item, whatever the model hands out."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import duomo
from duomo.errors import BadOutput
from duomo.execution.finite import check_output, check_results
from duomo.tasks.results import Classification
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog

NAN, INF = float("nan"), float("inf")


class Sick(EchoModel):
    """Scores of an item that says "nan", "inf" or "mask" hold that; the label never shows it."""

    def forward(self, batch: Any) -> Any:
        values = {"nan": NAN, "inf": INF, "mask": -INF}
        scores = [next((value for word, value in values.items() if word in text), 0.5) for text in batch]
        return batch, torch.tensor([[0.1, score] for score in scores])

    def postprocess(self, output: Any, features: Any, options: Any) -> Any:
        del features, options
        return [Classification.ranked([text], [0.5 if "shown" not in text else -INF]) for text in output[0]]


@pytest.fixture
def sick(monkeypatch: pytest.MonkeyPatch) -> Iterator[duomo.Runner[Any]]:
    monkeypatch.setattr("duomo.testing.fakes.Sick", Sick, raising=False)
    with duomo.load("text-classification", catalog=fake_catalog(echo_spec(loader="duomo.testing.fakes:Sick"))) as one:
        yield one


def test_an_item_whose_output_is_not_finite_fails_alone_even_where_its_result_hides_it(sick: Any) -> None:
    items = ["a", "nan", "b", "c mask", "inf", "d", "mask shown", "e"]
    outcomes = list(sick.map(items, batch_size=8))
    codes = {item: outcome.error and outcome.error.code for item, outcome in zip(items, outcomes, strict=True)}
    assert codes == dict.fromkeys(("a", "b", "c mask", "d", "e")) | dict.fromkeys(
        ("nan", "inf", "mask shown"), "E-OUTPUT"
    )
    assert "NaN or infinity" in outcomes[1].error.why
    with pytest.raises(BadOutput, match="not finite"):
        sick("nan")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_large_but_finite_numbers_of_every_kind_are_fine(dtype: torch.dtype) -> None:
    assert not check_output(torch.full((4096,), 60_000.0, dtype=dtype))


@pytest.mark.parametrize("bad", [NAN, INF])
def test_nested_outputs_are_seen(bad: float) -> None:
    fine, broken = torch.ones(3), torch.tensor([1.0, bad])
    for output in (broken, (fine, broken), {"a": fine, "b": [broken]}, broken.numpy(), broken.half(), [(fine, broken)]):
        with pytest.raises(BadOutput):
            check_output(output)
    with pytest.raises(BadOutput):
        check_output((torch.tensor([-INF]), torch.tensor([INF])))


def test_what_holds_no_floating_numbers_is_left_alone() -> None:
    for output in (torch.tensor([1, 2]), ["text"], object(), {"ids": torch.tensor([True])}, [1.0], None, ()):
        assert not check_output(output)
    assert check_output([torch.tensor([0.0, -INF])])
    check_results([Classification.ranked(["a"], [0.1])])
