"""Base of the conformance suites: checks that cannot be overridden silently, and a way to run them without pytest."""

from __future__ import annotations

import contextlib
import inspect
import sys
import traceback
import unittest
from typing import Any, Literal, NamedTuple


class Finding(NamedTuple):
    """How one check went."""

    subject: str
    check: str
    status: Literal["ok", "fail", "skip"]
    detail: str = ""
    traceback: str = ""


class Suite:
    """A class of checks, ``test_…`` methods that take no argument; subclass it and name the subject.

    A check may be overridden only to mark it ``@pytest.mark.xfail(reason=…)``, so that a known gap is
    written down and shown in every run.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, method in vars(cls).items():
            if not name.startswith("test_") or not any(name in vars(base) for base in cls.__mro__[1:]):
                continue
            marks = getattr(method, "pytestmark", [])
            if not any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks):
                raise TypeError(
                    f"{cls.__name__}.{name} overrides a check of the conformance suite: leave it alone, "
                    "or mark it @pytest.mark.xfail(reason=…) and say what is missing"
                )

    def subject(self) -> str:
        """What is checked."""
        raise NotImplementedError


def run(suite: Suite) -> list[Finding]:
    """Run all checks of a suite, each guarded, in the order they are written."""
    return [_run(suite, name) for name in check_names(type(suite))]


def check_names(cls: type[Suite]) -> list[str]:
    """The names of a suite's checks, those of its bases first, in the order they are written."""
    names = [name for base in reversed(cls.__mro__) for name in vars(base) if name.startswith("test_")]
    return list(dict.fromkeys(names))


def _run(suite: Suite, name: str) -> Finding:
    check = name.removeprefix("test_").replace("_", " ")
    try:
        # What a plugin prints must not end up among the findings.
        with contextlib.redirect_stdout(sys.stderr):
            getattr(suite, name)()
    except unittest.SkipTest as reason:
        return Finding(suite.subject(), check, "skip", str(reason))
    except KeyboardInterrupt:
        raise
    # What a plugin raises is a finding, whatever it is.
    except BaseException as error:
        words = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        return Finding(suite.subject(), check, "fail", inspect.cleandoc(words), traceback.format_exc())
    return Finding(suite.subject(), check, "ok")
