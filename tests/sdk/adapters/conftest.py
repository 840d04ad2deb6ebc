"""A thermometer that watches machines, fitted on its own samples, and a way to make rows for it."""

from collections.abc import Callable
from typing import Any

import pytest

from duomo.testing.thermometer import Thermometer


@pytest.fixture
def thermometer() -> Thermometer:
    return Thermometer.example()


@pytest.fixture
def row() -> Callable[..., dict[str, Any]]:
    def make(machine: str = "m1", celsius: Any = 75.0, **more: Any) -> dict[str, Any]:
        return {"machine": machine, "celsius": celsius, **more}

    return make
