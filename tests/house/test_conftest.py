"""What the tests take from whoever starts them, and what they do not."""

import os
import runpy

from tests.house.imports import ROOT


def test_a_pytest_that_a_test_starts_has_none_of_the_callers_options(monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no_such_plugin")
    runpy.run_path(str(ROOT / "tests" / "conftest.py"))
    assert "no_such_plugin" not in os.environ["PYTEST_ADDOPTS"]
