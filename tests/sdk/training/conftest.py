"""Rows that can be learnt, and a catalog with the toys."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
from toys import Toys, trapped

import duomo
from duomo import Catalog, Recipe
from duomo.plugins.selection import Selection

torch.set_num_threads(1)
WORDS = {"bird": ["robin", "wren", "blackbird", "tit"], "fish": ["cod", "hake", "mackerel", "eel"]}


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog(Selection(allow=frozenset()), extra={"toys": Toys()})


@pytest.fixture(scope="session")
def rows() -> list[dict[str, str]]:
    """48 rows of two classes."""
    return [
        {"text": f"{first} {second} {at}", "label": label}
        for label, words in WORDS.items()
        for at, (first, second) in enumerate((a, b) for a in words for b in words * 2 if a != b)
    ]


@pytest.fixture
def trap(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have one rank do something once it has told of a step: a driver that hears of it may come too late."""

    def set_trap(rank: int, step: int, act: Callable[[], object]) -> None:
        monkeypatch.setattr("duomo.training.distributed.members.main", functools.partial(trapped, rank, step, act))

    return set_trap


@pytest.fixture
def fit(catalog: Catalog, tmp_path: Path) -> Callable[..., duomo.Fit]:
    """Train the toy: settings of `Recipe` and arguments of `finetune` by name."""

    def train(rows: Any, *, out: str = "out", model: str = "toys/letters", **given: Any) -> duomo.Fit:
        settings = {name: given.pop(name) for name in list(given) if name in Recipe.__dataclass_fields__}
        recipe = Recipe(**{"epochs": 2, "batch": 8, "lr": 0.02, **settings})
        return duomo.finetune(
            "text-classification", rows, model=model, out=tmp_path / out, recipe=recipe, **{"catalog": catalog, **given}
        )

    return train
