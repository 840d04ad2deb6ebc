"""The suite for models that can be trained holds for the toys and the example, and finds each fault."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toys

import duomo
from duomo import Hooks, hookimpl
from duomo.plugins.selection import Selection
from duomo.testing import TrainableConformance
from duomo.training import Losses

BIRDS = Path(__file__).parents[3] / "examples" / "duomo-birds"
ROWS = [(f"{word} {at}", label) for at in range(4) for word, label in (("wren robin", "bird"), ("cod hake", "fish"))]
CHECKS = [name for name in dir(TrainableConformance) if name.startswith("test_")]


class MeanTrainer(toys.LettersTrainer):
    """Its losses are means over the batch."""

    def losses(self, output: Any, targets: Any) -> Losses:
        found = super().losses(output, targets)
        return Losses(found.rows.mean().expand_as(found.rows), found.counts)


class DrawingTrainer(toys.VariedTrainer):
    """Its augmentation draws from a generator of its own."""

    count = 0

    def augment(self, item: Any, draw: Any) -> Any:
        DrawingTrainer.count += 1
        return duomo.Text(item[DrawingTrainer.count % 3 :] + "a" * (DrawingTrainer.count % 5))


class MovingTrainer(toys.LettersTrainer):
    """Its trunk moves though it is frozen."""

    def logits(self, batch: Any) -> Any:
        with torch.no_grad():
            self.network.trunk[0].weight += 1e-3
        return super().logits(batch)

    def has_trunk(self, upper: int) -> bool:
        return False


class Faulty(Hooks):
    """Trainers with one fault each."""

    @hookimpl
    def register_models(self) -> list[Any]:
        classes = (MeanTrainer, DrawingTrainer, MovingTrainer)
        for each in classes:
            setattr(toys, each.__name__, each)
        return [toys.SPEC._replace(name=f"faulty/{each.__name__}", trainer=f"toys:{each.__name__}") for each in classes]


def run(check: str, **given: Any) -> None:
    suite: Any = type("Trial", (TrainableConformance,), given)
    getattr(suite(), check)()


@pytest.fixture(scope="module")
def faulty() -> duomo.Catalog:
    return duomo.Catalog(Selection(allow=frozenset()), extra={"toys": toys.Toys(), "faulty": Faulty()})


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("model", ["toys/letters", "toys/varied"])
def test_the_toys_pass(check, model, faulty):
    run(check, model=model, task="text-classification", rows=ROWS, catalog=faulty)


@pytest.mark.parametrize(
    ("model", "check"),
    [
        ("MeanTrainer", "test_the_losses_of_a_batch_are_those_of_its_rows"),
        ("DrawingTrainer", "test_augmentation_is_a_function_of_its_generator"),
        ("DrawingTrainer", "test_a_resumed_training_is_exact"),
        ("MovingTrainer", "test_what_is_frozen_stays"),
    ],
)
def test_a_fault_is_found(model, check, faulty):
    with pytest.raises(AssertionError):
        run(check, model=f"faulty/{model}", task="text-classification", rows=ROWS, catalog=faulty)


def test_the_example_is_trainable_in_few_lines_and_passes(monkeypatch):
    monkeypatch.syspath_prepend(str(BIRDS))
    from duomo_birds.model import PLUMAGE
    from duomo_birds.plugin import plugin

    source = (BIRDS / "duomo_birds" / "palette.py").read_text()
    assert len(source[source.index("class PaletteTrainer") :].strip().splitlines()) <= 25
    catalog = duomo.Catalog(Selection(allow=frozenset()), extra={"birds": plugin})
    rows = []
    for light in (0.8, 0.9, 1.0, 1.1):
        for bird in ("robin", "magpie", "blue tit"):
            colours = np.clip(np.array(PLUMAGE[bird]) * light, 0, 255).astype(np.uint8)
            rows.append((colours[:, None].repeat(20, 0).repeat(30, 1), bird))
    for check in CHECKS:
        run(check, model="birds/palette", task="image-classification", rows=rows, catalog=catalog)
    sys.modules.pop("duomo_birds", None)
