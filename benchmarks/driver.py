"""What the one driver spends: on the way of a 19 MB batch to a worker, and on a batch at 1024 devices.

The way is that of `duomo.execution.pools.local`: a pipe, and memory that both processes have mapped. The peers send the
same arrays by ``multiprocessing``: pickled through a pipe, and through a queue as sentence-transformers' pool does.
The devices are simulated, the driver's CPU time is real.
"""

import multiprocessing
from typing import Any

import numpy as np
from harness import arguments, interleave, report, spread, target

from duomo.execution.pools.process import Child, Descriptor
from duomo.execution.pools.simulate import fake_devices, simulate
from duomo.execution.pools.transport import Channel, Slot, new_slots

BATCH = [np.random.default_rng(0).standard_normal((3, 224, 224), dtype=np.float32) for _ in range(32)]
"""32 pictures of 224 by 224: 19.3 MB."""


def answer(pipe: Any, outbound: list[Any], inbound: list[Any], plain: Any, asked: Any, told: Any) -> None:
    """In the worker: read a batch whole, by whichever way it comes, and say how much it was."""
    channel = Channel(pipe, *([Slot(each.detach()) for each in some] for some in (outbound, inbound)))
    ways = {
        "duomo": lambda: channel.send("done", 0, total(channel.recv().body)),
        "pipe": lambda: plain.send(total(plain.recv())),
        "queue": lambda: told.put(total(asked.get())),
    }
    while (way := plain.recv()) is not None:
        ways[way]()


def total(arrays: list[Any]) -> float:
    """A number that only whole arrays give; it reads one value a page."""
    return float(sum(array.ravel()[::1024].sum() for array in arrays))


def transport(rounds: int) -> dict[str, Any]:
    """Milliseconds of the wall clock until a worker has a batch and its answer is here."""
    ours, theirs = multiprocessing.Pipe()
    plain, far = multiprocessing.Pipe()
    context = multiprocessing.get_context("forkserver")
    asked, told = context.Queue(), context.Queue()
    outgoing, incoming = new_slots(1), new_slots(1)
    slots = [[Descriptor(slot.descriptor) for slot in some] for some in (incoming, outgoing)]
    child = Child(answer, (theirs, *slots, far, asked, told), preload=[], with_main=True)
    channel = Channel(ours, outgoing, incoming)
    got: dict[str, float] = {}

    def duomo() -> None:
        plain.send("duomo")
        channel.send("batch", 0, BATCH)
        got["duomo"] = channel.recv().body

    def pipe() -> None:
        plain.send("pipe")
        plain.send(BATCH)
        got["pipe"] = plain.recv()

    def queue() -> None:
        plain.send("queue")
        asked.put(BATCH)
        got["queue"] = told.get()

    times = interleave({"duomo": duomo, "pipe": pipe, "queue": queue}, rounds)
    plain.send(None)
    child.join(5)
    channel.close()
    ms = {name: spread([seconds * 1e3 for seconds in each], 2) for name, each in times.items()}
    return {
        "megabytes": round(sum(array.nbytes for array in BATCH) / 1e6, 1),
        "valid": all(value == total(BATCH) for value in got.values()),
        "ms": ms,
        "targets": {"ms of a batch of 19 MB": target(ms["duomo"]["median"], at_most=10)},
    }


def driver(rounds: int) -> dict[str, Any]:
    """CPU microseconds of pool and scheduler, without transport, for one batch at 1024 devices, by its items."""
    rows: dict[str, Any] = {}
    for items, each in ((1, 20), (8, 80), (16, 160), (32, 320), (128, 640)):
        found = [
            simulate(fake_devices(1024), [100] * (1024 * each), budget=0, max_items=items, window_items=4 * items)
            for _ in range(rounds)
        ]
        whole = spread([each.driver_us_per_batch for each in found], 1)
        moved = spread([each.dispatch_us_per_batch for each in found], 1)
        item = spread([each.driver_us_per_item for each in found], 2)
        others = (whole["median"] - moved["median"]) / found[0].items_per_batch
        rows[f"batches of {found[0].items_per_batch:.0f}, 1024 devices"] = {
            "targets": {
                "µs to hand a batch out and take it back": target(moved["median"], at_most=100),
                "µs a batch, its items read and given out": target(whole["median"], at_most=100),
            },
            "note": f"an item is read, estimated, kept and given out in {others:.1f} µs; the planner counts it",
            "us_a_batch": whole,
            "us_to_hand_out_and_take_back": moved,
            "us_an_item": item,
        }
    return rows


def main() -> None:
    """Print one JSON document."""
    args = arguments(__doc__.splitlines()[0], 9)
    result = {"transport": transport(args.rounds), "driver": driver(min(args.rounds, 3))}
    report("driver", result, args.out)


if __name__ == "__main__":
    main()
