"""``duomo plugins check`` runs the conformance suite of executors: one that yields backwards is found out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

BACKWARDS = """
    from duomo import ExecutorSpec, Hooks, hookimpl

    class Plugin(Hooks):
        @hookimpl
        def register_executors(self):
            yield ExecutorSpec("backwards", "duomo_backwards.place:Backwards", "the last comes first")

    plugin = Plugin()
"""
PLACE = """
from duomo.execution import InlineExecutor

class Backwards(InlineExecutor):
    name = "backwards"

    def map(self, *given, **named):
        yield from reversed(list(super().map(*given, **named)))
"""


def test_an_executor_that_yields_backwards_fails_the_check(site: Path, lay: Callable[..., None]) -> None:
    lay(site, "backwards", BACKWARDS, requires=("duomo>=0.1,<0.2",))
    (site / "duomo_backwards" / "place.py").write_text(PLACE)
    done = subprocess.run(
        [sys.executable, "-m", "duomo", "plugins", "check", "backwards", "-o", "json"],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    checks = json.loads(done.stdout)
    found = {each["check"]: each["status"] for each in checks if each["subject"] == "backwards"}
    assert found["outcomes come in the order of the input"] == "fail"
    assert found["the input is read lazily and ahead only so far"] == "fail"
    assert found["equal items have an outcome each"] == "ok"
