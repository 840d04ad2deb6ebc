"""Checkpoints are whole or not there."""

import json

import pytest
import torch

from duomo.errors import CannotWrite, StoreProblem
from duomo.training import ledger as module
from duomo.training.ledger import Ledger

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.zeros(0)}
MOMENTS = {"a.weight:exp_avg": torch.ones(2, 3), "a.weight:step": torch.tensor(3.0)}


def test_last_and_best_are_kept_and_nothing_else(tmp_path):
    ledger = Ledger(tmp_path)
    for step, best in ((2, 2), (4, 4), (6, 4), (8, 4), (10, 4)):
        ledger.save(step, TENSORS, MOMENTS, {"best_step": best})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000004", "step-00000010"]
    assert ledger.last() == 10


def test_what_was_kept_comes_back_bit_for_bit(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.save(3, TENSORS, MOMENTS, {"note": "ä"})
    kept = ledger.load(3)
    assert kept.state == {"note": "ä", "step": 3}
    for found, given in ((kept.weights, TENSORS), (kept.optimizer, MOMENTS)):
        assert found.keys() == given.keys()
        assert all(torch.equal(found[name], given[name]) for name in given)


@pytest.mark.parametrize("at", ["weights", "optimizer", "state"])
def test_a_disk_that_fills_up_leaves_the_checkpoint_before_whole(tmp_path, monkeypatch, at):
    ledger = Ledger(tmp_path)
    ledger.save(1, TENSORS, MOMENTS, {})
    save = module.save_file  # type: ignore[attr-defined]

    def full(tensors, path):
        if at in path.name:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(tensors, path)

    monkeypatch.setattr(module, "save_file", full)
    if at == "state":
        monkeypatch.setattr(json, "dumps", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CannotWrite, match="after step 2"):
        ledger.save(2, TENSORS, MOMENTS, {})
    monkeypatch.undo()
    assert ledger.last() == 1
    assert torch.equal(ledger.load(1).weights["a.weight"], TENSORS["a.weight"])
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_what_a_kill_left_half_written_is_removed_and_never_read(tmp_path):
    Ledger(tmp_path).save(1, TENSORS, MOMENTS, {})
    (tmp_path / ".writing-step-00000002").mkdir()
    (tmp_path / ".writing-step-00000002" / "weights.safetensors").write_bytes(b"half")
    ledger = Ledger(tmp_path)
    assert ledger.last() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_a_damaged_checkpoint_is_named(tmp_path):
    ledger = Ledger(tmp_path)
    (ledger.save(1, TENSORS, MOMENTS, {}) / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(StoreProblem, match="step-00000001"):
        ledger.load(1)
