"""Copies that share each batch: the weights of one process, rows counted once, and a death that leaves no trace."""

import functools
import json
import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file
from toys import Network, harm

import duomo
from duomo.errors import BadInput, UsageProblem
from duomo.parallel import ParallelDims
from duomo.training.distributed import launch, members
from duomo.training.distributed.pulse import STOPPED_TICKS, TICK_S
from duomo.training.loop import Loop
from duomo.training.order import mix
from duomo.training.placing import placement
from duomo.training.request import Request
from duomo.training.starts import find_start

pytestmark = pytest.mark.multiproc
STILL = {"model": "toys/still", "train": 2, "epochs": 3, "batch": 6, "lr": 0.02}


def difference(first, second) -> float:
    one, two = (load_file(each.folder / "model.safetensors") for each in (first, second))
    return max(float((one[name].double() - two[name].double()).abs().max()) for name in one)


def test_two_copies_end_with_the_weights_of_one(fit, rows):
    alone, together = fit(rows, out="one", **STILL), fit(rows, out="two", parallel="dp=2", **STILL)
    assert difference(alone, together) < 1e-5
    assert together.metrics["accuracy"] == alone.metrics["accuracy"]
    assert together.rows.validated == alone.rows.validated
    assert together.metrics["loss"].num_rows == alone.rows.validated, "each row counts once"
    hardest = [id for id, _ in alone.rows.highest_losses]
    assert {id for id, _ in together.rows.highest_losses} == set(hardest)


def test_three_copies_count_each_of_101_held_out_rows_once(fit, rows):
    held = [{"text": f"{row['text']} {at}", "label": row["label"]} for at, row in enumerate([*rows, *rows, *rows])][
        :101
    ]
    given = {**STILL, "epochs": 1, "validation": held}
    shared = {**given, "validation": iter(held)}
    alone, together = fit(rows, out="one", **given), fit(rows, out="three", parallel="dp=3", **shared)
    assert alone.rows.validated == together.rows.validated == 101
    for name, score in alone.metrics.items():
        assert together.metrics[name].num_rows == score.num_rows
        assert together.metrics[name].value == pytest.approx(score.value, abs=1e-6)
    one, three = (json.loads((each.folder / "confusion.json").read_text()) for each in (alone, together))
    assert one == three


def test_with_dropout_and_a_batch_norm_two_runs_are_equal_bit_for_bit(fit, rows):
    first, second = (
        fit(rows, out=out, model="toys/varied", train="all", parallel="dp=2", batch=16, micro=4) for out in "ab"
    )
    assert difference(first, second) == 0


@pytest.mark.parametrize(
    ("rank", "sent", "named", "parallel"),
    [
        (0, "SIGKILL", "SIGKILL", "dp=2"),
        (1, "SIGKILL", "SIGKILL", "tp=2"),
        (1, "SIGSTOP", "its process is stopped", "dp=2"),
        (0, "SIGSTOP", "its process is stopped", "tp=2"),
        (1, "SIGKILL", "SIGKILL", "pp=2"),
        (1, "", "the others wait for it for", "dp=2"),
    ],
)
def test_a_rank_that_dies_stops_or_hangs_is_named_and_the_weights_are_those_of_an_undisturbed_run(
    rows, catalog, tmp_path, monkeypatch, trap, rank, sent, named, parallel
):
    recipe = duomo.Recipe(epochs=6, batch=16, micro=4, lr=0.02, checkpoint_s=0.0, hang_s=5.0)
    start = find_start("text-classification", "toys/varied", catalog)
    spec = catalog.task("text-classification")
    children = []
    original = members.Child  # type: ignore[attr-defined]

    def spy(*args, **kwargs):
        children.append(original(*args, **kwargs))
        return children[-1]

    monkeypatch.setattr(members, "Child", spy)
    losses = []

    def train(out: str):
        request = Request(
            task="text-classification", data=rows, out=tmp_path / out, model="toys/varied", train="all", recipe=recipe
        )
        return launch.train_on(
            ["cpu", "cpu"],
            request,
            start,
            spec,
            None,
            losses.append,
            ParallelDims.parse(parallel),
        )

    whole = train("whole")
    epochs = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines() if "scores" in line]
    best = max(epochs, key=lambda each: (each["scores"]["accuracy"], -each["scores"]["loss"]))
    kept = "what is kept, statistics of batch norms too, is what was scored"
    assert best["scores"]["loss"] == pytest.approx(whole.metrics["loss"][0], rel=1e-6), kept
    trap(rank, 7, functools.partial(harm, tmp_path / "harmed", getattr(signal, sent, None)))
    with pytest.warns(UserWarning, match=f"rank {rank} on cpu was lost after step 7"):
        cut = train("cut")
    [lost] = losses
    assert lost.rank == rank
    assert named in lost.reason
    assert STOPPED_TICKS * TICK_S < 2, "seconds until one that is stopped is noticed"
    assert difference(whole, cut) == 0
    assert not any(child.is_alive for child in children)


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_no_process(rows, tmp_path):
    """Not even one that computes: the kernel ends the ranks."""
    settings = {"epochs": 500, "batch": 8, "checkpoint_s": 0.0}
    given = {"model": "toys/varied", "train": "all", "parallel": "dp=2"}
    words = f"from toys import train; train({rows!r}, {str(tmp_path / 'out')!r}, {settings!r}, {given!r})"
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    driver = psutil.Popen([sys.executable, "-c", words], env=here)
    while not list((tmp_path / "out").glob("checkpoints/step-*")):
        assert driver.poll() is None
        time.sleep(0.05)  # between two looks at what another process does
    below = driver.children(recursive=True)
    assert len(below) >= 2
    driver.kill()
    driver.wait()
    assert psutil.wait_procs(below, timeout=30)[1] == []


