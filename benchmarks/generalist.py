"""Train the small generalist that comes with duomo-multimodal, and compare it with trivial baselines.

    python benchmarks/generalist.py train plugins/multimodal/duomo_multimodal/gato/trained
    python benchmarks/generalist.py measure plugins/multimodal/duomo_multimodal/gato/trained

Four kinds of data in every batch: the digits of scikit-learn (1,797 images of 8 x 8 pixels, of which 297 are held out)
with their names, the documentation that comes with Python, and episodes of experts in two environments. A quarter of
the episodes begin with a demonstration. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from pydoc_data.topics import topics

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

import duomo
from duomo_multimodal.gato.network import Description, Gato, losses
from duomo_multimodal.gato.serving import save
from duomo_multimodal.gato.tokens import Tokens, join, of_image, of_step, of_text
from duomo_multimodal.gato.worlds import WORLDS, Grid, Reach

WORDS = "zero one two three four five six seven eight nine".split()
HELD_IMAGES = 297
ABOUT = Description(
    width=96, layers=4, heads=4, context=256, side=32, channels=24,
    environments={name: world.about for name, world in WORLDS.items()},
)  # fmt: skip
WINDOW = 128
"""Bytes of a text in training."""


def digits() -> tuple[np.ndarray, list[str]]:
    """Images (N, 8, 8) of 0 to 255, and their names."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images * (255 / 16)).astype(np.uint8), [WORDS[each] for each in found.target]


def texts() -> tuple[bytes, bytes]:
    """Documentation to learn from, and some that is held out."""
    names = sorted(topics)
    held = names[::10]
    kept = [name for name in names if name not in held]
    return tuple("\n".join(topics[name] for name in part).encode("ascii", "ignore") for part in (kept, held))  # type: ignore[return-value]


def pixels_of(image: np.ndarray, draw: np.random.Generator) -> Tensor:
    """(3, 32, 32) in [0, 1]: turned, moved, sheared and scaled a little, since other hands write otherwise."""
    from torchvision.transforms.v2 import functional as F

    found = torch.from_numpy(image)[None].expand(3, -1, -1)
    resized: Tensor = F.resize(found, [ABOUT.side, ABOUT.side], antialias=True).float() / 255
    varied: Tensor = F.affine(
        resized, angle=draw.uniform(-12, 12), translate=draw.uniform(-4, 4, 2).round().tolist(),
        scale=draw.uniform(0.85, 1.15), shear=[draw.uniform(-10, 10)], interpolation=F.InterpolationMode.BILINEAR,
    )  # fmt: skip
    return varied


def episode(name: str, draw: np.random.Generator) -> list[Tokens]:
    """Steps of an expert, from any place; one step in five it is pushed aside, and goes on from there."""
    world = WORLDS[name](draw)
    steps = []
    for _ in range(world.steps):
        best = world.expert()
        steps.append(of_step(world.about, world.observe(), best))
        aside = draw.random() < 0.2
        world.act(([float(draw.integers(4))] if name == "grid" else draw.uniform(-1, 1, 2).tolist()) if aside else best)
    return steps


def control(name: str, draw: np.random.Generator) -> Tokens:
    """An episode; a quarter of them have a demonstration in front, whose actions count too."""
    prompt = episode(name, draw)[-4:] if draw.random() < 0.25 else []
    return join([*prompt, *episode(name, draw)])


def train(folder: str, steps: int, rate: float, start: str | None) -> None:
    """Train, and write the folder."""
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    network = Gato(ABOUT).train()
    if start is not None:
        network.load_state_dict(load_file(f"{start}/model.safetensors"))
    print(f"{sum(each.numel() for each in network.parameters()):,} weights")
    images, names = digits()
    known, _ = texts()
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, betas=(0.9, 0.95), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps, pct_start=0.1)
    began = time.process_time()
    for step in range(steps):
        rows = [
            join([of_image(pixels_of(images[at], draw)), of_text(names[at].encode(), ends=True)])
            for at in draw.integers(0, len(images) - HELD_IMAGES, 64)
        ]
        starts = draw.integers(0, len(known) - WINDOW, 8)
        groups = [rows, [of_text(known[at : at + WINDOW]) for at in starts]]
        groups += [[control(name, draw) for name in WORLDS for _ in range(8)]]
        total = torch.zeros(())
        for group in groups:  # like with like: nothing is padded far
            nats, counts = losses(network, group)
            total = total + nats.sum() / counts.sum() / len(groups)
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step}: {total.item():.3f} nats a token, {time.process_time() - began:.0f} CPU s", flush=True)
    save(network.eval().half(), folder)


