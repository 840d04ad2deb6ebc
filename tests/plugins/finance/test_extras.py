"""What is optional is imported when it is needed, and named with its line for pip when it is not there."""

import subprocess
import sys

import numpy as np
import pytest

from duomo.errors import RequirementMissing
from duomo_finance import made_up
from duomo_finance.backtest import Backtest, Plan
from duomo_finance.boosting import BoostedTrees
from duomo_finance.credit import CreditScore
from duomo_finance.value_at_risk import backtest_var

OPTIONAL = ("pandas", "sklearn", "arch", "skfolio", "cvxpy", "statsmodels", "matplotlib", "torch", "transformers")


def test_no_adapter_wakes_what_is_optional():
    code = (
        "import importlib, pkgutil, sys, duomo_finance\n"
        "names = [each.name for each in pkgutil.iter_modules(duomo_finance.__path__)]\n"
        "for name in names: importlib.import_module('duomo_finance.' + name)\n"
        "from duomo_finance import made_up\n"
        "from duomo_finance.backtest import Backtest\n"
        "from duomo_finance.credit import CreditScore\n"
        "Backtest()(made_up.bars(80, 2)); CreditScore.example()\n"
        f"print(*[name for name in {OPTIONAL} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_each_extra_is_named_with_its_line(monkeypatch):
    for name in ("sklearn.ensemble", "arch", "skfolio.optimization"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RequirementMissing) as missing:
        backtest_var(np.random.default_rng(0).normal(size=400), 200, method="gjr-garch-skewt")
    assert missing.value.fix == "pip install 'duomo-finance[var]'"
    card = CreditScore.example().card
    rows = [card.values(row) for row in made_up.applications(100)]
    with pytest.raises(RequirementMissing) as missing:
        BoostedTrees.fit(card, rows, np.arange(100) % 2.0)  # type: ignore[arg-type]
    assert missing.value.fix == "pip install 'duomo-finance[boosting]'"
    optimised = Backtest(artifacts={"plan": Plan(strategy="optimiser", window=50)})
    [outcome] = optimised.map([made_up.bars(80, 2)])
    assert outcome.error.fix == "pip install 'duomo-finance[portfolio]'"
    held = Backtest(artifacts={"plan": Plan(strategy="optimiser", optimiser="equal-weight", window=50)})
    assert held(made_up.bars(80, 2)).payload.metrics["num_trades"] == 2
