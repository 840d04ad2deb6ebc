"""A network that several processes share while it is trained: the weights, folder and checkpoints of one process."""

import pytest
from safetensors.torch import load_file
from toys import hold

import duomo
from duomo.errors import UsageProblem

pytestmark = pytest.mark.multiproc
STILL = {"model": "toys/still", "epochs": 3, "batch": 6, "lr": 0.02}


def difference(first, second) -> float:
    one, two = (load_file(each.folder / "model.safetensors") for each in (first, second))
    assert {name: each.shape for name, each in one.items()} == {name: each.shape for name, each in two.items()}
    return max(float((one[name].double() - two[name].double()).abs().max()) for name in one)


@pytest.mark.parametrize(
    ("train", "parallel", "optimizer", "shard"),
    [
        ("all", "tp=2", "sgd", False),  # a bias before a batch norm has no gradient, and AdamW makes steps of rounding
        (2, "dp=2,tp=2", "adamw", False),
        ("head", "tp=2", "adamw", False),
        (2, "pp=2", "adamw", False),
        (2, "dp=2,pp=2", "adamw", False),
        (2, "tp=2,pp=2", "sgd", False),
        (2, "dp=2", "adamw", True),
        ("head", "dp=2", "sgd", True),
        (2, "dp=2,tp=2", "adamw", True),
    ],
)
def test_the_weights_are_those_of_one_process(fit, rows, catalog, train, parallel, optimizer, shard):
    alone = fit(rows, out="one", train=train, optimizer=optimizer, **STILL)
    together = fit(rows, out="two", train=train, parallel=parallel, optimizer=optimizer, shard=shard, **STILL)
    assert difference(alone, together) < 1e-5
    assert together.metrics["accuracy"] == alone.metrics["accuracy"]
    assert together.metrics["loss"].num_rows == alone.rows.validated, "each row counts once"
    for key in ("trained_parameters", "parameters"):
        assert together.record[key] == alone.record[key]
    assert together.record["trunk_computed_once"] == (alone.record["trunk_computed_once"] and "pp" not in parallel)
    runner = duomo.load("text-classification", f"dir:{together.folder}", catalog=catalog)
    assert runner("robin wren").top.name in {"bird", "fish"}


@pytest.mark.parametrize(
    "ways",
    [({"parallel": "dp=2"}, {"parallel": "tp=2"}), ({"parallel": "pp=2"}, {"parallel": "dp=2", "shard": True})],
    ids=["copies, then shared layers", "stages, then parts"],
)
def test_a_training_of_one_process_goes_on_in_other_ways_and_back(fit, rows, trap, ways):
    def stopped(after, **given):
        def stop(progress):
            if progress.step == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(rows, on_step=stop, checkpoint_s=0.0, train=2, **STILL, **given)

    alone = fit(rows, out="one", train=2, **STILL)
    stopped(3)
    for at, given in enumerate(ways):
        trap(0, 8 + 3 * at, hold)
        stopped(8 + 3 * at, resume=True, **given)
    found = fit(rows, resume=True, train=2, **STILL)
    assert difference(alone, found) < 1e-5
    first, second = ({line["step"]: line["loss"] for line in each.curves if "loss" in line} for each in (alone, found))
    assert len(first) >= 16
    assert second == pytest.approx(first, abs=1e-5), "the same rows in the same steps"


@pytest.mark.parametrize("given", [{"parallel": "tp=2"}, {"parallel": "pp=2"}, {"parallel": "dp=2", "shard": True}])
def test_memory_that_runs_out_in_a_shared_pass_starts_all_with_smaller_micro_batches(fit, rows, given):
    """Nobody is left waiting in the middle of a pass, and no update is another one."""
    alone = fit(rows, out="one", train=2, **{**STILL, "batch": 16})
    together = fit(rows, out="two", train=2, **{**STILL, "batch": 16, "model": "toys/hungry"}, **given)
    assert difference(alone, together) < 1e-5


def test_a_row_whose_loss_is_not_finite_is_left_out_by_all_stages(fit, rows):
    poisoned = [*rows, {"text": "poison", "label": "bird"}]
    found = fit(poisoned, model="toys/poison", train=2, validation=0, parallel="pp=2")
    assert [each.id for each in found.rows.left_out] == [str(len(rows))]
    assert all(tensor.isfinite().all() for tensor in load_file(found.folder / "model.safetensors").values())


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"parallel": "tp=3"}, "tp=2 is the largest below that does"),
        ({"parallel": "tp=2", "train": "lora"}, "dp=2: a whole copy on each device"),
        ({"parallel": "tp=2", "model": "toys/unplanned"}, "use dp, a whole copy on each device"),
        ({"parallel": "pp=3", "train": "all"}, "pp=2 at most"),
        ({"parallel": "pp=2", "model": "toys/unplanned", "train": "all"}, "use dp, a whole copy on each device"),
        ({"parallel": "pp=2"}, "dp=2: a whole copy on each device, and what is frozen is computed once"),
        ({"parallel": "pp=2", "train": 1}, "train='all'; or dp=2"),
        ({"shard": True}, "dp=2"),
        ({"shard": True, "parallel": "pp=2"}, "dp=2"),
        ({"shard": True, "parallel": "dp=2", "train": "lora"}, "dp=2: a whole copy on each device"),
        ({"executor": "rai"}, "ray"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_the_nearest_that_works(fit, rows, settings, named):
    with pytest.raises(UsageProblem) as caught:
        fit(rows, **settings)
    assert named in str(caught.value)
