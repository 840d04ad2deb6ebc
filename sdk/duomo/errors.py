"""Everything that can go wrong, as one tree.

DuomoError                    what happened · why · how to fix it
├── UsageProblem              the call itself is off
│   ├── BadOption             an option the task does not know, or a value out of range
│   ├── WrongTask             a model asked to do another model's task
│   └── AmbiguousReference    a model reference that could mean several things
├── NotFound                  a name that is not registered (the nearest is offered)
│   ├── UnknownTask · UnknownModel · UnknownPlugin · UnknownExecutor · UnknownPack · UnknownAdapter
├── Unavailable               known, but not usable here and now
│   ├── WeightsMissing        the weights are not installed
│   ├── RequirementMissing    a library is not installed
│   ├── DeviceUnavailable     no such device on this machine
│   ├── DoesNotFit            a model needs more memory than the devices have, however it is split
│   ├── Offline               needs the network, and the network is off
│   ├── ServerBusy            a server has more work than it takes
│   └── ServerLost            a server does not answer, or not as one of ours does
├── WeightsProblem            weights that must not or cannot be used
│   ├── UnsafeWeights         a pickle: loading it could run code
│   └── WeightsMismatch       missing, surplus or misshapen tensors, or a wrong digest
├── PluginProblem
│   ├── PluginBroken          a plugin that was needed did not load
│   └── WorkerContractError   a model broke the `duomo.Model` contract
├── BadInput                  one item cannot be used; the others go on
│   ├── InputMissing          no such file
│   ├── InputUnreadable       not what its name says, truncated, empty
│   ├── InputTooLarge         beyond a decoder limit (pixels, seconds, bytes)
│   └── InputTooLong          longer than the model reads, under the policy ``long="error"``
├── ModelFailed               a model raised on an item
├── BadOutput                 a model's result holds a number that is not finite
├── AdapterFailed             an industry adapter raised on a record
├── GuardRefused              a guard of an adapter stops the whole, not one record
├── ArtifactProblem           a fitted artefact is damaged, of another kind, or was changed
├── AuditProblem              an audit log was changed, is in use, or would have to be
├── WorkerLost                a worker process died on an item
├── DeadlinePassed            an item was not computed in the time it had
├── StoreProblem              a file that is not the store of a run, or is damaged
│   ├── StoreLocked           another process is using it
│   └── StoreMismatch         made with another model, other options or other versions
├── BackupProblem             a backup is not whole, or would overwrite what differs
├── ExportRefused             a model that cannot be exported, or whose artefact gives other results
├── CannotWrite               the disk is full, or the place is read-only or not there
├── AccessRefused             a server does not let this caller in
├── SystemicError             a run was stopped, because failing is not the items' own fault
│   └── OptimizeRefused       a speed mode moves the output too far on real input, or cannot work
└── Aborted                   a plugin's ``before_run`` refused the run
"""

import re
from collections.abc import Iterable

from duomo.counting import counted as counted  # what messages need, for plugins, too


class DuomoError(Exception):
    """Base of every error of ours: `what` happened, `why`, and how to `fix` it."""

    code = "E-DUOMO"
    exit_code = 1

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append("  fix: " + self.fix.replace("\n", "\n       "))
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default reduction; errors cross processes.
        return _rebuild, (type(self), self.what, self.why, self.fix)


def _rebuild(cls: type[DuomoError], what: str, why: str, fix: str) -> DuomoError:
    return cls(what, why=why, fix=fix)


class UsageProblem(DuomoError):
    """The call itself is off."""

    code = "E-USAGE"
    exit_code = 2


class BadOption(UsageProblem):
    """An option the task does not know, or a value out of range."""

    code = "E-OPTION"


class WrongTask(UsageProblem):
    """A model asked to do another model's task."""

    code = "E-WRONG-TASK"


class AmbiguousReference(UsageProblem):
    """A model reference that could mean several things; we never guess which weights to load."""

    code = "E-REFERENCE"


class NotFound(DuomoError):
    """A name that is not registered."""

    code = "E-UNKNOWN"
    exit_code = 4


class UnknownTask(NotFound):
    """No such task."""

    code = "E-TASK-UNKNOWN"


class UnknownModel(NotFound):
    """No such model."""

    code = "E-MODEL-UNKNOWN"


class UnknownPlugin(NotFound):
    """No such plugin."""

    code = "E-PLUGIN-UNKNOWN"


class UnknownExecutor(NotFound):
    """No such executor."""

    code = "E-EXECUTOR-UNKNOWN"


class UnknownPack(NotFound):
    """No such model pack."""

    code = "E-PACK-UNKNOWN"


class UnknownAdapter(NotFound):
    """No such industry adapter."""

    code = "E-ADAPTER-UNKNOWN"


class Unavailable(DuomoError):
    """Known, but not usable here and now."""

    code = "E-UNAVAILABLE"
    exit_code = 4


class WeightsMissing(Unavailable):
    """The weights are not installed."""

    code = "E-WEIGHTS-MISSING"


class RequirementMissing(Unavailable):
    """A library is not installed."""

    code = "E-REQUIREMENT"


class DeviceUnavailable(Unavailable):
    """No such device on this machine."""

    code = "E-DEVICE"


class DoesNotFit(Unavailable):
    """A model needs more memory than the devices have, however it is split."""

    code = "E-FIT"


class Offline(Unavailable):
    """Needs the network, and the network is off."""

    code = "E-OFFLINE"


