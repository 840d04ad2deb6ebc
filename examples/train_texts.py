"""A classifier of your own from a few rows: a head on a frozen MiniLM, one row of them broken."""

import tempfile
from pathlib import Path

import duomo

WORDS = {
    "weather": ["rain", "snow", "a storm", "sunshine", "fog", "wind from the north"],
    "kitchen": ["soup", "bread", "a roast", "pancakes", "salad", "an apple pie"],
}
FRAMES = ["we had {} all day", "there was {} again", "nobody expected {}", "{} for the whole family"]
rows = [
    {"text": frame.format(word), "label": label} for label, words in WORDS.items() for word in words for frame in FRAMES
]
rows.append({"text": "", "label": "kitchen"})

with tempfile.TemporaryDirectory() as folder:
    fit = duomo.finetune(
        "text-classification",
        rows,
        model="nlp/minilm",
        out=Path(folder) / "topics",
        recipe=duomo.Recipe(epochs=10),
    )
    for name, score in fit.metrics.items():
        print(f"{name} {score.value:.3f} ({score.low:.3f} to {score.high:.3f})")
    for row in fit.rows.left_out:
        print(f"row {row.id} left out: {row.what}")
    with fit.load() as classify:
        print(classify("hail in the afternoon").top.name, classify("a bowl of noodles").top.name)
