"""The guide for adapter authors runs, prints what it says it prints, and names every code and kind there is."""

import contextlib
import io
import re
from pathlib import Path

from duomo.cli import COMMANDS

TEXT = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_guide_runs_from_top_to_bottom_and_prints_what_it_shows():
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile("\n".join(BLOCKS), "docs/adapters.md", "exec"), {"__name__": "adapters_page"})
    shown = re.findall(r"^```\n\n((?:    .*\n)+)", TEXT, re.MULTILINE)
    assert len(shown) >= 5
    for block in shown:
        for line in block.splitlines():
            assert line.strip() in said.getvalue(), line


def test_the_first_adapter_is_as_short_as_it_says():
    body = BLOCKS[0].split("class Reading")[1]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_commands_and_stages_that_the_guide_names_exist():
    for command in re.findall(r"duomo (\w+)", TEXT):
        assert command in {*COMMANDS, "import"}, command
    from duomo.adapters import Adapter

    table = TEXT.split("| stage |")[1].split("\n\n")[0]
    for method in re.findall(r"`(\w+)\(", table):
        assert hasattr(Adapter, method), method
