"""What comes back for each item: a result or an error, and how it came about."""

from __future__ import annotations

import dataclasses
import json
import re
import traceback as tb
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from duomo import errors
from duomo.errors import DuomoError, ModelFailed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from duomo.tasks.base import Result

R = TypeVar("R", bound="Result")
R_co = TypeVar("R_co", bound="Result", covariant=True)
MYPY = False
"""True to mypy alone, which knows the name."""
_HALF = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, slots=True)
class Meta:
    """How a result came about."""

    task: str
    model: str
    plugin: str = ""
    """Distribution and version of the plugin that brought the model."""
    revision: str = ""
    """Digest or commit of the weights; ``random`` when they were never trained."""
    device: str = "cpu"
    dtype: str = "float32"
    executor: str = "inline"
    batch: int = 1
    """How many items shared the forward pass."""
    ms: float = 0.0
    """Wall time of the batch divided by its items."""
    truncated: bool = False
    windows: int = 1
    """Into how many windows a long input was cut."""
    num_tokens: int = 0
    """How many tokens of the input the model read, special ones too; 0 where they are not counted."""
    optimize: str = "none"
    """The speed mode; ``none`` is exact."""
    difference: float = 0.0
    """How far the speed mode moved the output of the first batch, relative to its largest value."""
    taken: str = ""
    """When a live source gave the item, ISO 8601 in UTC; empty for an item that is not live."""
    age_s: float | None = None
    """How old a live item was when its outcome was given."""
    redelivered: bool = False
    """Whether a live source has given the item before, a broker's message or a file that was written again."""


@dataclasses.dataclass(frozen=True, slots=True)
class ItemError:
    """Why one item has no result, as plain text that crosses processes."""

    code: str
    what: str
    why: str = ""
    fix: str = ""
    type: str = ""
    traceback: str = ""
    exception: BaseException | None = dataclasses.field(default=None, compare=False, repr=False)
    """The original exception where it happened in this process."""

    def __reduce__(self) -> tuple[object, ...]:
        # The exception stays behind: it may hold what cannot be pickled, and its traceback cannot in any case.
        return ItemError, (self.code, self.what, self.why, self.fix, self.type, self.traceback)

    @classmethod
    def of(cls, error: BaseException) -> ItemError:
        """Describe an exception; ours keep their what, why and fix."""
        kind = type(error).__name__
        if isinstance(error, DuomoError):
            return cls(error.code, error.what, error.why, error.fix, kind, "", error)
        return cls(
            ModelFailed.code,
            f"the model raised {kind}: {error}",
            why="the model's own code failed on this item",
            fix="the same input under duomo run --debug (in Python: .error.traceback) shows where; report it to the "
            "plugin's author, or to who runs the server",
            type=kind,
            traceback="".join(tb.format_exception(error)),
            exception=error,
        )

    @property
    def is_input(self) -> bool:
        """Whether the item itself is at fault, and not the model."""
        return self.code.startswith("E-INPUT")

    def to_exception(self) -> DuomoError:
        """The exception to raise for it: the original where it is at hand, else one of its class."""
        if isinstance(self.exception, DuomoError):
            # It may be the error of many items: raised for each, it would keep all frames that it went through.
            return self.exception.with_traceback(None)
        cls: Any = getattr(errors, self.type, None)
        if not (isinstance(cls, type) and issubclass(cls, DuomoError)):
            cls = ModelFailed
        rebuilt: DuomoError = cls(self.what, why=self.why, fix=self.fix)
        rebuilt.__cause__ = self.exception
        return rebuilt

    def to_dict(self) -> dict[str, str]:
        """The parts a user should see."""
        return {"code": self.code, "what": self.what, "why": self.why, "fix": self.fix}


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class OutcomeBase(Generic[R_co]):
    """What came of one item. Exactly one of `result` and `error` is set."""

    index: int
    """Position in the input."""
    id: str
    """The row's own ``id``, else the file's name, else the position as text."""
    result: R_co | None
    error: ItemError | None
    meta: Meta

    if not TYPE_CHECKING:  # to a type checker an outcome is one of two classes, of which neither is made by this name

        def __new__(cls, index=0, id="", result=None, error=None, meta=None):  # noqa: ARG004
            kind = (Success if error is None else Failure) if cls is OutcomeBase else cls
            return object.__new__(kind)

        def __getattr__(self, name):
            of = f"; its result is outcome.result, or outcome.unwrap().{name}" if name[0] != "_" else ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{of}", name=name, obj=self)

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.error is None

    def __repr__(self) -> str:
        what = f"{self.error.code}: {self.error.what}" if self.error is not None else repr(self.result)
        return f"{type(self).__name__}({self.index}, {self.id!r}, {what})"

    def _repr_html_(self) -> str:
        """Show it in a notebook: the result, on its image or sound where `id` is the path of one, or the error."""
        from duomo.tasks.showing import outcome_html

        return outcome_html(self)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """Give the result's numbers, so that ``numpy.stack(outcomes)`` is a matrix; else the outcome itself."""
        import numpy as np

        if hasattr(self.result, "__array__"):
            return np.array(self.result, dtype) if copy else np.asarray(self.result, dtype)
        itself = np.empty((), object)
        itself[()] = self
        return itself

    def unwrap(self) -> R_co:
        """The result, or raise the item's error."""
        if self.error is not None:
            raise self.error.to_exception()
        assert self.result is not None
        return self.result

    def to_dict(self) -> dict[str, Any]:
        """A JSON-safe dict of one shape, whether the item worked or not."""
        # By way of JSON text: only there does pydantic turn NaN, which is not JSON, into null.
        found: dict[str, Any] = json.loads(self.to_json())
        return found

    def to_json(self) -> str:
        """One line of JSON, the text of `to_dict`. Half a character, as of a name that is not UTF-8, is spelled out."""
        head = {"schema": "duomo.outcome/1", "index": self.index, "id": self.id, "ok": self.ok}
        tail = {"error": self.error and self.error.to_dict(), "meta": dataclasses.asdict(self.meta)}
        # The result's text as pydantic writes it: reading and writing a long vector again takes five times as long.
        result = result_json(self.result) if self.result is not None else "null"
        first, last = spelled(json.dumps(head, ensure_ascii=False)), spelled(json.dumps(tail, ensure_ascii=False))
        return f'{first[:-1]}, "result": {result}, {last[1:]}'


