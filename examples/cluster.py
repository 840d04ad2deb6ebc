"""The same call on a Ray cluster: that of RAY_ADDRESS, or one that lives as long as this program."""

import duomo

reviews = ["I love this camera.", "It broke after two days.", "", "Good value, slow delivery."]

with duomo.load("text-classification", executor="ray", devices=2, device="cpu") as classify:
    for outcome in classify.map(reviews):
        print(outcome.index, outcome.result.top.name if outcome.ok else outcome.error.what, "-", outcome.meta.device)
    print("workers:", classify.executor.stats().num_alive, *classify.executor.health())
