"""What a model needs, found without its weights: parameters, bytes, FLOPs and activations for each token or image.

A network in transformers format is built from its ``config.json`` on the meta device, where tensors
have shapes and no memory, and run there under a counter; that takes seconds once and is kept in the
cache by the hash of the configuration. What has no such file is timed where it is loaded, or known by
its number of parameters alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.counting import a_type
from duomo.errors import InputMissing, InputUnreadable
from duomo.execution.planning.measuring import measure
from duomo.replacing import replacing

if TYPE_CHECKING:
    from duomo.specs import ModelSpec

SIZES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes of a number; ``auto`` is float32."""
_FORMAT = 1
"""Raised when what is measured changes, so that kept profiles are measured again."""


@dataclasses.dataclass(frozen=True, slots=True)
class ModelProfile:
    """Sizes of one model. A *unit* is what its work grows with: ``token``, ``image``, ``clip`` or ``item``."""

    name: str
    params: int
    embedding_params: int = 0
    """In look-up tables, which cost memory and no FLOPs, and are not split between devices."""
    layers: int = 0
    width: int = 0
    heads: int = 0
    kv_heads: int = 0
    unit: str = "item"
    flops_a_unit: float = 0.0
    flops_a_pair: float = 0.0
    """FLOPs of attention, for each token with each token of its item."""
    activations: float = 0.0
    """Numbers alive at the peak, for each unit of a batch; kernels that fuse attention are assumed."""
    cache: float = 0.0
    """Numbers kept for each token while a text is written: keys and values of all layers."""
    how: str = "counted on the meta device"

    def flops(self, units: float, length: float = 1.0) -> float:
        """Count the FLOPs of a forward pass over `units` units, in items of `length` units."""
        return units * (self.flops_a_unit + self.flops_a_pair * (length if self.unit == "token" else 0.0))

    def bytes(self, dtype: str) -> int:
        """Bytes of all weights."""
        return self.params * SIZES[dtype]


def profile_folder(path: str | os.PathLike[str]) -> ModelProfile:
    """Return the profile of a checkpoint in transformers format: its folder, or only its ``config.json``.

    Raises:
        InputMissing: no such file.
        InputUnreadable: it is not JSON.
        Unavailable: transformers does not know the architecture.
    """
    file = Path(path).expanduser()
    file = file / "config.json" if file.is_dir() else file
    if not file.is_file():
        raise InputMissing(
            f"no config.json at '{path}'",
            why="the plan is made from the architecture that it describes",
            fix="name a folder in transformers format, or its config.json",
        )
    try:
        config = json.loads(file.read_text("utf-8"))
        if not isinstance(config, dict):
            raise ValueError(f"it is {a_type(config)}, not an object")
    except ValueError as error:
        raise InputUnreadable(f"'{file}' is not a configuration", why=str(error), fix="save it again") from None
    return profile_config(config, str(path))


def profile_config(config: Mapping[str, Any], name: str) -> ModelProfile:
    """Return the profile of an architecture, from the cache where it is known there."""
    key = hashlib.sha256(json.dumps([_FORMAT, dict(config)], sort_keys=True).encode()).hexdigest()[:24]
    kept = _cache() / f"{key}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return ModelProfile(**{**json.loads(kept.read_text("utf-8")), "name": name})
    profile = ModelProfile(name, **measure(dict(config), name))
    with contextlib.suppress(OSError):  # a full or read-only disk costs the next call its seconds, no more
        kept.parent.mkdir(parents=True, exist_ok=True)
        with replacing(kept) as fresh:
            fresh.write_text(json.dumps(dataclasses.asdict(profile)), "utf-8")
    return profile


def profile_weights(name: str, spec: ModelSpec, path: Path | None) -> ModelProfile:
    """Return the profile of what a spec loads from a file or folder: by its configuration, else by its parameters."""
    folder = transformers_folder(path)
    if folder is not None:
        return dataclasses.replace(profile_folder(folder), name=name)
    return profile_params(name, spec.params, spec.size)


def transformers_folder(path: Path | None) -> Path | None:
    """Return the folder of a file, or the folder itself, if it is in transformers format."""
    folder = path if path is None or path.is_dir() else path.parent
    if folder is None or not (folder / "config.json").is_file():
        return None
    try:
        # Other formats have a file of that name, too; theirs does not say which model it is.
        known = "model_type" in json.loads((folder / "config.json").read_text("utf-8"))
    except ValueError:
        return None
    return folder if known else None


def profile_params(name: str, params: int, size: int = 0) -> ModelProfile:
    """Estimate what can be known of a model by the number of its parameters, or by the size of its file in float32."""
    params = params or size // 4
    how = "by the number of parameters alone, each used once for an item: convolutions take far longer"
    return ModelProfile(name, params, flops_a_unit=2.0 * params, how=how)


def profile_timed(spec: ModelSpec, forward: Callable[[], Any], num_items: int) -> ModelProfile:
    """Measure what a loaded model takes, by the CPU time of its forward pass here; kernels of our own defy the counter.

    Args:
        spec: its parameters or bytes.
        forward: one pass.
        num_items: in it.
    """
    from duomo.execution.planning.hardware import CORE, MFU_CPU

    times = []
    for _ in range(6):  # the first one warms up
        start = time.process_time()
        forward()
        times.append(time.process_time() - start)
    second = min(times[1:]) / num_items
    known = profile_params(spec.name, spec.params, spec.size)
    how = f"timed on this CPU: {second * 1e3:.1f} ms an item on one core; its activations are not known"
    return dataclasses.replace(known, flops_a_unit=second * CORE.full * MFU_CPU, how=how)


def _cache() -> Path:
    from duomo.config import cache_path

    return cache_path() / "profiles"
