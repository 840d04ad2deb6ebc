"""Small networks as folders: what is damaged is refused with words, and nothing is left random."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import duomo
from duomo.catalog import default_catalog
from duomo.errors import WeightsMismatch, WeightsMissing
from duomo.resolving import resolve

SMALL = [spec for spec in default_catalog().models if spec.name.rpartition("/")[2] in ("cnn", "gru", "mlp")]
SMALL += [spec for spec in default_catalog().models if spec.name == "nlp/transformer"]


@pytest.fixture(params=SMALL, ids=lambda spec: f"{spec.name} {spec.task}")
def folder(request: Any, tmp_path: Path) -> Path:
    """A folder as training writes it, of a network that has learned nothing."""
    trainer = resolve(request.param.trainer)
    [(architecture, sizes)] = trainer.scratch.items()
    torch.manual_seed(0)
    labels = [] if request.param.task in ("tabular-regression", "text-generation") else ["no", "yes"]
    made = trainer.build(architecture, sizes["tiny"], labels=labels, device=torch.device("cpu"), dtype=torch.float32)
    made.save(tmp_path)
    tmp_path.joinpath("task").write_text(request.param.task)
    return tmp_path


def load(folder: Path) -> Any:
    return duomo.load((folder / "task").read_text(), f"dir:{folder}", device="cpu")


def test_what_was_written_is_loaded_whole(folder):
    before = load_file(folder / "model.safetensors")
    model = load(folder).executor.worker.model
    state = model.network.state_dict()
    assert state.keys() == before.keys()
    assert all(torch.equal(state[name], before[name]) for name in state)


@pytest.mark.parametrize("damage", ["{", "[]", "drop", "negative"])
def test_a_damaged_description_is_named(folder, damage):
    file = folder / "duomo.json"
    if damage in ("drop", "negative"):
        about = json.loads(file.read_text())
        first = next(name for name in about if name not in ("model", "labels"))
        about = {**about, first: -1} if damage == "negative" else {k: v for k, v in about.items() if k != first}
        damage = json.dumps(about)
    file.write_text(damage)
    with pytest.raises(duomo.DuomoError, match=r"duomo\.json|folder"):
        load(folder)


@pytest.mark.parametrize("damage", ["lost", "surplus", "shape", "bytes", "gone"])
def test_damaged_tensors_are_named(folder, damage):
    file = folder / "model.safetensors"
    tensors = load_file(file)
    first = next(iter(tensors))
    if damage == "lost":
        tensors.pop(first)
    elif damage == "surplus":
        tensors["another"] = torch.zeros(1)
    elif damage == "shape":
        tensors[first] = torch.zeros(3, 1, 2)
    save_file(tensors, file)
    if damage == "bytes":
        file.write_bytes(file.read_bytes()[:-7])
    elif damage == "gone":
        file.unlink()
    with pytest.raises((WeightsMismatch, WeightsMissing)):
        load(folder)
