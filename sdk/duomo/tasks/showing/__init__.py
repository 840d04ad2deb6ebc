"""Results as HTML, found from what their class holds and not from their task: a new task needs nothing here.

`result_html` is what a notebook shows of a result, and what ``-o html`` writes. Its drawings are SVG by hand and not
matplotlib's: showing a result needs nothing installed, drawings scale with the page and take its colours, light or
dark, and a vector of 384 numbers takes .2 ms, by matplotlib .3 s. Plots of examples, trainings and adapters are
matplotlib's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pydantic

from duomo.tasks.showing.parts import Source, brief, escape, record, records, vector
from duomo.tasks.showing.pictures import picture
from duomo.tasks.showing.series import series
from duomo.tasks.showing.sound import sound
from duomo.tasks.showing.style import STYLE

Show = Callable[[pydantic.BaseModel, Source], tuple[str, set[str]]]
_MOST_BYTES = 64 * 1024**2
"""A larger file is not read only to be shown."""
_SHORT = 40
"""Letters of a text that is named like a number; a longer one is a paragraph."""
_MOST_LETTERS = 300
"""Letters that are shown of a text that was given."""
_WORDS = (str, list, tuple, Mapping)
"""What is shown in words, and never opened: a path or an address in it may be anybody's."""
_TEXTS = (".txt", ".md")
"""Endings of files whose beginning is shown."""
_SHOWS: tuple[Show, ...] = (picture, sound, vector, series)
"""Each gives HTML and the names of the fields that it has shown; nothing for what it does not know."""


def result_html(result: pydantic.BaseModel, source: object = None) -> str:
    """Show a result.

    Args:
        result: of any task.
        source: what it is the result of, where it is at hand: boxes lie on its image, and segments on its sound.
    """
    return f'{STYLE}<div class="duomo">{"".join(_parts(result, Source(source)))}</div>'


class AnyOutcome(Protocol):
    """An outcome, as far as it is shown."""

    @property
    def id(self) -> str: ...
    @property
    def result(self) -> pydantic.BaseModel | None: ...
    @property
    def error(self) -> AnyError | None: ...


class AnyError(Protocol):
    """Its error."""

    @property
    def code(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def fix(self) -> str: ...


def outcome_html(outcome: AnyOutcome, given: object = None) -> str:
    """Show an outcome: its name, and the result or the error. What lies at its name is read, addresses are not.

    Args:
        outcome: of any task.
        given: what it is the outcome of, where that is at hand: the beginning of a text or of a record is shown,
            an image, sound.
    """
    if given is None or isinstance(given, Path):
        given = _beginning(outcome.id)
    name = f"<p><b>{escape(outcome.id)}</b></p>{_given(given, outcome.id)}"
    if outcome.error is not None:
        what = f"<p>{escape(outcome.error.code)}: {escape(outcome.error.what)}</p>"
        return f'{STYLE}<div class="duomo">{name}{what}<p class="few">{escape(outcome.error.fix)}</p></div>'
    source = Path(outcome.id) if _is_file(outcome.id) else given if _is_at_hand(given) else None
    if outcome.result is None:
        return name
    return f'{STYLE}<div class="duomo">{name}</div>{result_html(outcome.result, source)}'


def _given(value: object, name: str) -> str:
    if isinstance(value, Mapping):
        text = " · ".join(f"{key} {brief(each)}" for key, each in value.items())
    elif isinstance(value, tuple):
        text = " · ".join(brief(each) for each in value)
    elif isinstance(value, _WORDS):
        text = brief(value)
    else:
        return ""
    if text == name:
        return ""
    return f"<p>{escape(text[:_MOST_LETTERS])}{'…' if len(text) > _MOST_LETTERS else ''}</p>"


def _is_at_hand(given: object) -> bool:
    """Whether it is shown as an image or as sound: no words, and no tuple that has a word or a path in it."""
    if isinstance(given, tuple):
        return not any(isinstance(each, (*_WORDS, os.PathLike)) for each in given)
    return not isinstance(given, _WORDS)


def _beginning(name: str) -> str | None:
    """Read the beginning of a text file; None for any other."""
    if not name.lower().endswith(_TEXTS) or not os.path.isfile(name):
        return None
    with contextlib.suppress(OSError, UnicodeDecodeError), open(name, encoding="utf-8-sig") as file:
        return file.read(_MOST_LETTERS + 1)
    return None


def _is_file(name: str) -> bool:
    try:
        return os.path.isfile(name) and os.path.getsize(name) <= _MOST_BYTES
    except ValueError:  # a null character in the name
        return False


def _parts(result: pydantic.BaseModel, source: Source) -> Iterator[str]:
    shown: set[str] = set()
    for show in _SHOWS:
        html, names = show(result, source)
        if html:
            yield html
            shown |= names
    rest = {name: value for name, value in _fields(result).items() if name not in shown}
    lists = {name: found for name, value in rest.items() if (found := _records(value))}
    plain = {name: value for name, value in rest.items() if name not in lists and value is not None}
    parts_have_text = any("text" in type(each).model_fields for found in lists.values() for each in found)
    few = {}
    for name, value in plain.items():
        if not isinstance(value, str) or (len(value) <= _SHORT and name != "text"):
            few[name] = value
        elif name != "text" or not parts_have_text:  # else its parts follow, each with its place
            yield f"<p>{escape(value)}</p>"
    for found in lists.values():
        yield records(found)
    if few:
        yield record(few)


def _fields(result: pydantic.BaseModel) -> dict[str, object]:
    return {name: getattr(result, name) for name in type(result).model_fields}


def _records(value: object) -> list[pydantic.BaseModel]:
    """The records of a list; none of anything else."""
    found = list(value) if isinstance(value, list | tuple) else []
    return [each for each in found if isinstance(each, pydantic.BaseModel)]
