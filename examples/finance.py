"""Credit, a backtest and fraud on made-up data; draws equity.png with matplotlib."""

import matplotlib.pyplot as plt

from duomo.adapters import Threshold
from duomo_finance import made_up
from duomo_finance.backtest import Backtest, Plan, signal
from duomo_finance.credit import Applications, CreditScore
from duomo_finance.fraud import Fraud

# A scorecard: sex is blocked, may be asked about in the fairness report, and the lender's cutoff decides.
rows = made_up.applications(1500)
form, found = Applications.of_table(rows, target="status", event="default", key="id", currency="EUR")
print("blocked:", *[f"{each.field} ({each.code})" for each in found])
credit = CreditScore(artifacts={"applications": form, "policy": Threshold(threshold=0.3)})
records = credit.records(rows)
credit = credit.fit(records[:1000])
report = credit.report(records[1000:], cutoff=0.3)
print(f"AUC {report.metrics['auc']:.2f}, PD {report.metrics['mean_pd']:.2f} of {report.metrics['observed']:.2f}")
print("approved, worst group over best:", f"{report.fairness[0].worst_ratio:.2f}")
declined = next(each for each in credit.map(rows[1000:]) if each.result.decision.outcome == "reject").result
print(f"{declined.payload.score} points:", *[f"\n  {each.code}: {each.text}" for each in declined.reasons])

# The same rule with the day's own close, which is found out, and as a strategy that is asked day by day.
prices = made_up.bars(750, 3)
naive = signal(lambda bars: (bars.close > bars.close.mean(axis=0)) / 3, prices, "above the mean of all days")
backtest = Backtest(artifacts={"plan": Plan(strategy="moving-average", spread_bps=10)})
print("naive:", backtest(naive).findings[0].code)
honest = backtest(prices).payload
print(f"honest: {honest.metrics['total_return']:+.1%}, Sharpe {honest.metrics['sharpe']:.2f}")
plt.plot([each.time for each in honest.curve], [each.equity for each in honest.curve])
plt.title("equity after costs, 1 at the start")
plt.gcf().autofmt_xdate()
plt.savefig("equity.png")

alert = max((each.result for each in Fraud.example().map(made_up.transactions(400))), key=lambda each: each.score.value)
print("look first at:", *[each.text.partition(":")[0] for each in alert.reasons], sep="\n  ")