class ServerBusy(Unavailable):
    """A server has more work than it takes."""

    code = "E-BUSY"


class ServerLost(Unavailable):
    """A server does not answer, or not as one of ours does."""

    code = "E-SERVER"


class WeightsProblem(DuomoError):
    """Weights that must not or cannot be used."""

    code = "E-WEIGHTS"
    exit_code = 4


class UnsafeWeights(WeightsProblem):
    """A pickle: loading it could run code."""

    code = "E-WEIGHTS-UNSAFE"


class WeightsMismatch(WeightsProblem):
    """Missing, surplus or misshapen tensors, or a wrong digest."""

    code = "E-WEIGHTS-MISMATCH"


class PluginProblem(DuomoError):
    """Something is wrong with a plugin."""

    code = "E-PLUGIN"
    exit_code = 5


class PluginBroken(PluginProblem):
    """A plugin that was needed did not load."""

    code = "E-PLUGIN-BROKEN"


class WorkerContractError(PluginProblem):
    """A model broke the `duomo.Model` contract, for example by losing a result."""

    code = "E-CONTRACT"


class BadInput(DuomoError):
    """One item cannot be used; the others go on."""

    code = "E-INPUT"


class InputMissing(BadInput):
    """No such file."""

    code = "E-INPUT-MISSING"


class InputUnreadable(BadInput):
    """Not what its name says, truncated or empty."""

    code = "E-INPUT-UNREADABLE"


class InputTooLarge(BadInput):
    """Beyond a decoder limit (pixels, seconds, bytes)."""

    code = "E-INPUT-TOO-LARGE"


class InputTooLong(BadInput):
    """Longer than the model reads, under the policy ``long="error"``."""

    code = "E-INPUT-TOO-LONG"


class ModelFailed(DuomoError):
    """A model raised on an item; the original exception is the cause."""

    code = "E-MODEL-FAILED"


class BadOutput(DuomoError):
    """A model's result for one item holds a number that is not finite; the others go on."""

    code = "E-OUTPUT"


class AdapterFailed(DuomoError):
    """An industry adapter raised on a record."""

    code = "E-ADAPTER-FAILED"


class GuardRefused(DuomoError):
    """A guard stops the whole: a random split on grouped data, a probability that is none, a socket that opens."""

    code = "E-GUARD"
    exit_code = 2


class ArtifactProblem(DuomoError):
    """A fitted artefact is damaged, of another kind, or was changed after it was saved."""

    code = "E-ARTIFACT"
    exit_code = 4


class AuditProblem(DuomoError):
    """An audit log was changed, is in use, or is missing where it is needed."""

    code = "E-AUDIT"


class WorkerLost(DuomoError):
    """A worker process died on an item, and again when it was tried alone."""

    code = "E-WORKER-LOST"


class DeadlinePassed(DuomoError):
    """An item waited until its deadline had passed, and was not computed."""

    code = "E-DEADLINE"


class StoreProblem(DuomoError):
    """A file that is not the store of a run, or is damaged."""

    code = "E-STORE"


class StoreLocked(StoreProblem):
    """Another process is using the store."""

    code = "E-STORE-LOCKED"


class StoreMismatch(StoreProblem):
    """The store was made with another model, other options or other versions."""

    code = "E-STORE-MISMATCH"
    exit_code = 2


class BackupProblem(DuomoError):
    """A backup is not whole, or restoring it would overwrite what differs."""

    code = "E-BACKUP"


class ExportRefused(DuomoError):
    """A model cannot be exported, or its artefact gives other results than the model."""

    code = "E-EXPORT"
    exit_code = 4


class CannotWrite(DuomoError):
    """The disk is full, or the place is read-only or not there."""

    code = "E-WRITE"


class AccessRefused(DuomoError):
    """A server does not let this caller in: no token or a wrong one, or a foreign host or page."""

    code = "E-ACCESS"
    exit_code = 4


class SystemicError(DuomoError):
    """A run was stopped: items fail for a reason that is not their own, or too many fail."""

    code = "E-SYSTEMIC"


class OptimizeRefused(SystemicError):
    """A speed mode moves the output further than it may on real input, or can do nothing for the model."""

    code = "E-OPTIMIZE"


class Aborted(DuomoError):
    """A plugin's ``before_run`` refused the run."""

    code = "E-ABORTED"


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """The names most like `name`, best first; also finds a bare ``thing`` behind ``plugin/thing``.

    Near are spellings, and then names whose words are all in `name` or the other way round: ``labels`` for
    ``candidate_labels``, ``image-classification`` for ``image``.
    """
    known = sorted(set(known))
    import difflib  # only a mistake needs it

    typed = _words(name)
    close = difflib.get_close_matches(name, known, n=count, cutoff=0.75)
    close += [each for each in known if typed <= _words(each) or _words(each) <= typed]
    close += difflib.get_close_matches(name, known, n=count, cutoff=0.6)
    tails = {each: each.rpartition("/")[2] for each in known}
    near_tails = difflib.get_close_matches(name.rpartition("/")[2], set(tails.values()), n=count, cutoff=0.6)
    close += [each for tail in near_tails for each in known if tails[each] == tail]
    return list(dict.fromkeys(close))[:count]


def _words(name: str) -> set[str]:
    return set(re.split(r"[-_./: ]+", name.lower())) - {""}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``Did you mean 'a' or 'b'?``, or an empty string when nothing is near."""
    close = nearest(name, known)
    return f"Did you mean {' or '.join(repr(each) for each in close)}?" if close else ""
