"""A language model from random numbers, on the documentation that comes with Python; stopped half-way and resumed."""

import functools
import math
import tempfile
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import duomo

texts = [{"text": text[:4000]} for text in topics.values()][:40]


def stop(at: Any) -> None:
    """End the training as a kill would."""
    if at.step == 40:
        raise KeyboardInterrupt


with tempfile.TemporaryDirectory() as folder:
    recipe = duomo.Recipe(epochs=3, batch=16, max_steps=80, lr=5e-3, warmup=0.1, checkpoint_s=0.0)
    train = functools.partial(
        duomo.pretrain, "text-generation", texts, architecture="transformer", size="tiny", recipe=recipe,
        out=Path(folder) / "model",
    )  # fmt: skip
    try:
        train(on_step=stop)
    except KeyboardInterrupt:
        print("stopped after 40 steps")
    fit = train(resume=True)
    print("went on after step", *(line["step"] for line in fit.curves if "resumed" in line))
    first = next(line["loss"] for line in fit.curves if "loss" in line)
    print(f"nats a character: {first:.2f} at first, {fit.metrics['loss'].value:.2f} on texts held out")
    print("better than a guess:", fit.metrics["loss"].value < 0.75 * math.log(96))
    with fit.load() as write:
        print(write("The statement", max_new_tokens=40, temperature=0.5, seed=1).text)
