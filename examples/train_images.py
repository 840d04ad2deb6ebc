"""Handwritten digits from random numbers: a small network, images varied, the rows it finds hardest."""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import duomo

digits = load_digits()
images = np.stack([(digits.images * 15).astype(np.uint8)] * 3, -1)  # (1797, 8, 8, 3)
rows = list(zip(images, map(str, digits.target), strict=True))

with tempfile.TemporaryDirectory() as folder:
    fit = duomo.pretrain(
        "image-classification",
        rows[:900],
        architecture="cnn",
        out=Path(folder) / "digits",
        recipe=duomo.Recipe(epochs=6, batch=16, lr=1e-2, augment=("crop",)),
    )
    accuracy = fit.metrics["accuracy"]
    print(f"accuracy {accuracy.value:.2f} ({accuracy.low:.2f} to {accuracy.high:.2f} of {accuracy.num_rows})")
    print("hardest rows:", ", ".join(id for id, _ in fit.rows.highest_losses[:5]))
    with fit.load() as read:
        right = sum(outcome.unwrap().top.name == label for outcome, (_, label) in zip(
            read.map(image for image, _ in rows[1200:1300]), rows[1200:1300], strict=True
        ))  # fmt: skip
    print(f"{right} of 100 others read right")
