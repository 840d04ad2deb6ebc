"""Where the processes of a training are, and which ways to share one there are not."""

from __future__ import annotations

from duomo.counting import counted
from duomo.errors import UsageProblem, did_you_mean
from duomo.execution.devices import accelerators
from duomo.parallel import ParallelDims
from duomo.training.request import Request
from duomo.training.starts import Start


def placement(devices: str | None, parallel: str | ParallelDims | None, device: str) -> tuple[list[str], ParallelDims]:
    """The device of each process, and their grid. Raises `UsageProblem` for ways to be parallel that there are not."""
    several = devices or (device if "," in device else "")
    names = [name.strip() for name in several.split(",") if name.strip()]
    dims = ParallelDims.parse(parallel) if isinstance(parallel, str) else parallel or ParallelDims(dp=len(names) or 1)
    names = names or _each_its_own(device, dims.total)
    if len(names) != dims.total:
        raise UsageProblem(
            f"{dims} and {counted(len(names), 'device')} do not fit",
            why=f"{dims} takes {counted(dims.total, 'process', 'processes')}, each with a device of its own",
            fix=f"name {dims.total} devices, or dp={len(names)}",
        )
    return names, dims


def _each_its_own(device: str, total: int) -> list[str]:
    """The devices of so many processes: a GPU for each where a kind is named or there are enough, else processors."""
    if total > 1 and device in ("auto", "cuda"):
        found = accelerators()[:total]
        if len(found) == total or (found and device == "cuda"):
            return list(found)
        device = "cpu" if device == "auto" else device
    return [device] * total


def refuse_uncuttable(dims: ParallelDims, request: Request, start: Start) -> None:
    """Raise `UsageProblem` for what cannot be shared by several processes, before any of them starts."""
    copies = f"dp={dims.total}: a whole copy on each device"
    if request.executor not in ("local", "ray"):
        raise UsageProblem(
            f"no executor '{request.executor}' for training", why="there are local and ray",
            fix=did_you_mean(request.executor, ("local", "ray")) or "executor='local'",
        )  # fmt: skip
    if request.shard and (dims.dp == 1 or dims.pp > 1):
        instead = dims._replace(dp=max(2, dims.dp * dims.pp), pp=1)
        raise UsageProblem(
            f"shard=True and {dims} do not go together",
            why="stages (pp) hold their own layers already" if dims.pp > 1 else "copies (dp) share out what they hold",
            fix=f"{dims} without it; or {instead} with it",
        )
    if request.train == "lora" and (dims.tp > 1 or request.shard):
        raise UsageProblem(
            f"train='lora' and {'tp' if dims.tp > 1 else 'shard=True'} do not go together",
            why="its additions would have to be cut too",
            fix=f"{copies}; or train=2, upper layers",
        )
    if request.train == "head" and dims.pp > 1:
        raise UsageProblem(
            f"train='head' and {dims} do not go together",
            why="all but the last stage would have nothing to train",
            fix=f"{copies}, and what is frozen is computed once; or train='all'",
        )
    if request.recipe.compile and (dims.group > 1 or request.shard):
        raise UsageProblem(
            f"compile=True and {'shard=True' if request.shard else dims} do not go together",
            why="a pass waits for other processes in its middle",
            fix=f"{copies}; or leave compile out of the recipe",
        )
    if dims.group > 1:
        from duomo.execution.sharding.group import check_plans

        check_plans(start.loader(), start.weights.path, dims, start.reference)
