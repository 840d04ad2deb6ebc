"""From a year and a half of made-up sales to next week's orders; writes demand.svg."""

from pathlib import Path

import numpy as np

from duomo_retail.backtest import RollingOrigin
from duomo_retail.forecast import DemandForecast
from duomo_retail.inventory import InventoryPolicy, ask
from duomo_retail.predicting import Settings

# Thirty articles, weekly. The first was out of stock for five weeks, and will be promoted in two.
rng = np.random.default_rng(3)
weeks = [str(np.datetime64("2024-07-01") + 7 * i) for i in range(82)]
promo = [float(i % 9 == 7) for i in range(82)]
shop = []
for name, level in enumerate(rng.uniform(20, 150, 30)):
    sold = rng.poisson(level * np.where(promo, 1.8, 1.0)[:78]).astype(float)
    shop.append({"unique_id": f"sku{name}", "ds": weeks, "y": [*sold, *[None] * 4], "promo": promo})
for week in range(60, 65):
    shop[0]["y"][week] = 0.0
shop[0]["in_stock"] = [week not in range(60, 65) for week in range(82)]

plain = DemandForecast(artifacts={"settings": Settings(horizon=4, period=1)})
report = plain.evaluate(shop, RollingOrigin(origins=3, stride=4))
print(f"80 % intervals held {report.metrics['coverage_80%']:.0%}, 90 % held {report.metrics['coverage_90%']:.0%}")
forecasts = plain.fit(plain.records(shop))
first = forecasts(shop[0])
print(*[f"{each.code}: {each.text}" for each in first.findings], sep="\n")
print("planned promotion:", " ".join(f"{step.mean:.0f}" for step in first.payload.steps))
question = ask(first.payload, lead_time=1, holding=1.0, shortage=9.0, on_hand=40.0, pack_size=12.0)
order = InventoryPolicy()(question).payload
print(f"order {order.order_now:.0f}, up to {order.parameters['S']:.0f}: {order.cycle_service:.0%} of weeks served")

y = [each or 0.0 for each in shop[0]["y"][:78]]
low, high = ([(78 + k, step.quantiles[at]) for k, step in enumerate(first.payload.steps)] for at in (1, 5))
past, band = (" ".join(f"{5 * i},{180 - 2 * each}" for i, each in at) for at in (enumerate(y), [*low, *high[::-1]]))
drawn = f'<polygon points="{band}" fill="#e3b5a4"/><polyline points="{past}" fill="none" stroke="#2b4a6f"/>'
drawn += f'<text y="12" font-size="10">sku0 from {weeks[0]}, up to {max(y):.0f} units a week; in red: 80 %</text>'
Path("demand.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 410 200">{drawn}</svg>', "utf-8")
