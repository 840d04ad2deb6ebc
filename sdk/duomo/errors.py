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

# What messages need, for plugins, too.
from duomo.counting import a_type as a_type, counted as counted, with_article as with_article
from duomo.nearest import did_you_mean as did_you_mean, nearest as nearest


class DuomoError(Exception):
    """Base of every error of ours: `what` happened, `why`, and how to `fix` it."""

    code = "E-DUOMO"
    exit_code = 1

    def __init_subclass__(cls, *, code: str = "", exit_code: int = 0) -> None:
        super().__init_subclass__()
        cls.code, cls.exit_code = code or cls.code, exit_code or cls.exit_code

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


class UsageProblem(DuomoError, code="E-USAGE", exit_code=2):
    """The call itself is off."""


class BadOption(UsageProblem, code="E-OPTION"):
    """An option the task does not know, or a value out of range."""


class WrongTask(UsageProblem, code="E-WRONG-TASK"):
    """A model asked to do another model's task."""


class AmbiguousReference(UsageProblem, code="E-REFERENCE"):
    """A model reference that could mean several things; we never guess which weights to load."""


class NotFound(DuomoError, code="E-UNKNOWN", exit_code=4):
    """A name that is not registered."""


class UnknownTask(NotFound, code="E-TASK-UNKNOWN"):
    """No such task."""


class UnknownModel(NotFound, code="E-MODEL-UNKNOWN"):
    """No such model."""


class UnknownPlugin(NotFound, code="E-PLUGIN-UNKNOWN"):
    """No such plugin."""


class UnknownExecutor(NotFound, code="E-EXECUTOR-UNKNOWN"):
    """No such executor."""


class UnknownPack(NotFound, code="E-PACK-UNKNOWN"):
    """No such model pack."""


class UnknownAdapter(NotFound, code="E-ADAPTER-UNKNOWN"):
    """No such industry adapter."""


class Unavailable(DuomoError, code="E-UNAVAILABLE", exit_code=4):
    """Known, but not usable here and now."""


class WeightsMissing(Unavailable, code="E-WEIGHTS-MISSING"):
    """The weights are not installed."""


class RequirementMissing(Unavailable, code="E-REQUIREMENT"):
    """A library is not installed."""


class DeviceUnavailable(Unavailable, code="E-DEVICE"):
    """No such device on this machine."""


class DoesNotFit(Unavailable, code="E-FIT"):
    """A model needs more memory than the devices have, however it is split."""


class Offline(Unavailable, code="E-OFFLINE"):
    """Needs the network, and the network is off."""


class ServerBusy(Unavailable, code="E-BUSY"):
    """A server has more work than it takes."""


class ServerLost(Unavailable, code="E-SERVER"):
    """A server does not answer, or not as one of ours does."""


class WeightsProblem(DuomoError, code="E-WEIGHTS", exit_code=4):
    """Weights that must not or cannot be used."""


class UnsafeWeights(WeightsProblem, code="E-WEIGHTS-UNSAFE"):
    """A pickle: loading it could run code."""


class WeightsMismatch(WeightsProblem, code="E-WEIGHTS-MISMATCH"):
    """Missing, surplus or misshapen tensors, or a wrong digest."""


class PluginProblem(DuomoError, code="E-PLUGIN", exit_code=5):
    """Something is wrong with a plugin."""


class PluginBroken(PluginProblem, code="E-PLUGIN-BROKEN"):
    """A plugin that was needed did not load."""


class WorkerContractError(PluginProblem, code="E-CONTRACT"):
    """A model broke the `duomo.Model` contract, for example by losing a result."""


class BadInput(DuomoError, code="E-INPUT"):
    """One item cannot be used; the others go on."""


class InputMissing(BadInput, code="E-INPUT-MISSING"):
    """No such file."""


class InputUnreadable(BadInput, code="E-INPUT-UNREADABLE"):
    """Not what its name says, truncated or empty."""


class InputTooLarge(BadInput, code="E-INPUT-TOO-LARGE"):
    """Beyond a decoder limit (pixels, seconds, bytes)."""


class InputTooLong(BadInput, code="E-INPUT-TOO-LONG"):
    """Longer than the model reads, under the policy ``long="error"``."""


class ModelFailed(DuomoError, code="E-MODEL-FAILED"):
    """A model raised on an item; the original exception is the cause."""


class BadOutput(DuomoError, code="E-OUTPUT"):
    """A model's result for one item holds a number that is not finite; the others go on."""


class AdapterFailed(DuomoError, code="E-ADAPTER-FAILED"):
    """An industry adapter raised on a record."""


class GuardRefused(DuomoError, code="E-GUARD", exit_code=2):
    """A guard stops the whole: a random split on grouped data, a number that is not a probability, a connection."""


class ArtifactProblem(DuomoError, code="E-ARTIFACT", exit_code=4):
    """A fitted artefact is damaged, of another kind, or was changed after it was saved."""


class AuditProblem(DuomoError, code="E-AUDIT"):
    """An audit log was changed, is in use, or is missing where it is needed."""


class WorkerLost(DuomoError, code="E-WORKER-LOST"):
    """A worker process died on an item, and again when it was tried alone."""


class DeadlinePassed(DuomoError, code="E-DEADLINE"):
    """An item waited until its deadline had passed, and was not computed."""


class StoreProblem(DuomoError, code="E-STORE"):
    """A file that is not the store of a run, or is damaged."""


class StoreLocked(StoreProblem, code="E-STORE-LOCKED"):
    """Another process is using the store."""


class StoreMismatch(StoreProblem, code="E-STORE-MISMATCH", exit_code=2):
    """The store was made with another model, other options or other versions."""


class BackupProblem(DuomoError, code="E-BACKUP"):
    """A backup is not whole, or restoring it would overwrite what differs."""


class ExportRefused(DuomoError, code="E-EXPORT", exit_code=4):
    """A model cannot be exported, or its artefact gives other results than the model."""


class CannotWrite(DuomoError, code="E-WRITE"):
    """The disk is full, or the place is read-only or not there."""


class AccessRefused(DuomoError, code="E-ACCESS", exit_code=4):
    """A server does not let this caller in: no token or a wrong one, or a foreign host or page."""


class SystemicError(DuomoError, code="E-SYSTEMIC"):
    """A run was stopped: items fail for a reason that is not their own, or too many fail."""


class OptimizeRefused(SystemicError, code="E-OPTIMIZE"):
    """A speed mode moves the output further than it may on real input, or can do nothing for the model."""


class Aborted(DuomoError, code="E-ABORTED"):
    """A plugin's ``before_run`` refused the run."""
