"""One training in two processes that share each batch; each row counts once, and the result is one model."""

import tempfile
from pathlib import Path

from safetensors.numpy import load_file
from sklearn.datasets import load_diabetes

import duomo

diabetes = load_diabetes()
rows = [
    dict(zip([*diabetes.feature_names, "progression"], [*cells, value], strict=True))
    for cells, value in zip(diabetes.data.tolist(), diabetes.target.tolist(), strict=True)
]


def main() -> None:
    """Train alone, then together."""
    with tempfile.TemporaryDirectory() as folder:
        fits = [
            duomo.finetune(
                "tabular-regression",
                rows,
                label="progression",
                parallel=parallel,
                out=Path(folder) / f"model-{at}",
                recipe=duomo.Recipe(epochs=8, batch=32, lr=3e-3),
            )
            for at, parallel in enumerate((None, "dp=2"))
        ]
        errors = [fit.metrics["mean_absolute_error"] for fit in fits]
        print(f"off by {errors[0].value:.0f} alone, by {errors[1].value:.0f} together, of {errors[1].num_rows} rows")
        shapes = [{name: each.shape for name, each in load_file(f.folder / "model.safetensors").items()} for f in fits]
        print("the same shapes:", shapes[0] == shapes[1])


if __name__ == "__main__":
    main()
