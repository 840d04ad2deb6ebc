"""An adapter made ready and tried on its samples, once for all checks of it."""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import logging
import os
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duomo.adapters.adapter import Adapter
from duomo.adapters.adapting import adapter_class, find_adapter
from duomo.adapters.audit import AuditLog
from duomo.adapters.egress import no_egress
from duomo.catalog import Catalog
from duomo.outcome import Outcome
from duomo.runner import load

MARKER = "Zyxwv-Canary"
"""An invented name; it must not come back."""


class Trial:
    """A ready adapter and what it made of its samples."""

    def __init__(self, name: str, model: str | None, samples: Sequence[Any] | None, catalog: Catalog) -> None:
        self.cls: type[Adapter[Any, Any]] = adapter_class(find_adapter(name, catalog))
        self._runner = load(self.cls.task, model, catalog=catalog) if self.cls.task else None
        with no_egress() as self.attempts:
            self.adapter = self.make()
            self.items = list(samples if samples is not None else self.cls.samples())
        assert len(self.items) >= 2, f"write {self.cls.__name__}.samples(): two or more items that map() takes"
        self.untouched = copy.deepcopy(self.items)

    def make(self) -> Adapter[Any, Any]:
        """The class's example, with the task's model where it takes one."""
        adapter = self.cls.example()
        if self._runner is not None and adapter.runner is None:
            adapter.runner = self._runner
        return adapter

    def map(self, items: Sequence[Any], batch_size: int | None = None) -> list[Outcome[Any]]:
        """The outcomes of items, with no network."""
        with no_egress() as attempts:
            outcomes = list(self.adapter.map(items, batch_size=batch_size))
        self.attempts += attempts
        return outcomes

    @functools.cached_property
    def outcomes(self) -> list[Outcome[Any]]:
        """What the samples came to."""
        return self.map(self.items)

    def canaries(self) -> list[Any]:
        """Samples with the marker in them; rows also with it for a number, so that errors are heard, too."""
        own = self.cls.canaries(MARKER)
        rows = [dict(item) for item in self.items if isinstance(item, Mapping)]
        if own or not rows:
            return own
        adapter = self.cls
        named = [adapter.key_field, adapter.group_field, *adapter.identifying, *adapter.protected]
        marked = [{**row, **{name: MARKER for name in named if name in row}} for row in rows]
        wrong = [
            {**row, name: MARKER} for row in rows[:1] for name, value in row.items() if isinstance(value, int | float)
        ]
        return [*marked, *wrong]

    def everything_said(self, items: Sequence[Any]) -> dict[str, str]:
        """All text that comes of running items, by where it is."""
        heard = io.StringIO()
        handler = logging.StreamHandler(heard)
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "audit.jsonl")
            try:
                with (
                    AuditLog(path) as log,
                    contextlib.redirect_stdout(heard),
                    contextlib.redirect_stderr(heard),
                    warnings.catch_warnings(record=True) as warned,
                ):
                    warnings.simplefilter("always")
                    outcomes = list(self.adapter.map(items, audit=log))
            finally:
                root.removeHandler(handler)
                root.setLevel(level)
            audit = Path(path).read_text("utf-8")
        errors = [each.error.to_exception() for each in outcomes if each.error is not None]
        return {
            "a result": "\n".join(each.to_json() for each in outcomes),
            "the audit log": audit,
            "what it prints, logs or warns of": heard.getvalue() + "\n".join(str(each.message) for each in warned),
            "an exception": "\n".join("".join(traceback.format_exception(each)) for each in errors),
            "an error's traceback": "\n".join(each.error.traceback for each in outcomes if each.error is not None),
        }
