"""What a model must give at each step, and the error that names the step where it gives something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duomo.counting import counted
from duomo.errors import WorkerContractError

if TYPE_CHECKING:
    from duomo.execution.base import Job


def check_length(job: Job, step: str, got: Sequence[object], items: Sequence[object]) -> None:
    """Raise `WorkerContractError` unless a step of the model gave one thing for each item."""
    if len(got) != len(items):
        raise _broken(
            job,
            f"{len(got):,} from {step}() for {counted(len(items), 'item')}",
            "each item needs exactly one, in the same order",
        )


def check_class(job: Job, step: str, got: object, wanted: type, why: str) -> None:
    """Raise `WorkerContractError` unless what a step of the model gave is a `wanted`."""
    if not isinstance(got, wanted):
        raise _broken(job, f"{type(got).__name__} from {step}()", why)


def check_result(job: Job, step: str, result: object) -> None:
    """Raise `WorkerContractError` unless a result is of the class of the job's task."""
    if job.result is not None:
        why = f"the results of {job.task} are instances of {job.result.__name__}"
        check_class(job, step, result, job.result, why)


def _broken(job: Job, gave: str, why: str) -> WorkerContractError:
    fix = f"report it to the author of {job.plugin or job.spec.plugin}"
    return WorkerContractError(f"'{job.spec.name}' gave {gave}", why=why, fix=fix)
