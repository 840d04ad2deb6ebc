"""Linear layers as every model on the CPU has them in duomo, beside torch's own: the same weights, CPU time.

Sizes are those of MiniLM and BERT-base; rows are those of a decoding step, of one text, and of a batch.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
from typing import Any

import torch
from harness import arguments, contest, interleave, report

from duomo.execution.speed.linears import PackedLinear

SIZES = ((384, 384), (384, 1536), (1536, 384), (768, 768), (768, 3072), (3072, 768))
ROWS = (8, 64, 2048)
TOLERANCE = 1e-5
FLOP = 4e9
"""So much work is timed as one turn."""


def row(inputs: int, outputs: int, rows: int, rounds: int) -> dict[str, Any]:
    """One size of a layer."""
    torch.manual_seed(0)
    plain = torch.nn.Linear(inputs, outputs)
    packed, x = PackedLinear(plain), torch.randn(rows, inputs)
    calls = max(1, round(FLOP / (2 * rows * inputs * outputs)))

    def case(layer: torch.nn.Module) -> Any:
        def run() -> None:
            for _ in range(calls):
                layer(x)

        return run

    with torch.inference_mode():
        difference = float((packed(x) - plain(x)).abs().max())
        cases = {"duomo": case(packed), "torch.nn.Linear": case(plain)}
        times = interleave(cases, rounds, clock=time.process_time, warm=1)
    return contest(times, difference <= TOLERANCE, {}) | {"largest_difference": difference, "calls": calls}


def main() -> None:
    """Print one JSON document."""
    args = arguments(__doc__ or "", 5)
    torch.set_num_threads(1)
    result = {
        f"{rows} rows, {inputs} to {outputs}": row(inputs, outputs, rows, args.rounds)
        for rows in ROWS
        for inputs, outputs in SIZES
    }
    report("linears", result, args.out)


if __name__ == "__main__":
    main()
