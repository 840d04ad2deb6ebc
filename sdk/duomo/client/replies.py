"""What comes back: results and outcomes in their own classes, errors of the tree."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
from collections.abc import Mapping
from typing import Generic, TypeVar

import pydantic

from duomo import errors
from duomo.errors import DuomoError
from duomo.outcome import ItemError, Meta, Outcome, outcome_of
from duomo.tasks.base import Result

R = TypeVar("R", bound=Result)
_META = {field.name for field in dataclasses.fields(Meta)}


class Line(pydantic.BaseModel, Generic[R]):
    """One outcome as a server writes it, or the answer to one item."""

    model_config = pydantic.ConfigDict(val_json_bytes="base64")

    index: int = 0
    id: str = "0"
    result: R | None = None
    error: dict[str, str] | None = None
    meta: dict[str, str | int | float | bool | None]

    def outcome(self, index: int, id: str) -> Outcome[R]:
        """Return it as an `Outcome` with the index and name that the caller knows the item by."""
        meta = Meta(**{name: value for name, value in self.meta.items() if name in _META})  # type: ignore[arg-type]
        return outcome_of(index, id, self.result, None if self.error is None else item_error(self.error), meta)


def line_class(result_class: type[R]) -> type[Line[R]]:
    """Return the `Line` of a result class; pydantic keeps it."""
    return Line[result_class]  # type: ignore[valid-type]


def item_error(words: Mapping[str, str]) -> ItemError:
    """Return the error of an item as it would be here."""
    code = words.get("code", "")
    kind = _classes().get(code, errors.ModelFailed)
    return ItemError(
        code or kind.code, words.get("what", ""), words.get("why", ""), words.get("fix", ""), kind.__name__
    )


def error_of(status: int, content: bytes) -> DuomoError:
    """Return the error that a server answered with; its class is found by its code."""
    try:
        words = json.loads(content)["error"]
        return item_error({name: str(words.get(name) or "") for name in ("code", "what", "why", "fix")}).to_exception()
    except (ValueError, KeyError, TypeError, AttributeError):
        return errors.ServerLost(
            f"the server answered {status} without saying why",
            why=content[:80].decode("utf-8", "replace"),
            fix="check that the address is that of a duomo server",
        )


@functools.cache
def _classes() -> dict[str, type[DuomoError]]:
    found = {cls.code: cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, DuomoError)}
    refused = dict.fromkeys(("E-TOKEN", "E-HOST", "E-ORIGIN", "E-ADMIN"), errors.AccessRefused)
    return {**found, **refused, "E-ROUTE": errors.NotFound}
