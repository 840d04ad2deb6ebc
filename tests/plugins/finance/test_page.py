"""The page on finance runs, and prints what it says it prints."""

import re

from duomo_finance.plugin import plugin
from tests.plugins.pages import DOCS, check_blocks

TEXT = (DOCS / "finance.md").read_text("utf-8")


def test_the_page_runs_from_top_to_bottom_and_prints_what_it_shows():
    check_blocks("finance")


def test_every_adapter_is_on_it_with_its_risk_and_what_it_is_not_for():
    for spec in plugin.register_adapters():
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{spec.name}`"))
        assert row.rstrip(" |").endswith(spec.risk)
        assert spec.not_for
        assert spec.intended_use


def test_it_never_says_that_it_complies():
    texts = [
        TEXT,
        *(each for spec in plugin.register_adapters() for each in (spec.summary, spec.disclaimer, spec.intended_use)),
    ]
    assert not any(re.search(r"\bcompl(y|ies|iant|iance)\b", text, re.IGNORECASE) for text in texts)
    assert all("Supports" in spec.disclaimer for spec in plugin.register_adapters())


def test_credit_and_fraud_are_two_adapters_of_two_risks():
    risks = {spec.name: spec.risk for spec in plugin.register_adapters()}
    assert risks["finance/credit-score"] == "high"
    assert risks["finance/fraud"] == "limited"
