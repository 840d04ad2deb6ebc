"""Rows that cannot be used cost themselves; what is not finite never reaches the weights; what is frozen stays so."""

import functools
import math

import pytest
import torch
from safetensors.torch import load_file
from toys import Letters, LettersTrainer, fill

from duomo.errors import BadInput, CannotWrite, SystemicError
from duomo.training.evaluating import Evaluation
from duomo.training.ledger import Ledger
from duomo.training.peers import Peers


def weights(fit) -> bytes:
    return (fit.folder / "model.safetensors").read_bytes()


def test_bad_rows_are_named_and_cost_nothing_else(fit, rows):
    bad = [
        {"text": "", "label": "bird"},
        {"text": "an unreadable wren", "label": "bird"},
        {"text": "a wren without a label", "label": None},
        {"text": None, "label": "fish"},
    ]
    good = [{**row, "text": f"{row['text']} {letter}"} for letter in "abcdefgh" for row in rows]
    mixed = [*good[:5], bad[0], *good[5:20], bad[1], bad[2], *good[20:], bad[3]]  # one in a hundred
    clean, dirty = (fit(some, out=out, train="all", batch=32) for some, out in ((good, "clean"), (mixed, "dirty")))
    assert {each.id for each in dirty.rows.left_out} == {"5", "21", "22", str(len(mixed) - 1)}
    reasons = {each.id: each.what for each in dirty.rows.left_out}
    assert reasons["21"] == "this text is unreadable"
    assert reasons["22"] == "this row has no label"
    assert weights(dirty) == weights(clean)
    assert dirty.metrics == clean.metrics


def test_a_class_whose_rows_are_all_bad_is_no_class(fit, rows):
    found = fit([*rows, {"text": "unreadable", "label": "reptile"}])
    assert found.labels == ("bird", "fish")
    assert [each.what for each in found.rows.left_out] == ["this text is unreadable"]


def test_more_bad_rows_than_allowed_end_the_training_before_its_first_step(fit, rows, tmp_path):
    bad = [{"text": "unreadable", "label": "bird"}] * 3
    with pytest.raises(SystemicError) as caught:
        fit([*rows, *bad], max_failed=2)
    assert "3 rows cannot be used" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_row_whose_loss_is_not_finite_is_named_left_out_and_harms_nobody(fit, rows):
    at = 13
    odd = f"a{chr(0x2028)}b"  # the end of a line to some, and no end of a line of JSON
    poisoned = [*rows[:at], {"id": odd, "text": "poison", "label": "bird"}, *rows[at:]]
    found = fit(poisoned, model="toys/poison", train=2, validation=0)
    assert [(each.id, each.code) for each in found.rows.left_out] == [(odd, "E-NOT-FINITE")]
    assert all(tensor.isfinite().all() for tensor in load_file(found.folder / "model.safetensors").values())
    assert all(line["loss"] == line["loss"] for line in found.curves if "loss" in line)


def test_a_pass_that_others_need_takes_no_row_that_was_left_out(fit, rows, monkeypatch):
    """Its loss times nothing is not nothing, but NaN in every gradient."""
    monkeypatch.setattr(Peers, "even", lambda _, parts: [*parts, ()])
    found = fit([*rows, {"text": "poison", "label": "bird"}], model="toys/poison", validation=0, batch=4, epochs=12)
    assert len(found.rows.left_out) == 1


def test_a_score_that_is_no_number_is_not_the_best(fit, rows, monkeypatch):
    scores = iter([math.nan, 0.25, 0.5, 0.25])
    monkeypatch.setattr(Evaluation, "score", lambda *_: next(scores))
    assert fit(rows, validation=rows[::6], epochs=4, batch=len(rows)).record["best_step"] == 3


def test_many_rows_that_are_not_finite_end_the_training_with_the_last_checkpoint_whole(fit, rows, tmp_path):
    poisoned = [*rows, *({"text": f"poison {at}", "label": "bird"} for at in range(10))]
    with pytest.raises(SystemicError, match="no finite loss"):
        fit(poisoned, model="toys/poison", max_failed=4, validation=0, checkpoint_s=0.0, batch=4)
    ledger = Ledger(tmp_path / "out" / "checkpoints")
    kept = ledger.load(ledger.last())
    assert all(tensor.isfinite().all() for tensor in kept.weights.values())


