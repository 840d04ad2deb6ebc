"""Patients of nobody, for examples and the conformance suite."""

from __future__ import annotations

from typing import Any

import numpy as np

from duomo_medical.variables import Variable, Variables

VARIABLES = Variables(
    variables=(
        Variable(name="glucose", unit="mg/dL", low=30, high=600, analyte="glucose"),
        Variable(name="pressure", unit="mmHg", low=30, high=260),
        Variable(name="bmi", unit="kg/m2", low=10, high=80),
        Variable(name="age", unit="years", low=0, high=120),
    ),
    outcome="ill",
    key="patient",
    site="hospital",
    audited=("ethnicity",),
)
_HOSPITALS = ("north", "south", "east", "west")


def patients(count: int, *, seed: int = 0, strange: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Rows of four hospitals in turn; in a `strange` one the disease is commoner and has other causes."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        hospital = _HOSPITALS[number % len(_HOSPITALS)]
        odd = hospital in strange
        glucose, pressure = rng.normal(120, 30), rng.normal(72, 12)
        bmi, age = rng.normal(32, 6), rng.uniform(21, 80)
        pull = [0.04, 0.0, 0.09, 0.03] if not odd else [-0.01, 0.05, 0.0, -0.02]
        odds = np.dot(pull, [glucose - 120, pressure - 72, bmi - 32, age - 45]) + (-0.8 if not odd else 0.3)
        rows.append(
            {
                "patient": f"Patient {seed}-{number}",
                "hospital": hospital,
                "ethnicity": "abc"[number % 3],
                "glucose": round(float(np.clip(glucose, 40, 400)), 1),
                "pressure": round(float(np.clip(pressure, 40, 200)), 1),
                "bmi": round(float(np.clip(bmi, 15, 60)), 1),
                "age": round(float(age)),
                "ill": int(rng.random() < 1 / (1 + np.exp(-odds))),
            }
        )
    return rows
