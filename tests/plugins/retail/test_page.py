"""The page on retail runs, and prints what it says it prints."""

import contextlib
import io
import re
from pathlib import Path

from duomo_retail.plugin import plugin

TEXT = (Path(__file__).parents[3] / "docs" / "retail.md").read_text("utf-8")


def test_the_page_runs_from_top_to_bottom_and_prints_what_it_shows() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile("\n".join(blocks), "docs/retail.md", "exec"), {"__name__": "retail_page"})
    shown = [
        line.strip()
        for block in re.findall(r"^```\n\n((?:    .*\n)+)", TEXT, re.MULTILINE)
        for line in block.splitlines()
    ]
    assert said.getvalue().splitlines() == shown


def test_every_adapter_is_on_it_with_its_risk() -> None:
    for spec in plugin.register_adapters():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{spec.name}`"))
        assert row.rstrip(" |").endswith(spec.risk)


def test_it_never_says_that_it_complies() -> None:
    assert not re.search(r"\bcompl(y|ies|iant|iance)\b", TEXT, re.IGNORECASE)
