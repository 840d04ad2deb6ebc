"""A training that was killed, and taken up again, ends with the very weights of one that was not."""

import random
from pathlib import Path

import pytest
import torch
from toys import train

import duomo
from duomo.errors import StoreMismatch
from duomo.execution.pools.process import Child
from duomo.training import optimizers

KILLS = 20
SETTINGS = {"epochs": 16, "batch": 8, "lr": 0.02, "micro": 3, "checkpoint_s": 0.0}


@pytest.mark.slow
@pytest.mark.multiproc
@pytest.mark.parametrize(
    ("model", "how"),
    [("toys/varied", "all"), ("toys/letters", "head")],
    ids=["augmented, with dropout, accumulated", "a head on a cached trunk"],
)
def test_twenty_kills_leave_no_trace(rows, tmp_path, model, how):
    given = {"model": model, "train": how}
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    run(rows, whole, given).join(60)
    chance = random.Random(0)
    for _ in range(KILLS):
        # Anywhere between two steps, or while a checkpoint is written.
        child = run(rows, cut, given, (last_step(cut) + chance.randint(1, 2), chance.uniform(1e-6, 0.004)))
        child.join(60)
        assert "signal SIG" in child.ending
    assert not (cut / "fit.json").exists(), "all kills came before the end"
    run(rows, cut, given).join(60)
    assert weights(cut) == weights(whole)
    logs = ((folder / "log.jsonl").read_text().splitlines() for folder in (cut, whole))
    log = [[line for line in lines if "resumed" not in line] for lines in logs]
    assert log[0] == log[1], "no step is logged twice, and none is missing"


def last_step(out: Path) -> int:
    return max((int(path.name[5:]) for path in out.glob("checkpoints/step-*")), default=0)


def run(rows: object, out: Path, given: dict[str, object], *end: tuple[int, float]) -> Child:
    preload = ("torch", "torch._dynamo", "duomo.training.finishing", "toys")
    return Child(train, (rows, str(out), SETTINGS, given, *end), preload=preload)


def weights(out: Path) -> bytes:
    return (out / "model.safetensors").read_bytes()


def stopped(fit, rows, after: int, **given) -> None:
    """Stop a training after so many steps, as Ctrl-C would."""

    def stop(progress):
        if progress.step == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(rows, on_step=stop, checkpoint_s=0.0, **given)


def test_a_training_that_was_stopped_goes_on_in_the_middle_of_an_epoch(fit, rows):
    many = [{**row, "text": f"{row['text']} {at}"} for at in range(3) for row in rows]
    undisturbed = fit(many, out="whole", checkpoint_s=0.0, epochs=1)
    stopped(fit, many, after=7, epochs=1)
    steps = []
    resumed = fit(many, resume=True, checkpoint_s=0.0, epochs=1, on_step=lambda progress: steps.append(progress.step))
    assert steps[0] == 8
    assert weights(resumed.folder) == weights(undisturbed.folder)
    assert resumed.metrics == undisturbed.metrics
    assert resumed.rows == undisturbed.rows, "the hardest rows are known by losses from before the stop, too"
    assert [line["step"] for line in resumed.curves if line.get("resumed")] == [7]
    assert 'id="resumed-7"' in (resumed.folder / "curves.svg").read_text()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"seed": 5}, "recipe.seed: 0 then, 5 now"),
        ({"batch": 4}, "recipe.batch"),
        ({"train": "all"}, "train: head then, all now"),
        ({"model": "toys/varied", "validation": 0.5}, "training data"),
    ],
)
def test_a_resume_with_something_else_shows_the_difference(fit, rows, given, named):
    stopped(fit, rows, after=3)
    with pytest.raises(StoreMismatch) as caught:
        fit(rows, resume=True, **given)
    assert named in str(caught.value)


def test_a_resume_with_other_rows_is_refused(fit, rows):
    stopped(fit, rows, after=3)
    with pytest.raises(StoreMismatch, match="training data"):
        fit([*rows, {"text": "shark", "label": "fish"}], resume=True)


