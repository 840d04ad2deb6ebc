"""What all models of this plugin owe any picture: an answer for the good, an error of its own for the bad."""

from pathlib import Path
from typing import Any

import pytest

import duomo

MODELS = ["classifier", "embedder", "faces", "ocr"]
pytestmark = pytest.mark.embedded


def numbers(result: Any) -> list[float]:
    """All scores and coordinates of a result, in order."""
    if isinstance(result, dict):
        return [number for each in result.values() for number in numbers(each)]
    if isinstance(result, list | tuple):
        return [number for each in result for number in numbers(each)]
    return [result] if isinstance(result, float) else []


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_of_mixed_pictures_gives_what_one_by_one_gives(
    name: str, awkward: list[Any], request: pytest.FixtureRequest
) -> None:
    runner: duomo.Runner[Any] = request.getfixturevalue(name)
    if name == "ocr":  # it enlarges panoramas to millions of pixels: grey, transparent and of one pixel will do
        awkward = awkward[1:4]
    together = [outcome.unwrap().model_dump() for outcome in runner.map(awkward, batch_size=len(awkward))]
    alone = [runner(picture).model_dump() for picture in awkward]
    for a, b in zip(together, alone, strict=True):
        assert numbers(a) == pytest.approx(numbers(b), abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_damaged_pictures_fail_alone_and_say_why(
    name: str, awkward: list[Any], damaged: list[Path], request: pytest.FixtureRequest
) -> None:
    runner: duomo.Runner[Any] = request.getfixturevalue(name)
    text, short, bomb = damaged
    good = awkward[2]
    outcomes = list(runner.map([good, text, short, good, bomb, good], batch_size=6))
    assert [outcome.ok for outcome in outcomes] == [True, False, False, True, False, True]
    errors = {outcome.id: outcome.error for outcome in outcomes if outcome.error is not None}
    assert {Path(name).name: error.code for name, error in errors.items()} == {
        "text.jpg": "E-INPUT-UNREADABLE",
        "short.jpg": "E-INPUT-UNREADABLE",
        "bomb.png": "E-INPUT-TOO-LARGE",
    }
    assert all(error.what and error.why and error.fix for error in errors.values())
    expected = numbers(runner(good).model_dump())
    for index in (0, 3, 5):
        assert numbers(outcomes[index].unwrap().model_dump()) == pytest.approx(expected, abs=1e-5)
