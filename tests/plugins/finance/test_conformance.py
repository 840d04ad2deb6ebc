"""What every industry adapter must do, done by ours."""

import pytest

from duomo.testing import AdapterConformance


class TestCreditScore(AdapterConformance):
    adapter = "finance/credit-score"


class TestFraud(AdapterConformance):
    adapter = "finance/fraud"


class TestBacktest(AdapterConformance):
    adapter = "finance/backtest"


class TestNewsSentiment(AdapterConformance):
    adapter = "finance/news-sentiment"


class TestDocumentFields(AdapterConformance):
    adapter = "finance/document-fields"


@pytest.mark.slow
class TestDocumentScan(AdapterConformance):
    adapter = "finance/document-scan"
    tolerance = 1e-3
