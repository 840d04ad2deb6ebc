"""Numbers that are not finite are an error of their item, whatever the model hands out."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import duomo
from duomo.errors import BadOutput
from duomo.execution.finite import ADDERS, check_output, check_results, zero_if_finite
from duomo.resolving import resolve
from duomo.tasks.base import Result
from duomo.tasks.nlp.embedding import Similarity
from duomo.tasks.nlp.generation import Generation
from duomo.tasks.results import Classification, Embedding
from duomo.tasks.speech import Transcript
from duomo.tasks.speech.sound import Sound
from duomo.tasks.tabular.series import Forecast, Quantile
from duomo.tasks.vision.segmentation import Mask
from duomo.testing.fakes import EchoModel, echo_spec, fake_catalog
from tests.sdk.tasks.test_showing import some

NAN, INF = float("nan"), float("inf")


class Sick(EchoModel):
    """Scores of an item that says "nan", "inf" or "mask" hold that; the label never shows it.

    "later" makes one in `postprocess`, from an output that is fine.
    """

    def forward(self, batch: Any) -> Any:
        values = {"nan": NAN, "inf": INF, "mask": -INF}
        scores = [next((value for word, value in values.items() if word in text), 0.5) for text in batch]
        return batch, torch.tensor([[0.1, score] for score in scores])

    def postprocess(self, output: Any, features: Any, options: Any) -> Any:
        del features, options
        shown = [-INF if "shown" in text else NAN if "later" in text else 0.5 for text in output[0]]
        return [Classification.ranked([text], [score]) for text, score in zip(output[0], shown, strict=True)]


@pytest.fixture
def sick(monkeypatch: pytest.MonkeyPatch) -> Iterator[duomo.Runner[Any]]:
    monkeypatch.setattr("duomo.testing.fakes.Sick", Sick, raising=False)
    with duomo.load("text-classification", catalog=fake_catalog(echo_spec(loader="duomo.testing.fakes:Sick"))) as one:
        yield one


def test_an_item_whose_output_is_not_finite_fails_alone_even_where_its_result_hides_it(sick: Any) -> None:
    items = ["a", "nan", "b", "c mask", "inf", "d", "mask shown", "e", "later"]
    outcomes = list(sick.map(items, batch_size=8))
    codes = {item: outcome.error and outcome.error.code for item, outcome in zip(items, outcomes, strict=True)}
    assert codes == dict.fromkeys(("a", "b", "c mask", "d", "e")) | dict.fromkeys(
        ("nan", "inf", "mask shown", "later"), "E-OUTPUT"
    )
    assert "NaN or infinity" in outcomes[1].error.why
    for word in ("nan", "later"):
        with pytest.raises(BadOutput, match="not finite"):
            sick(word)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_large_but_finite_numbers_of_every_kind_are_fine(dtype: torch.dtype) -> None:
    check_output(torch.full((4096,), 60_000.0, dtype=dtype))
    largest = torch.full((4096,), torch.finfo(dtype).max, dtype=dtype)  # more than any sum of its kind holds
    check_output({"scores": [largest, largest[:2], torch.full((100,), 9e98, dtype=torch.float64)]})
    check_output(torch.cat([largest, torch.tensor([-INF], dtype=dtype)]))  # a mask among them
    check_output(largest.double().numpy() if dtype is torch.bfloat16 else largest.numpy())
    for bad in (NAN, INF):
        with pytest.raises(BadOutput):
            check_output((largest, torch.full((100,), bad, dtype=dtype)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 64, 65])
def test_few_numbers_and_many_are_looked_at_alike(count: int, dtype: torch.dtype) -> None:
    values = torch.full((2 * count, 2), 60_000.0, dtype=dtype)[::2]  # with gaps between the rows
    check_output(values)
    for bad in (NAN, INF):
        values[-1, 1] = bad
        with pytest.raises(BadOutput):
            check_output(values)
    values[-1, 1] = -INF  # as a mask
    check_output(values)
    check_output(values[:0])


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
        check_output(output)
    check_output([torch.tensor([0.0, -INF])])  # a mask, perhaps


def results_with(number: float) -> dict[str, Result]:
    """Results of every shape that results have, with one number in one place."""
    numbers = [0.5, number]
    return {
        "a number": ZeroOneRisk.model_construct(risk=number),
        "labels": Classification.ranked(["a", "b"], numbers),
        "a vector": Embedding(vector=numbers),
        "numbers in a list": Similarity.model_construct(scores=numbers),
        "numbers in results in a list": Forecast.model_construct(
            mean=[0.0], quantiles=[Quantile.model_construct(level=0.5, values=numbers)]
        ),
        "pairs in a list": Track.model_construct(pitches=[(0.0, 1.0), (1.0, number)]),
        "one that may be left out": Mask.model_construct(label="a", score=number, mask=b""),
        "one among gaps": PitchTrack.model_construct(times=[0.0], pitches=[None, number]),
        "one of a kind that is not known": Odd.model_construct(anything={"a": [number]}),
        "one behind a result of its own kind": Tree.model_construct(
            weight=0.0, branches=[Tree.model_construct(weight=number, branches=[])]
        ),
    }


class ZeroOneRisk(Result):
    risk: float


class Track(Result):
    pitches: list[tuple[float, float]]


class PitchTrack(Result):
    times: list[float]
    pitches: list[float | None]


class Odd(Result):
    anything: Any


class Tree(Result):
    weight: float
    branches: list["Tree"]


OWN = (Odd, Tree)


@pytest.mark.parametrize("shape", results_with(0.0))
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_a_number_made_behind_the_network_is_found_in_results_of_any_shape(shape: str, bad: float) -> None:
    check_results([results_with(1.0)[shape], results_with(1e30)[shape], results_with(0.0)[shape]])
    with pytest.raises(BadOutput, match="not finite"):
        check_results([results_with(1.0)[shape], results_with(bad)[shape]])


def test_sums_that_overflow_are_no_fault_of_their_numbers() -> None:
    check_results([Similarity.model_construct(scores=[1e308, 1e308]), Embedding(vector=[1e30, 1e30])])
    with pytest.raises(BadOutput):
        check_results([Similarity.model_construct(scores=[np.float32(NAN)])])


def test_results_without_numbers_are_left_alone() -> None:
    texts: list[Result] = [Generation.model_construct(text="nan", finish_reason="stop", num_prompt_tokens=1)]
    check_results([*texts, Transcript.model_construct(text="inf", segments=[], language="en")])


def test_the_results_of_every_task_are_looked_at_by_their_fields() -> None:
    """A field of a kind that is not known costs a walk over the whole result."""
    slow = []
    for spec in duomo.default_catalog().tasks.values():
        kind = resolve(spec.target, owner=spec.name).Result
        check_results([kind.__new__(kind)])
        slow += [f"{spec.name}: {name}" for name, add in ADDERS.items() if add is zero_if_finite and name not in OWN]
    assert not slow


def spoiled(value: Any, bad: float) -> Iterator[Any]:
    """Copies of a result, each with another of its numbers replaced."""
    if isinstance(value, float):
        yield bad
    elif isinstance(value, np.ndarray):
        yield np.append(value[:-1], np.float32(bad))
    elif isinstance(value, Result):
        for name in type(value).model_fields:
            yield from (value.model_copy(update={name: each}) for each in spoiled(getattr(value, name), bad))
    elif isinstance(value, list | tuple):
        for at, inner in enumerate(value):
            yield from (type(value)([*value[:at], each, *value[at + 1 :]]) for each in spoiled(inner, bad))
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (value | {key: each} for each in spoiled(inner, bad))


@pytest.mark.parametrize("spec", duomo.default_catalog().tasks.values(), ids=lambda spec: spec.name)
def test_each_number_of_each_tasks_result_is_looked_at(spec: Any) -> None:
    result = some(resolve(spec.target, owner=spec.name).Result)
    check_results([result])
    for bad in (NAN, INF):
        for each in spoiled(result, bad):
            with pytest.raises(BadOutput, match="not finite"):
                check_results([each])


def test_nearly_every_task_gives_numbers() -> None:
    results = (some(resolve(spec.target, owner=spec.name).Result) for spec in duomo.default_catalog().tasks.values())
    counts = [len([*spoiled(result, NAN)]) for result in results]
    assert sum(map(bool, counts)) > len(counts) / 2


def test_sound_that_is_not_finite_is_not_written() -> None:
    with pytest.raises(BadOutput, match="not finite"):
        Sound.from_samples(np.array([0.0, NAN], np.float32), 16_000)
