"""Of the rows with the highest loss most are mislabelled, where some are: 5 % of sklearn's digits are flipped here."""

import random

import numpy as np
import pytest

import duomo
from duomo import Recipe


@pytest.mark.slow
def test_flipped_labels_are_among_the_highest_losses(tmp_path):
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    images = (digits.images * 15).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    draw = random.Random(0)
    flipped = set(draw.sample(range(len(images)), 50))
    rows = [
        {"id": str(at), "image": np.stack([image] * 3, -1), "label": str(label + (1 + at % 9) * (at in flipped))[-1]}
        for at, (image, label) in enumerate(zip(images, digits.target.tolist(), strict=True))
    ]  # fmt: skip
    fit = duomo.pretrain(
        "image-classification", rows[:1000], out=tmp_path / "out", validation=0.1,
        recipe=Recipe(epochs=12, batch=32, lr=1e-2),
    )  # fmt: skip
    trained = {at for at in flipped if at < 1000}
    count = min(50, len(trained))
    hardest = [int(id) for id, _ in fit.rows.highest_losses[:count]]
    share = sum(at in trained for at in hardest) / count
    assert share >= 0.6, (share, fit.metrics)
