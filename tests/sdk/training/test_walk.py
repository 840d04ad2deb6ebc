"""From rows to a folder that is a model."""

import dataclasses
import json

import toys

import duomo
from duomo.training import Fit
from duomo.training.card import card as card_of


def test_a_head_is_trained_and_the_folder_is_a_model(fit, rows, catalog):
    found = fit(rows, epochs=20, train="all")
    assert found.metrics["accuracy"].value > 0.9
    assert found.metrics["accuracy"].low < found.metrics["accuracy"].value < 1.01
    runner = duomo.load(model=f"dir:{found.folder}", catalog=catalog)
    assert runner("wren robin").top.name == "bird"  # type: ignore[attr-defined]
    assert runner("eel mackerel").top.name == "fish"  # type: ignore[attr-defined]


def test_what_is_worth_knowing_lies_beside_the_model(fit, rows):
    found = fit([*rows, {"id": "blank", "text": "", "label": "bird"}])
    assert Fit.read(found.folder) == found
    card = (found.folder / "card.md").read_text()
    assert "toys/letters" in card
    assert f"{found.rows.trained} rows were trained on, {found.rows.validated} held out" in card
    assert "- left out: `blank`: " in card
    assert f"- `{found.rows.highest_losses[0][0]}`, loss " in card
    assert f"| accuracy | {found.metrics['accuracy'].value:.4f} | {found.metrics['accuracy'].low:.4f} to " in card
    assert "- labels: `a|b c`, `<i>`\n" in card_of(dataclasses.replace(found, labels=("a|b\nc", "<i>")))
    confusion = json.loads((found.folder / "confusion.json").read_text())
    assert sum(map(sum, confusion["counts"])) == found.rows.validated
    losses = [loss for _, loss in found.rows.highest_losses]
    assert losses == sorted(losses, reverse=True)
    assert [line for line in found.curves if "scores" in line][-1]["epoch"] == 2
    assert not (found.folder / "checkpoints").exists()


def test_a_folder_is_read_by_whoever_reads_new_files(fit, rows, tmp_path):
    """A server may be another user; safetensors writes for its own user alone."""
    (tmp_path / "new").touch()
    found = fit(rows, epochs=1).folder
    assert {each.stat().st_mode for each in found.rglob("*.*")} == {(tmp_path / "new").stat().st_mode}


def test_the_hardest_rows_are_found_without_running_all_rows_again(fit, monkeypatch):
    rows = [
        {"id": str(at), "text": f"{'robin' if at % 2 else 'cod'} {at}", "label": "bird" if at % 2 else "fish"}
        for at in range(400)
    ]
    rows[7]["label"] = rows[11]["label"] = "fish"
    run = 0
    logits_from = toys.Letters.logits_from

    def counted(self, features, upper):
        nonlocal run
        run += len(features)
        return logits_from(self, features, upper)

    monkeypatch.setattr(toys.Letters, "logits_from", counted)
    found = fit(rows, epochs=3, train="all", validation=0)
    assert run == 3 * 400 + 40, "a tenth of the rows, to name a twentieth"
    assert [id for id, _ in found.rows.highest_losses[:2]] in (["7", "11"], ["11", "7"])
    assert len(found.rows.highest_losses) == 20


def test_the_same_call_gives_the_same_weights_and_leaves_torch_alone(fit, rows):
    import torch

    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, second = fit(rows, out="a"), fit(rows, out="b")
    assert torch.equal(torch.get_rng_state(), before)
    same = [(each.folder / "model.safetensors").read_bytes() for each in (first, second)]
    assert same[0] == same[1]
    assert fit(rows, out="c", seed=1).metrics != first.metrics