def test_a_row_whose_loss_is_not_finite_on_one_copy_is_left_out_on_all(fit, rows):
    poisoned = [*rows, {"text": "poison", "label": "bird"}]
    found = fit(poisoned, model="toys/poison", train=2, validation=0, parallel="dp=2")
    assert [each.id for each in found.rows.left_out] == [str(len(rows))]
    assert all(tensor.isfinite().all() for tensor in load_file(found.folder / "model.safetensors").values())


def test_memory_that_runs_out_on_one_copy_halves_the_micro_batches_of_all(fit, rows):
    alone = fit(rows, out="one", **STILL)
    together = fit(rows, out="two", **{**STILL, "model": "toys/hungry"}, parallel="dp=2")
    assert difference(alone, together) < 1e-5


def test_what_a_rank_raises_is_raised(fit, rows):
    with pytest.raises(BadInput, match="every row has the label"):
        fit([row for row in rows if row["label"] == "bird"], parallel="dp=2")


@pytest.mark.parametrize(
    ("devices", "parallel", "named"),
    [
        ("cpu,cpu,cpu", "dp=2", "name 2 devices, or dp=3"),
        ("cpu,cpu,cpu", "dp=2,tp=2", "name 4 devices"),
        (None, "ddp=2", "ddp"),
    ],
)
def test_ways_to_be_parallel_that_there_are_not(devices, parallel, named):
    with pytest.raises(UsageProblem) as caught:
        placement(devices, parallel, "auto")
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("gpus", "device", "names"),
    [
        (2, "auto", ["cuda:0", "cuda:1"]),
        (3, "cuda", ["cuda:0", "cuda:1"]),
        (1, "auto", ["cpu", "cpu"]),
        (0, "auto", ["cpu", "cpu"]),
        (0, "cpu, cpu", ["cpu", "cpu"]),
        (0, "cuda", ["cuda", "cuda"]),  # which the first process refuses
    ],
)
def test_each_process_has_a_device_of_its_own(monkeypatch, gpus, device, names):
    monkeypatch.setattr("duomo.training.placing.accelerators", lambda: tuple(f"cuda:{at}" for at in range(gpus)))
    assert placement(None, "dp=2", device)[0] == names


@pytest.mark.parametrize("micro", [8, 1])
def test_gradients_do_not_depend_on_how_the_batch_is_cut(fit, rows, monkeypatch, micro):
    """Sums and counts: 1 × 24 rows and others, with class weights."""
    kept = []
    update = Loop._update  # each step of a rank, which shows nowhere else

    def spy(self, number, lr, count):
        kept.append(torch.cat([each.grad.flatten().double() / count for each in self.parameters.values()]))
        return update(self, number, lr, count)

    monkeypatch.setattr(Loop, "_update", spy)  # the same
    settings = {**STILL, "batch": 24, "max_steps": 1, "class_weight": {"bird": 3.0, "fish": 0.5}}
    fit(rows, out="whole", micro=24, **settings)
    fit(rows, out="cut", micro=micro, **settings)
    assert float((kept[1] - kept[0]).norm() / kept[0].norm()) < 1e-6


def test_the_gradient_of_two_copies_is_that_of_one(fit, rows):
    """A step of plain descent moves weights by it."""
    given = {**STILL, "batch": 24, "max_steps": 1, "optimizer": "sgd", "lr": 8.0, "clip": None, "decay": 0.0}
    given |= {"class_weight": {"bird": 3.0, "fish": 0.5}}
    one, two = (
        load_file(fit(rows, out=out, parallel=how, **given).folder / "model.safetensors")
        for out, how in (("one", None), ("two", "dp=2"))
    )
    torch.manual_seed(mix(0, "init"))
    start = {name: each for name, each in Network(2).state_dict().items() if not torch.equal(one[name], each)}
    alone, apart = (
        torch.cat([(each[name].double() - other[name].double()).flatten() for name in start])
        for each, other in ((one, start), (one, two))
    )
    assert float(apart.norm() / alone.norm()) < 1e-6
