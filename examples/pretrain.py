"""A language model from random numbers, on the documentation that comes with Python; stopped half-way and resumed."""

import math
import tempfile
from pathlib import Path
from pydoc_data.topics import topics

import duomo

texts = [{"text": text[:4000]} for text in topics.values()][:40]


def stop(at: tuple[int, ...]) -> None:
    """End the training as a kill would."""
    step, *_ = at
    if step == 40:
        raise KeyboardInterrupt


with tempfile.TemporaryDirectory() as folder:
    settings = {"architecture": "transformer", "size": "tiny", "out": Path(folder) / "model"}
    recipe = duomo.Recipe(epochs=3, batch=16, max_steps=80, lr=5e-3, warmup=0.1, checkpoint_s=0.0)
    try:
        duomo.pretrain("text-generation", texts, recipe=recipe, on_step=stop, **settings)
    except KeyboardInterrupt:
        print("stopped after 40 steps")
    fit = duomo.pretrain("text-generation", texts, recipe=recipe, resume=True, **settings)
    print("went on after step", *(line["step"] for line in fit.curves if "resumed" in line))
    first = next(line["loss"] for line in fit.curves if "loss" in line)
    print(f"nats a character: {first:.2f} at first, {fit.metrics['loss'].value:.2f} on texts held out")
    print("better than a guess:", fit.metrics["loss"].value < 0.75 * math.log(96))
    with fit.load() as write:
        print(write("The statement", max_new_tokens=40, temperature=0.5, seed=1).text)
