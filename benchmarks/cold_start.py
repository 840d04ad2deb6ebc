"""The first result from a cold start: ``duomo run`` and its Python line against ``transformers.pipeline``.

Each case is a whole process that classifies one picture and ends. The checkpoint is the same small
one for all (loading big weights costs both sides alike), plus the packaged EfficientNet-lite0 for
what a user of ours types first.
"""

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
import PIL.Image
from checkpoints import small_cnn
from harness import arguments, report, run_process, spread

PYTHON = "import duomo; print(duomo.run('image-classification', {photo!r}, model={model!r}))"
PIPELINE = (
    "from transformers import pipeline; "
    "print(pipeline('image-classification', model={model!r}, device='cpu')({photo!r}))"
)


def main() -> None:
    """Time each case as a process, in turns."""
    args = arguments(__doc__ or "", rounds=5)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    duomo = str(Path(sysconfig.get_path("scripts")) / "duomo")
    with tempfile.TemporaryDirectory() as folder:
        photo = str(Path(folder) / "photo.jpg")
        noise = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
        PIL.Image.fromarray(noise).resize((640, 480)).save(photo)
        model = str(small_cnn(Path(folder) / "cnn"))
        cases = {
            "duomo run (small checkpoint)": [duomo, "run", "image-classification", photo, "-m", f"dir:{model}"],
            "python duomo.run (small checkpoint)": [
                sys.executable,
                "-c",
                PYTHON.format(photo=photo, model=f"dir:{model}"),
            ],
            "transformers.pipeline (small checkpoint)": [
                sys.executable,
                "-c",
                PIPELINE.format(photo=photo, model=model),
            ],
            "duomo run (EfficientNet-lite0)": [duomo, "run", "image-classification", photo],
        }
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
        for turn in range(args.rounds + 1):
            for name, command in cases.items():
                figures = run_process(command, env)
                if turn:  # the first turn warms the disk cache and writes byte code
                    runs[name].append(figures)
    table = {name: {key: spread([run[key] for run in each], 2) for key in each[0]} for name, each in runs.items()}
    peer = table["transformers.pipeline (small checkpoint)"]
    ratios = {
        name: {key: round(figures[key]["median"] / peer[key]["median"], 3) for key in ("cpu_s", "peak_mib")}
        for name, figures in table.items()
    }
    report("cold-start", {"processes": table, "relative_to_pipeline": ratios}, args.out)


if __name__ == "__main__":
    main()
