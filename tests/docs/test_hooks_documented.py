"""Every hook has a heading in the author's guide and an example that runs."""

import contextlib
import io
import re
import sys
import types
from pathlib import Path

import pytest

import duomo
from duomo.plugins.discovery import State
from duomo.plugins.registration import HOOKS
from duomo.testing import ExecutorConformance, ModelConformance
from duomo.testing.fakes import FakePlugin, faulty_spec
from duomo.testing.suite import run

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
    page = sys.modules["a_page"] = types.ModuleType("a_page")  # its specs name classes of the page by this name
    with contextlib.redirect_stdout(said):
        exec(compile(source, str(PAGE), "exec"), vars(page))
    for words in (
        "hello, world",
        "3.5\nthis text has no word\n17.0\n",
        "the small one",
        "a bird's song as notes",
        "from the nest",
        "hello/echo on cpu: 2 done, 1 failed",
        "text-classification ended: the disk is gone",
        "3 places free",
    ):
        assert words in said.getvalue(), words


def test_the_whole_model_and_executor_of_the_guide_pass_the_conformance_suites():
    """What an author copies from the page is what the suites accept."""
    source = "\n".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
    page = sys.modules["a_whole_page"] = types.ModuleType("a_whole_page")
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(source, str(PAGE), "exec"), vars(page))
    catalog = duomo.Catalog(extra={"words": page.Words(), "fake": FakePlugin(faulty_spec())})
    suites = (
        type("OfExecutor", (ExecutorConformance,), {"executor": "one-by-one", "catalog": catalog}),
        type("OfModel", (ModelConformance,), {"model": "words/counter", "task": "words/wordiness", "catalog": catalog}),
    )
    for suite in suites:
        findings = run(suite())
        assert len(findings) > 5
        assert [each for each in findings if each.status == "fail"] == []
