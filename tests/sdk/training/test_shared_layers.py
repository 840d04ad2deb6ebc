"""Layers that several processes share while they are trained: the weights, folder and checkpoints of one process."""

import pytest
from safetensors.torch import load_file

import duomo
from duomo.errors import UsageProblem

pytestmark = pytest.mark.multiproc
STILL = {"model": "toys/still", "epochs": 3, "batch": 6, "lr": 0.02}


def difference(first, second) -> float:
    one, two = (load_file(each.folder / "model.safetensors") for each in (first, second))
    assert {name: each.shape for name, each in one.items()} == {name: each.shape for name, each in two.items()}
    return max(float((one[name].double() - two[name].double()).abs().max()) for name in one)


@pytest.mark.parametrize(
    ("train", "parallel", "optimizer"),
    [
        ("all", "tp=2", "sgd"),  # a bias before a batch norm has no gradient but rounding, of which AdamW makes steps
        (2, "dp=2,tp=2", "adamw"),
        ("head", "tp=2", "adamw"),
    ],
)
def test_the_weights_are_those_of_one_process(fit, rows, catalog, train, parallel, optimizer):
    alone = fit(rows, out="one", train=train, optimizer=optimizer, **STILL)
    together = fit(rows, out="two", train=train, parallel=parallel, optimizer=optimizer, **STILL)
    assert difference(alone, together) < 1e-5
    assert together.metrics["accuracy"] == alone.metrics["accuracy"]
    for key in ("trained_parameters", "parameters", "trunk_computed_once"):
        assert together.record[key] == alone.record[key]
    runner = duomo.load("text-classification", f"dir:{together.folder}", catalog=catalog)
    assert runner("robin wren").top.name in {"bird", "fish"}


def test_a_training_of_one_process_goes_on_with_shared_layers_and_back(fit, rows):
    def stopped(after, **given):
        def stop(progress):
            if progress.step == after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(rows, on_step=stop, checkpoint_s=0.0, train=2, **STILL, **given)

    alone = fit(rows, out="one", train=2, **STILL)
    stopped(4)
    stopped(9, resume=True, parallel="tp=2")
    assert difference(alone, fit(rows, resume=True, train=2, **STILL)) < 1e-5


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"parallel": "tp=3"}, "tp=2 is the largest below that does"),
        ({"parallel": "tp=2", "train": "lora"}, "dp=2: a whole copy on each device"),
        ({"parallel": "tp=2", "model": "toys/unplanned"}, "use dp, a whole copy on each device"),
        ({"parallel": "tp=2,pp=2"}, "tp=4: as many devices"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_the_nearest_that_works(fit, rows, settings, named):
    with pytest.raises(UsageProblem) as caught:
        fit(rows, **settings)
    assert named in str(caught.value)