def test_a_gradient_that_is_not_finite_where_all_losses_are_ends_the_training(fit, rows, monkeypatch):
    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * float("nan")

    logits = Letters.logits_from
    monkeypatch.setattr(LettersTrainer, "logits_from", lambda *args: Spike.apply(logits(*args)))
    with pytest.raises(SystemicError, match="the gradient of step 1 is not finite"):
        fit(rows)


@pytest.mark.parametrize("how", ["head", 1])
def test_what_is_frozen_stays_bit_for_bit(fit, rows, catalog, tmp_path, how):
    opened = []
    original = LettersTrainer.open.__func__

    def spy(cls, *args, **kwargs):
        model = original(cls, *args, **kwargs)
        opened.append({name: tensor.clone() for name, tensor in model.network.state_dict().items()})
        return model

    LettersTrainer.open = classmethod(spy)
    try:
        found = fit(rows, train=how)
    finally:
        LettersTrainer.open = classmethod(original)
    after = load_file(found.folder / "model.safetensors")
    trained = ("head.",) if how == "head" else ("head.", "layers.1.")
    changed = {name for name, tensor in opened[0].items() if not torch.equal(tensor, after[name])}
    assert changed == {name for name in after if name.startswith(trained)}


def test_memory_that_runs_out_halves_the_micro_batch_and_not_the_batch(fit, rows, monkeypatch):
    reference = fit(rows, out="reference", micro=4)
    sizes = []
    logits = Letters.logits_from

    def hungry(self, features, upper):
        if torch.is_grad_enabled():
            sizes.append(len(features))
            if len(features) > 4:
                raise MemoryError
        return logits(self, features, upper)

    monkeypatch.setattr(LettersTrainer, "logits_from", hungry)
    found = fit(rows)
    assert sizes[:3] == [8, 4, 4]
    assert max(sizes[1:]) == 4
    assert weights(found) == weights(reference)


def test_a_row_that_does_not_fit_alone_raises(fit, rows, monkeypatch):
    def hungry(self, features, upper):
        raise MemoryError

    monkeypatch.setattr(LettersTrainer, "logits_from", hungry)
    with pytest.raises(MemoryError):
        fit(rows)


def test_classes_are_weighted_as_asked(fit, rows):
    few = [row for row in rows if row["label"] == "bird"] + [row for row in rows if row["label"] == "fish"][:4]
    plain, balanced = fit(few, out="plain", validation=0), fit(few, out="even", validation=0, class_weight="balanced")
    assert weights(plain) != weights(balanced)
    named = fit(few, out="named", validation=0, class_weight={"bird": 28 / 48, "fish": 28 / 8})
    assert weights(named) == weights(balanced)
    with pytest.raises(BadInput, match="class_weight names cow"):
        fit(few, out="cow", class_weight={"cow": 2.0})


def test_a_batch_norm_takes_a_micro_batch_of_one_row(fit, rows):
    """25 rows in batches of 8 leave one over; with micro=1 each row is alone."""
    found = fit(rows[:17] + rows[-8:], train="all", validation=0)
    assert all(tensor.isfinite().all() for tensor in load_file(found.folder / "model.safetensors").values())
    alone = fit(rows, out="alone", train="all", validation=0, micro=1, epochs=8)
    losses = [line["loss"] for line in alone.curves if "loss" in line]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("parallel", [None, pytest.param("dp=2", marks=pytest.mark.multiproc)])
def test_a_disk_that_takes_no_more_ends_the_training_in_words_and_the_last_checkpoint_is_whole(
    fit, rows, tmp_path, trap, parallel
):
    """After step 5 nothing can be made in the folder of checkpoints; then there is room, and it goes on."""
    folder = tmp_path / "out" / "checkpoints"
    full = functools.partial(fill, folder, tmp_path / "full")
    undisturbed = fit(rows, out="whole", parallel=parallel)
    trap(0, 5, full)  # of one process the step itself tells
    on_step = None if parallel else lambda progress: progress.step == 5 and full()
    with pytest.raises(CannotWrite, match="the checkpoint after step") as caught:
        fit(rows, on_step=on_step, checkpoint_s=0.0, parallel=parallel)
    assert "resume=True  (--resume) goes on from the checkpoint before" in str(caught.value)
    folder.unlink()
    (tmp_path / "full").rename(folder)
    kept = Ledger(folder).last()
    assert kept == 5
    resumed = fit(rows, resume=True, parallel=parallel)
    assert resumed.curves[-1]["step"] == undisturbed.curves[-1]["step"]
    assert weights(resumed) == weights(undisturbed)
