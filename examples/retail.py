"""From a year and a half of made-up sales to next week's orders; draws demand.png."""

import matplotlib.pyplot as plt
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
low, high = ([step.quantiles[at] for step in first.payload.steps] for at in (1, 5))
plt.plot(y)
plt.fill_between(range(78, 78 + len(low)), low, high, alpha=0.4, label="in 80 of 100 cases")
plt.title(f"sku0 from {weeks[0]}, units a week")
plt.legend()
plt.savefig("demand.png")
