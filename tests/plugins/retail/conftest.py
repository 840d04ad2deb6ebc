"""What the retail tests share: a made-up panel with everything a shop's has."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="package")
def shop() -> list[dict[str, Any]]:
    """Forty articles over sixty weeks, noise in proportion to the root of their level."""
    rng = np.random.default_rng(7)
    levels = rng.uniform(5, 200, 40)
    weeks = [str(np.datetime64("2024-01-01") + 7 * i) for i in range(60)]
    return [
        {"unique_id": f"sku{i}", "ds": weeks, "y": rng.poisson(level, 60).astype(float).tolist()}
        for i, level in enumerate(levels)
    ]
