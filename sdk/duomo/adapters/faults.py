"""Errors of a record: whose code raised them, without words of a record that is about a person."""

from __future__ import annotations

import dataclasses
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pydantic

from duomo.adapters.validation import first_of
from duomo.errors import AdapterFailed, BadInput, DuomoError
from duomo.outcome import ItemError

if TYPE_CHECKING:
    from duomo.adapters.contract import AdapterContract


def error_of(adapter: AdapterContract[Any, Any], error: Exception) -> ItemError:
    """Put an error into words; those of an adapter on people do not quote what the exception says."""
    if isinstance(error, DuomoError):
        if adapter.is_private:
            error.__cause__ = error.__context__ = None  # its own words are meant for readers, those behind it are not
        return ItemError.of(error)
    if isinstance(error, UnicodeEncodeError) and "surrogate" in error.reason:
        return ItemError.of(
            BadInput(
                "a text of the record holds half a character",
                why="a surrogate without its other half can neither be written nor made a pseudonym of",
                fix='text.encode("utf-8", "replace").decode() puts ? in its place',
            )
        )
    failed = AdapterFailed(
        f"adapter '{adapter.spec.name}' raised {type(error).__name__}",
        why=f"{_said(adapter, error)} (in {_place(adapter, error)})",
        fix="check the record; if it is sound, report it to the plugin's author",
    )
    described = ItemError.of(failed)
    return described if adapter.is_private else dataclasses.replace(described, exception=error)


def error_of_task(adapter: AdapterContract[Any, Any], error: ItemError) -> ItemError:
    """The error of a core task's model, which knows nothing of people and may quote its input."""
    if not adapter.is_private:
        return error
    return ItemError(
        error.code,
        f"the task '{adapter.task}' has no result for the record",
        why="its message is withheld, as it may quote the record",
        fix="try the record alone, where its content may be seen",
        type=error.type,
    )


def _said(adapter: AdapterContract[Any, Any], error: Exception) -> str:
    if not adapter.is_private:
        return str(error)
    if isinstance(error, pydantic.ValidationError):
        _, field, words = first_of(error)
        return f"{error.title}.{field}: {words}"
    return "its message is withheld, as it may quote the record"


def _place(adapter: AdapterContract[Any, Any], error: Exception) -> str:
    """Where in the plugin's own code it was raised, or called what raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    home = os.path.dirname(getattr(sys.modules.get(type(adapter).__module__), "__file__", None) or "")
    own = [each for each in frames if home and os.path.dirname(each.filename) == home]
    frame = (own or frames)[-1]
    return f"{frame.name}, line {frame.lineno} of {os.path.basename(frame.filename)}"
