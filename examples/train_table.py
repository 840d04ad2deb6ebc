"""A table as CSV: three kinds of wine from what is in them; a missing cell, and a column that says nothing."""

import csv
import tempfile
from pathlib import Path

from sklearn.datasets import load_wine

import duomo

wine = load_wine()
names = [*wine.feature_names, "country", "kind"]

with tempfile.TemporaryDirectory() as folder:
    with (Path(folder) / "wine.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for cells, kind in zip(wine.data.tolist(), wine.target.tolist(), strict=True):
            writer.writerow([*cells, "Italy", ["barolo", "grignolino", "barbera"][kind]])
    fit = duomo.finetune(
        "tabular-classification",
        Path(folder) / "wine.csv",
        label="kind",
        out=Path(folder) / "model",
        recipe=duomo.Recipe(epochs=40, lr=5e-3),
    )
    print(f"accuracy {fit.metrics['accuracy'].value:.2f} of {fit.rows.validated} held out")
    print(*(finding.what for finding in fit.findings), sep="\n")
    with fit.load() as tell:
        glass = dict(zip(names, wine.data[0].tolist(), strict=False))
        print("the first is", tell(glass).top.name)
        print("without its alcohol it is", tell(glass | {"alcohol": None}).top.name)
