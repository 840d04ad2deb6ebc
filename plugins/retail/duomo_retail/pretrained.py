"""Chronos behind the demand forecast: a pretrained model from a folder of yours (the extra ``chronos``).

Nothing is downloaded, and nothing is learned: the checkpoint sees a history and goes on with it. Quantiles still come
from `duomo_retail.coverage`, as those of a model trained on other people's series promise nothing about these.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duomo.errors import RequirementMissing, UsageProblem

Array = NDArray[np.float64]
SEED = 0
"""Architecture of the first generation of Chronos, which draws samples."""


def forecast(series: Sequence[Array], horizon: int, folder: str) -> list[Array]:
    """Forecast with a Chronos, Chronos-Bolt or Chronos-2 checkpoint; no season is named, it sees them by itself.

    Args:
        series: (n,) each.
        horizon: steps ahead.
        folder: the checkpoint's, with its ``config.json``.

    Raises:
        RequirementMissing: with the line for pip.
        UsageProblem: the folder holds no such checkpoint.
    """
    import torch  # comes with the extra

    pipeline = _pipeline(folder)
    out = []
    for each in series:  # one at a time: what a series gets may not depend on who else is there
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            history = torch.as_tensor(each, dtype=torch.float32)
            mean = pipeline.predict_quantiles([history], prediction_length=horizon, quantile_levels=[0.5])[1]
        found = np.asarray(mean[0], float).reshape(-1)[:horizon]
        out.append(np.maximum(found, 0.0) if (each >= 0).all() else found)
    return out


@functools.lru_cache(maxsize=1)  # a calibration asks for the same one at every origin
def _pipeline(folder: str) -> Any:
    try:
        from chronos import BaseChronosPipeline
    except ImportError:
        raise RequirementMissing(
            f"the method 'chronos:{folder}' needs chronos-forecasting",
            why="it is not installed",
            fix='pip install "duomo-retail[chronos]"',
        ) from None
    try:
        if not (Path(folder) / "config.json").is_file():
            raise FileNotFoundError("it has no config.json, and nothing is downloaded")
        return BaseChronosPipeline.from_pretrained(folder, device_map="cpu", local_files_only=True)
    except (OSError, ValueError, TypeError, AssertionError) as error:
        raise UsageProblem(
            f"no Chronos checkpoint in '{folder}'",
            why=str(error).partition("\n")[0],
            fix="a folder with config.json and model.safetensors, as in chronos:models/chronos-bolt-small",
        ) from None
