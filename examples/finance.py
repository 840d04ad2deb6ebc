"""Credit, a backtest and fraud on made-up data; writes equity.svg."""

from pathlib import Path

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
low, high = min(equity := [each.equity for each in honest.curve]), max(equity)
points = " ".join(f"{50 + i},{180 - 160 * (each - low) / (high - low):.1f}" for i, each in enumerate(equity))
marks = [(5, 24, f"{high:.2f}"), (5, 184, f"{low:.2f}"), (50, 12, "equity after costs, 1 at the start")]
marks += [(50, 198, f"{honest.start:%Y-%m-%d}"), (730, 198, f"{honest.end:%Y-%m-%d}")]
texts = "".join(f'<text x="{x}" y="{y}" font-size="12" font-family="sans-serif">{text}</text>' for x, y, text in marks)
svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 202">{texts}'
Path("equity.svg").write_text(f'{svg}<polyline points="{points}" fill="none" stroke="#b5482a"/></svg>', "utf-8")

alert = max((each.result for each in Fraud.example().map(made_up.transactions(400))), key=lambda each: each.score.value)
print("look first at:", *[each.text.partition(":")[0] for each in alert.reasons], sep="\n  ")
