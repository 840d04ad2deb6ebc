"""Every hook has a heading in the author's guide and an example that runs."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from duomo.plugins.discovery import State
from duomo.plugins.registration import HOOKS

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"
TEXT = PAGE.read_text("utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", TEXT, re.DOTALL | re.MULTILINE))


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_heading_and_an_example_that_implements_it(hook):
    assert hook in SECTIONS
    assert f"@hookimpl\n    def {hook}(self" in SECTIONS[hook]


def test_no_heading_describes_a_hook_that_is_gone():
    assert set(SECTIONS) == set(HOOKS)


@pytest.mark.parametrize("state", State.__args__)  # type: ignore[attr-defined]
def test_every_state_is_explained(state):
    assert f"\n| {state} |" in TEXT


def test_the_guide_runs_from_top_to_bottom():
    source = "\n".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(source, str(PAGE), "exec"), {"__name__": "plugins"})
    for words in (
        "hello, world",
        "the small one",
        "a bird's song as notes",
        "from the nest",
        "hello/echo on cpu: 2 done, 1 failed",
        "text-classification ended: the disk is gone",
        "3 places free",
    ):
        assert words in said.getvalue(), words