@torch.no_grad()
def measure(folder: str, images_held: int = HELD_IMAGES, episodes: int = 40) -> dict[str, dict[str, float]]:
    """Each task beside what is trivial."""
    images, names = digits()
    found: dict[str, dict[str, float]] = {}
    with duomo.load("image-captioning", f"dir:{folder}", device="cpu") as say:
        held = [np.repeat(np.repeat(each, 4, 0), 4, 1) for each in images[-images_held:]]
        said = [outcome.unwrap().text for outcome in say.map([np.stack([each] * 3, -1) for each in held])]
    commonest, _ = Counter(names[:-HELD_IMAGES]).most_common(1)[0]
    wanted = names[-images_held:]
    found["digits right"] = {
        "model": np.mean([a == b for a, b in zip(said, wanted, strict=True)]).item(),
        "commonest": np.mean([each == commonest for each in wanted]).item(),
    }
    with duomo.load("text-generation", f"dir:{folder}", device="cpu") as write:
        network = write.executor.worker.model.network  # type: ignore[attr-defined]
    known, unseen = texts()
    rows = [of_text(unseen[at : at + WINDOW]) for at in range(0, 64 * WINDOW, WINDOW)]
    nats, counts = losses(network, rows)
    data, held_out = np.frombuffer(known, np.uint8), np.frombuffer(unseen[: 64 * WINDOW], np.uint8)
    ones = np.bincount(data, minlength=256) + 0.1
    pairs = np.full((256, 256), 0.01)
    np.add.at(pairs, (data[:-1], data[1:]), 1)
    found["text, nats a byte"] = {
        "model": float(nats.sum() / counts.sum()),
        "pairs": -np.log((pairs / pairs.sum(1, keepdims=True))[held_out[:-1], held_out[1:]]).mean().item(),
        "frequencies": -np.log((ones / ones.sum())[held_out]).mean().item(),
    }
    with duomo.load("reinforcement-learning", f"dir:{folder}", device="cpu") as act:
        for name in WORLDS:
            found[f"{name}, distance left"] = acting(name, act, episodes)
    return found


def acting(name: str, act: duomo.Runner, count: int) -> dict[str, float]:
    """The mean distance over an episode: the model, who does nothing or what chance says, and the expert."""
    draw = np.random.default_rng(7)
    chance = np.random.default_rng(8)
    left: dict[str, float] = {}
    for who in ("model", "nothing", "random", "expert"):
        draw = np.random.default_rng(7)
        worlds: list[Reach | Grid] = [WORLDS[name](draw) for _ in range(count)]
        seen, done = [[world.observe()] for world in worlds], [[] for _ in worlds]
        costs = []
        for _ in range(worlds[0].steps):
            if who == "model":
                items = [{"observations": each, "actions": actions} for each, actions in zip(seen, done, strict=True)]
                actions = [outcome.unwrap().values for outcome in act.map(items)]
            elif who == "expert":
                actions = [world.expert() for world in worlds]
            elif name == "grid":
                actions = [[0.0] if who == "nothing" else [float(chance.integers(4))] for _ in worlds]
            else:
                actions = [[0.0, 0.0] if who == "nothing" else chance.uniform(-1, 1, 2).tolist() for _ in worlds]
            costs += [world.act(action) for world, action in zip(worlds, actions, strict=True)]
            for world, observations, earlier, action in zip(worlds, seen, done, actions, strict=True):
                observations.append(world.observe())
                earlier.append(action)
        left[who] = math.fsum(costs) / len(costs)
    return left


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "measure"))
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--start", help="a folder whose weights are trained on")
    given = parser.parse_args()
    if given.what == "train":
        train(given.folder, given.steps, given.rate, given.start)
    for task, figures in measure(given.folder).items():
        print(f"{task}: " + ", ".join(f"{who} {figure:.3f}" for who, figure in figures.items()))
