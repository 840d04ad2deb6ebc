"""Groups of real processes that speak gloo: the same numbers, torch's own count of collectives, and one rank's end."""

import os
import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import duomo
from duomo.execution.base import Job
from duomo.execution.plan import ExecutionPlan
from duomo.execution.sharding.group import new_rendezvous
from duomo.inputs import Text
from duomo.parallel import ParallelDims, matches
from duomo.tasks.nlp import TextClassificationOptions
from duomo_nlp.classification import TextClassification
from duomo_nlp.encoders import heads
from duomo_nlp.encoders.rows import pack

pytestmark = pytest.mark.multiproc
TOLERANCE = 5e-6
IDS = torch.randint(4, 20, (3, 9), generator=torch.Generator().manual_seed(0))
PROGRAM = Path(__file__).with_name("processes.py")
TENSOR = ("bert", "gpt2", "llama", "vit", "clip")
PIPELINE = ("bert", "gpt2", "llama", "vit")


@pytest.fixture(scope="module")
def run():
    """What `processes.py` gives for groups of so many processes and their runs; it is started once."""
    with subprocess.Popen(
        [sys.executable, PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:

        def answer(folder, asked):
            (folder / "asked.pickle").write_bytes(pickle.dumps(asked))
            print(folder, file=program.stdin, flush=True)
            assert program.stdout.readline() == "done\n"
            return pickle.loads((folder / "said.pickle").read_bytes())

        yield answer
        program.stdin.close()


def as_transformers_take_it(styles, names):
    """The styles of a `TensorPlan` by the names of a network's modules, ``*`` for the number of a layer."""
    found = ((name, style) for pattern, style in styles.items() for name in names if matches(pattern, name))
    return {re.sub(r"(^|\.)\d+(?=\.|$)", r"\1*", name): style for name, style in found}


@pytest.fixture(scope="module")
def two(tmp_path_factory, run, folders, whole, job_of):
    """Two processes run every family, with tp=2 and with pp=2, and BERT as transformers cuts it."""
    names: list[tuple[str, object]] = [(name, {"tp": 2}) for name in TENSOR] + [(name, {"pp": 2}) for name in PIPELINE]  # type: ignore[assignment]
    runs = [
        {"job": job_of(name, **dims), "items": [whole(name).items], "options": whole(name).options}  # type: ignore[arg-type]
        for name, dims in names
    ]
    names.append(("bert", ("by transformers",)))
    network = whole("bert").runner.executor.worker.model.network
    plan = as_transformers_take_it(TextClassification.tensor_plan(network.config).styles, dict(network.named_modules()))
    runs.append({"tp_plan": plan, "folder": folders("bert"), "ids": IDS, "items": [[]]})
    [said] = run(tmp_path_factory.mktemp("two"), [(2, runs)])
    assert said["trouble"] is None, said["trouble"][-1]
    return {(name, *dims): ranks for (name, dims), *ranks in zip(names, *said["answers"], strict=True)}


def test_two_processes_give_what_one_gives(two, whole, differ):
    for (name, axis), ranks in two.items():
        for rank in ranks if axis in ("tp", "pp") else ():
            assert differ(name, whole(name).results, rank["results"]) < TOLERANCE, name


def test_torch_counts_the_collectives_of_theory_and_no_other(two):
    for (name, axis), ranks in two.items():
        for rank in ranks if axis in ("tp", "pp") else ():
            ours, torchs = rank["counts"], rank["torch"]
            # Decisions and shared outputs are both broadcasts; weights are never gathered.
            assert torchs.get("c10d.allreduce_", 0) == ours.get("all_reduce", 0), (name, axis)
            assert torchs.get("c10d.broadcast_", 0) == ours.get("from_first_rank", 0) + ours.get("share", 0), (
                name,
                axis,
            )
            assert set(torchs) <= {"c10d.allreduce_", "c10d.broadcast_", "c10d.send", "c10d.recv_"}, (name, axis)
    for name in ("bert", "vit"):
        assert two[name, "tp"][0]["torch"]["c10d.allreduce_"] == 2 * 4
        assert two[name, "pp"][0]["counts"]["send"] == two[name, "pp"][1]["counts"]["recv"] == 8


def test_transformers_follows_our_plan_to_the_same_numbers_and_sums(two, whole):
    network = whole("bert").runner.executor.worker.model.network
    with torch.no_grad():
        expected = torch.cat([heads.sequence_logits(network, rows) for rows in pack(IDS.tolist())])
    for rank in two["bert", "by transformers"]:
        assert (rank["logits"] - expected).abs().max() < TOLERANCE * expected.abs().max()
        assert rank["torch"] == {"c10d.allreduce_": 2 * 4}


def test_four_processes_are_two_groups_of_two_or_one_of_two_by_two(tmp_path, run, whole, job_of, differ):
    one = whole("bert")
    uneven = [one.items[:7], one.items[7:]]  # groups need not have equally much to do
    runs = [
        {"job": job_of("bert", tp=2), "items": uneven, "options": one.options},
        {"job": job_of("bert", pp=2, tp=2), "items": [one.items], "options": one.options},
        {"job": job_of("llama", pp=2, tp=2), "items": [whole("llama").items], "options": whole("llama").options},
    ]
    [said] = run(tmp_path, [(4, runs)])
    assert said["trouble"] is None, said["trouble"][-1]
    copies, grid, written = zip(*said["answers"], strict=True)
    for rank, answer in enumerate(copies):
        expected = one.results[:7] if rank < 2 else one.results[7:]
        assert differ("bert", expected, answer["results"]) < TOLERANCE
    assert all(differ("bert", one.results, answer["results"]) < TOLERANCE for answer in grid)
    assert all(answer["results"] == whole("llama").results for answer in written)


def toys(name, texts, **more):
    """A run of one of the program's own models."""
    spec = duomo.ModelSpec(f"toys/{name}", "text-classification", f"processes:{name}", "", "MIT", weights="none")
    job = Job(spec, spec.task, spec.name, None, "", "", "cpu", plan=ExecutionPlan(dims=ParallelDims(1, 1, 2)))
    items = [[Text.accept(text) for text in texts]]
    return {"job": job, "items": items, "options": TextClassificationOptions.parse({}), **more}


def test_trouble_of_one_rank_is_heard_at_once_and_a_new_group_goes_on(tmp_path, run):
    raised, died, well, shards = run(
        tmp_path,
        [
            (2, [toys("Simple", ["fine"]), toys("Simple", ["raise"], timeout_s=600)]),
            (2, [toys("Simple", ["fine"]), toys("Simple", ["die"], timeout_s=600)]),
            (2, [toys("Simple", ["fine", "too"])]),
            (2, [toys("OwnShards", ["fine", "too"], in_inference_mode=True)]),
        ],
    )
    # The other rank waits in its sum; it would for longer than `run` waits. The report came past it.
    kind, rank, error, said, _ = raised["trouble"]
    assert (kind, rank, error, said) == ("raised", 1, "MemoryError", "rank 1 has no room")
    # Of a rank that is gone the other hears by itself.
    assert died["trouble"][:2] == ("lost", 1)
    assert died["survivor"][:2] == ("raised", "PeerLost")
    assert well["trouble"] is None
    assert well["answers"][0][0]["results"] == well["answers"][1][0]["results"]

    # A plugin that cuts itself with DTensor is safe: one sum; in inference mode its weights would be gathered.
    [[answer], _] = shards["answers"]
    assert well["answers"][0][0]["results"][0].top.name == answer["results"][0].top.name
    assert {op: n for op, n in answer["torch"].items() if "all" in op} == {"c10d_functional.all_reduce": 1}
    assert sum(n for op, n in answer["in inference mode"].items() if "all_gather" in op) >= 2


@pytest.mark.parametrize(
    ("name", "devices", "parallel"),
    [("llama", "cpu,cpu", "pp=2"), ("bert", "cpu,cpu,cpu,cpu", "dp=2,tp=2")],
)
def test_executor_local_spreads_a_model_over_devices(name, devices, parallel, folders, whole, families, differ):
    family, folder = families[name], folders(name)
    with duomo.load(family.task, f"dir:{folder}", executor="local", devices=devices, parallel=parallel) as runner:
        found = [outcome.unwrap() for outcome in runner.map(family.items, **family.options)]
        assert differ(name, whole(name).results, found) < TOLERANCE
        assert differ(name, whole(name).results[:1], [runner(family.items[0], **family.options)]) < TOLERANCE


def test_a_group_that_loses_a_rank_is_started_anew_and_every_row_comes_out(folders, whole, families, differ):
    family = families["bert"]
    with duomo.load(
        family.task, f"dir:{folders('bert')}", executor="local", devices="cpu,cpu", parallel="tp=2"
    ) as runner:
        outcomes = runner.map(family.items * 3, batch_size=4, **family.options)
        found = [next(outcomes).unwrap()]
        os.kill(runner.executor.pids[1], signal.SIGKILL)
        found += [outcome.unwrap() for outcome in outcomes]
        assert differ("bert", whole("bert").results * 3, found) < TOLERANCE
        assert runner.executor.stats().restarts == 1


def test_a_meeting_place_left_by_a_process_that_was_killed_is_removed_by_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, fresh, alive = (tmp_path / f"duomo-group-{name}" for name in (f"{ended.pid}-a", f"{ended.pid}-b", "1-c"))
    for place in (left, fresh, alive):
        place.mkdir()
    for old in (left, alive):
        os.utime(old, (0, 0))
    place = Path(new_rendezvous().removeprefix("file://")).parent
    assert place.name.startswith(f"duomo-group-{os.getpid()}-")
    assert {each.name for each in tmp_path.iterdir()} == {fresh.name, alive.name, place.name}