class Success(OutcomeBase[R_co]):
    """The outcome of an item that has a result."""

    __slots__ = ()

    if TYPE_CHECKING:
        result: R_co

        @property
        def ok(self) -> Literal[True]: ...

        # mypy narrows an outcome by `if outcome.ok`; pyright does not narrow by the truth of an attribute, and would
        # complain after every such `if`.
        if MYPY:
            error: None
        else:
            error: Any


class Failure(OutcomeBase[R_co]):
    """The outcome of an item that has an error."""

    __slots__ = ()

    if TYPE_CHECKING:
        error: ItemError

        @property
        def ok(self) -> Literal[False]: ...

        if MYPY:
            result: None
        else:
            result: Any


if TYPE_CHECKING:
    Outcome: TypeAlias = Success[R_co] | Failure[R_co]
    """What came of one item: after ``if outcome.ok`` it has a result, else an error."""
else:
    Outcome = OutcomeBase
    """What came of one item: after ``if outcome.ok`` it has a result (`Success`), else an error (`Failure`)."""


def outcome_of(index: int, id: str, result: R | None, error: ItemError | None, meta: Meta) -> Outcome[R]:
    """Make the outcome of an item: a `Failure` if there is an error, else a `Success`."""
    return Success(index, id, result, None, meta) if error is None else Failure(index, id, None, error, meta)


def result_json(result: Result) -> str:
    """A result as JSON text, in which NaN is null; half a character, a lone surrogate, is spelled out."""
    try:
        return result.model_dump_json()
    except ValueError:  # it holds half a character, for which UTF-8 has no bytes
        from pydantic_core import to_json

        return to_json(json.loads(exact_json(result)), inf_nan_mode="null").decode()


def exact_json(result: Result) -> str:
    """A result as Python's JSON text, in which NaN stays NaN; half a character is spelled out."""
    return spelled(json.dumps(result.model_dump(mode="json"), ensure_ascii=False))


def spelled(text: str) -> str:
    """Return JSON text in which half a character, as of a file's name that is not UTF-8, is spelled out."""
    return text if text.isascii() else _HALF.sub(lambda half: rf"\\u{ord(half[0]):04x}", text)