def test_a_resume_from_another_base_is_refused(fit, rows):
    first, second = (f"dir:{fit(rows, out=name, epochs=1, lr=lr).folder}" for name, lr in (("a", 0.02), ("b", 0.01)))
    stopped(fit, rows, after=3, model=first)
    with pytest.raises(StoreMismatch, match=r"base: \w+ then, \w+ now") as caught:
        fit(rows, resume=True, model=second)
    assert "architecture" not in str(caught.value), "only its weights are others"
    assert isinstance(fit(rows, resume=True, model=first), duomo.Fit)


def test_a_resume_from_a_base_with_other_settings_is_refused(fit, rows):
    """The same weights with another dropout, say, or another tokenizer, are another start."""
    base = fit(rows, out="base", epochs=1).folder
    stopped(fit, rows, after=3, model=f"dir:{base}")
    about = base / "duomo.json"
    about.write_text(about.read_text().replace("{", '{"dropout": 0.5, ', 1))
    with pytest.raises(StoreMismatch, match=r"base: \w+ then, \w+ now"):
        fit(rows, resume=True, model=f"dir:{base}")


def test_a_resume_leaves_out_the_rows_that_had_no_finite_loss_whatever_they_are_called_now(fit, rows):
    """Ids name files: equal rows in a file that was moved go on."""
    poisoned = [*rows, {"text": "poison", "label": "bird"}]
    given = {"model": "toys/poison", "validation": 0}
    whole = fit(poisoned, out="whole", **given)
    stopped(fit, poisoned, after=whole.record["steps"] // 2, **given)  # after the first epoch: all rows come once more
    found = fit([{**row, "id": f"moved.csv:{at}"} for at, row in enumerate(poisoned)], resume=True, **given)
    assert [each.id for each in found.rows.left_out] == ["moved.csv:48"]
    assert weights(found.folder) == weights(whole.folder)


def test_what_an_optimiser_remembered_is_put_where_its_parameter_lies():
    parameters = {"w": torch.nn.Parameter(torch.empty(2, 2, device="meta"))}
    optimizer = optimizers.make(duomo.Recipe(), parameters)
    optimizers.restore(optimizer, parameters, {"w:exp_avg": torch.ones(2, 2), "w:step": torch.tensor(3.0)})
    assert {each.device.type for each in optimizer.state[parameters["w"]].values()} == {"meta"}


def test_a_training_that_ended_before_its_first_checkpoint_is_begun_again(fit, rows, tmp_path):
    left = tmp_path / "early"
    (left / "checkpoints" / ".writing-step-00000150").mkdir(parents=True)
    (left / "log.jsonl").write_text('{"step": 1, "loss": 9.0}\n')
    assert isinstance(fit(rows, out="early"), duomo.Fit)
    assert "9.0" not in (left / "log.jsonl").read_text()


def test_a_folder_that_holds_another_run_is_refused(fit, rows, tmp_path):
    stopped(fit, rows, after=3)
    with pytest.raises(StoreMismatch, match="holds a training already"):
        fit(rows)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(StoreMismatch, match="is not empty"):
        fit(rows, out="full")
    with pytest.raises(StoreMismatch, match="is a file"):
        fit(rows, out="full/notes.txt")


def test_a_training_that_is_done_is_given_back(fit, rows):
    done = fit(rows)
    again = fit(rows, resume=True, on_step=lambda _: pytest.fail("a step was taken"))
    assert again == done
    with pytest.raises(StoreMismatch, match=r"recipe\.epochs"):
        fit(rows, resume=True, epochs=9)


def test_a_resume_of_nothing_begins(fit, rows):
    assert isinstance(fit(rows, resume=True), duomo.Fit)


def test_a_folder_that_another_training_writes_into_is_refused(fit, rows):
    """Either would remove the other's checkpoints, and the model would be of whichever came last."""
    refused = []

    def again(progress):
        for resume in (True, False) if progress.step == 1 else ():
            with pytest.raises(StoreMismatch) as caught:
                fit(rows, resume=resume, seed=1)
            refused.append(str(caught.value))

    fit(rows, on_step=again, checkpoint_s=60.0)
    assert all("is in use" in each for each in refused)
    assert len(refused) == 2
    stopped(fit, rows, after=3, out="stopped")
    with pytest.raises(StoreMismatch):
        fit(rows, resume=True, out="stopped", seed=1)
    assert fit(rows, resume=True, out="stopped"), "what was stopped, or refused, holds it no longer"
