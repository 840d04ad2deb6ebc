"""The arithmetic of a plan: bytes on a device, seconds of a batch, and every constant with its source."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from duomo.execution.plan import ExecutionPlan
from duomo.execution.planning.hardware import MFU, Device
from duomo.execution.planning.profile import SIZES, ModelProfile
from duomo.parallel import ParallelDims

CONTEXT = 1.5e9
"""Bytes that CUDA, its libraries and the allocator take before the first weight."""
USABLE = 0.9
"""Share of the rest that is planned with; fragments take what is left."""
PROCESS = 0.7e9
"""Bytes of a Python process with torch and transformers in it (507 to 758 MiB measured)."""
LATENCY = 10e-6
"""Seconds until the first byte of a message between devices arrives."""
LAUNCH_S = 100e-6
"""Seconds to launch the kernels of one layer (10 to 15 of them): no step on a GPU is shorter."""
MICROBATCHES = 4
"""Parts into which a pipeline cuts a batch, for each of its stages."""
DRIVER_S = 100e-6
"""What the one driver may spend on a batch, if it is to feed all copies."""
DRIVER_BATCH_S, DRIVER_ITEM_S = 20e-6, 4e-6
"""What it spends on each batch, and on each item in it, as `benchmarks/driver.py` measures."""
STEP_S = 0.25
"""A longer step gains nothing, and leaves devices idle at the end of a run."""
BUDGETS = {"token": (512, 65_536, 1_048_576)}
ITEM_BUDGETS = (1, 256, 4096)
"""Units of a batch: the least, the most, and the most where the driver needs long steps."""
CPU_UNITS = {"token": 2048}
"""Units of a batch on a CPU, where larger ones gain nothing; 8 of what is not text."""
THREADS = 0.5
"""N threads of one process do the work of N to this power: 2 give 1.41 where 2 processes give 2."""
START_S, LOAD = 2.2, 0.5e9
"""Seconds until worker processes have torch, and bytes of weights they load in a second."""
TIE = 0.01
"""Plans nearer to the best than this are ties, and the smallest group wins: less is lost with it."""


class Estimate(NamedTuple):
    """One way to spread a model, and what the arithmetic says of it."""

    dims: ParallelDims
    devices: tuple[Device, ...]
    units: int
    """Seconds of one batch."""
    memory: float
    """Bytes on the fullest device."""
    room: float
    """Bytes it has."""
    step_s: float
    """Seconds of one batch on the slowest copy."""
    rate: float
    """Units a second, of all copies, as fast as one driver can feed them."""
    link_share: float
    """Share of a step that is spent between devices."""
    item_s: float
    """Seconds of one item alone."""


@dataclasses.dataclass(frozen=True)
class Planned:
    """A plan and the numbers behind it."""

    plan: ExecutionPlan
    profile: ModelProfile
    dtype: str
    estimate: Estimate
    length: float
    items: int | None = None

    @property
    def items_per_s(self) -> float:
        """Predicted, without the start."""
        return self.estimate.rate / self.length

    def record(self) -> dict[str, Any]:
        """Return all of it, JSON-safe."""
        best, plan = self.estimate, self.plan
        return {
            "executor": plan.executor,
            "dims": plan.dims._asdict(),
            "devices": list(plan.devices),
            "threads": plan.threads,
            "batch_budget": plan.batch_budget,
            "window_items": plan.window_items,
            "prefetch": plan.prefetch,
            "predicted": {
                "units_per_s": round(best.rate, 1),
                "items_per_s": round(self.items_per_s, 2),
                "step_ms": round(best.step_s * 1e3, 3),
                "item_ms": round(best.item_s * 1e3, 3),
                "link_share": round(best.link_share, 3),
                "batch_units": best.units,
                "memory_gb": round(best.memory / 1e9, 2),
                "room_gb": round(best.room / 1e9, 2),
                "seconds": round(self.items / self.items_per_s, 1) if self.items else None,
            },
            "reasons": list(plan.reasons),
            "rejected": list(plan.rejected),
        }


def memory_needed(profile: ModelProfile, dims: ParallelDims, dtype: str, units: float) -> float:
    """Bytes on one device: its part of the weights, all look-up tables, a batch's activations, keys and values."""
    size, group = SIZES[dtype], dims.group
    weights = (profile.params - profile.embedding_params) / group + profile.embedding_params
    # What tensor parallelism repeats on each rank (norms, residuals) is about half of the activations.
    activations = profile.activations * units / (1.5 if dims.tp > 1 else 1.0)
    return float(size * (weights + activations + profile.cache * units / group))


def room_on(device: Device) -> float:
    """Bytes that a model may take on a device."""
    return max(0.0, ((device.free or device.memory) - CONTEXT) * USABLE)


def step_time(
    profile: ModelProfile, device: Device, dims: ParallelDims, dtype: str, units: float, length: float
) -> tuple[float, float]:
    """Return the seconds of one batch in one group of devices of a kind, and the share spent between them."""
    size, (_, pp, tp) = SIZES[dtype], dims
    compute = profile.flops(units, length) / (dims.group * device.peak(dtype) * MFU)
    reading = (profile.params - profile.embedding_params) * size / dims.group / device.bandwidth
    stage = max(compute, reading, profile.layers / pp * LAUNCH_S)
    link = 0.0
    if tp > 1:  # two all-reduces a layer, in a ring
        sent = 2 * (tp - 1) / tp * units * profile.width * size / device.link
        link = 2 * profile.layers / pp * (sent + 2 * (tp - 1) * LATENCY)
    if pp > 1:
        parts = MICROBATCHES * pp
        # Filling and draining: (parts + pp - 1) slots for parts of work.
        stage *= (parts + pp - 1) / parts
        link += (pp - 1) * (units * profile.width * size / device.link / parts + LATENCY)
    return stage + link, link / (stage + link)
