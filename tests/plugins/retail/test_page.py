"""The page on retail runs, and prints what it says it prints."""

import re

from duomo_retail.plugin import plugin
from tests.plugins.pages import DOCS, check_blocks

TEXT = (DOCS / "retail.md").read_text("utf-8")


def test_the_page_runs_from_top_to_bottom_and_prints_what_it_shows() -> None:
    check_blocks("retail")


def test_every_adapter_is_on_it_with_its_risk() -> None:
    for spec in plugin.register_adapters():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{spec.name}`"))
        assert row.rstrip(" |").endswith(spec.risk)


def test_it_never_says_that_it_complies() -> None:
    assert not re.search(r"\bcompl(y|ies|iant|iance)\b", TEXT, re.IGNORECASE)
