"""Options that could not mean anything, or would ask for all of the memory, are refused by every task that has them."""

import functools
import importlib
import math
from typing import Any

import pytest

from duomo.errors import BadInput, BadOption
from duomo.inputs import Prompt
from duomo.tasks import CORE_TASKS
from duomo.testing.samples import sample_for

REFUSED = {
    "seed": (-1, 2**63),
    "num_beams": (0, 10**6),
    "horizon": (0, 10**9),
    "top_k": (0, -1),
    "threshold": (-math.inf,),
}


@functools.cache
def options() -> list[tuple[Any, dict[str, Any], str]]:
    found = []
    for task in CORE_TASKS:
        module, _, name = task.target.partition(":")
        cls = getattr(importlib.import_module(module), name)
        sample = sample_for(cls)
        found += [(cls, sample.options if sample else {}, option) for option in cls.Options.model_fields]
    return found


def test_numbers_out_of_range_are_refused() -> None:
    tried = 0
    for cls, needed, option in options():
        for value in REFUSED.get(option, ()):
            with pytest.raises(BadOption, match=f"option '{option}' cannot be"):
                cls.Options.parse(needed | {option: value})
            tried += 1
    assert tried > 40


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_option_is_infinite_or_no_number(value: float) -> None:
    tried = 0
    for cls, needed, option in options():
        if "float" in str(cls.Options.model_fields[option].annotation):
            with pytest.raises(BadOption, match=f"option '{option}' cannot"):
                cls.Options.parse(needed | {option: value})
            tried += 1
    assert tried > 20


@pytest.mark.parametrize("contents", [[""], [" \n"], ["", " "]])
def test_a_chat_of_empty_messages_is_refused(contents: list[str]) -> None:
    with pytest.raises(BadInput, match="the messages of this chat are empty"):
        Prompt.accept([{"role": "user", "content": each} for each in contents])
    Prompt.accept([{"role": "system", "content": ""}, {"role": "user", "content": "Hello"}])


@pytest.mark.parametrize(("task", "name"), [("ImageAnomalyDetection", "good"), ("ImageSearch", "images")])
def test_a_missing_image_of_an_option_is_told_from_the_input(task: str, name: str) -> None:
    cls = next(cls for cls, _, option in options() if cls.__name__ == task and option == name)
    with pytest.raises(BadInput, match=f"option '{name}': .*missing.png"):
        cls.Options.parse({name: ["missing.png", "missing.jpg"]})
