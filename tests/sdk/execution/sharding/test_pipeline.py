"""Stages, microbatches and buckets as pure functions, and a pipeline of toy layers in threads."""

import itertools
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn
from transformers.utils import ModelOutput  # type: ignore[attr-defined]

from duomo.errors import UsageProblem, WorkerContractError
from duomo.execution.sharding import pipeline
from duomo.execution.sharding.ranks import Ranks
from duomo.parallel import PipelinePlan, bucket, schedule, stages_of
from duomo.testing import ThreadGroup

LENGTHS = st.lists(st.integers(1, 512), min_size=1, max_size=60)


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=8), st.integers(1, 8), st.integers(0, 3000), st.integers(0, 900)
)
def test_stages_are_in_order_never_empty_and_the_largest_is_as_small_as_can_be(sizes, stages, first, last):
    stages = min(stages, len(sizes))
    found = pipeline.balance(sizes, stages, first, last)
    assert [at for stage in found for at in stage] == list(range(len(sizes)))
    assert all(len(stage) for stage in found)

    def largest(bounds):
        ends = [0, *bounds, len(sizes)]
        loads = [sum(sizes[a:b]) for a, b in itertools.pairwise(ends)]
        loads[0] += first
        loads[-1] += last
        return max(loads)

    best = min(largest(bounds) for bounds in itertools.combinations(range(1, len(sizes)), stages - 1))
    assert largest([stage.stop for stage in found[:-1]]) == best


def test_stages_are_balanced_by_bytes_and_not_by_number():
    assert pipeline.balance([1, 1, 1, 1, 4], 2) == [range(4), range(4, 5)]
    assert pipeline.balance([1, 1, 1, 1], 2, first=2) == [range(1), range(1, 4)]
    assert pipeline.balance([1, 1, 1, 1], 2, last=2) == [range(3), range(3, 4)]


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_bucket_is_no_shorter_than_its_row_hardly_longer_and_within_the_model(length, limit):
    padded = bucket(length, limit)
    assert length <= padded <= max(limit, length)
    assert padded < 1.25 * length + 16
    assert bucket(padded, limit) == padded


def test_there_are_few_buckets():
    assert len({bucket(length, 512) for length in range(1, 513)}) == 16
    assert sorted({bucket(length, 512) for length in range(1, 129)}) == [16, 32, 48, 64, 80, 96, 112, 128]


@given(LENGTHS, st.integers(1, 8))
def test_a_schedule_has_each_row_once_in_few_shapes_and_enough_microbatches(lengths, stages):
    found = schedule(lengths, stages, 512)
    assert Counter(row for each in found for row in each.rows) == Counter(range(len(lengths)))
    assert [each.length for each in found] == sorted(each.length for each in found)
    budget = -(-sum(bucket(length, 512) for length in lengths) // (4 * stages))
    for each in found:
        assert {bucket(lengths[row], 512) for row in each.rows} == {each.length}
        assert len(each.rows) == 1 or each.length * len(each.rows) <= budget
    assert schedule(lengths, stages, 512) == found
    assert schedule([], stages, 512) == []


def test_many_alike_rows_become_four_microbatches_a_stage():
    assert [len(each.rows) for each in schedule([30] * 64, 2, 512)] == [8] * 8


class Layer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up, self.down = nn.Linear(8, width), nn.Linear(width, 8)

    def forward(self, hidden):
        return hidden + self.down(self.up(hidden).relu())


class Toy(nn.Module):
    """Embedding, layers of growing size, norm and head, in the manner of transformers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.config = SimpleNamespace(num_hidden_layers=5, layer_types=list("abcde"))
        self.embed = nn.Embedding(30, 8, padding_idx=0)
        self.layers = nn.ModuleList(Layer(8 * at) for at in range(1, 6))
        for at, layer in enumerate(self.layers):
            layer.layer_idx = at  # type: ignore[assignment]
        self.head = nn.Linear(8, 3)

    def forward(self, ids=None, use_cache=False):
        hidden = self.embed(ids)
        for layer in self.layers:
            hidden = layer(hidden)
        return ModelOutput(last=hidden, logits=self.head(hidden))


PLAN = PipelinePlan("layers", 5, ("embed",), ("head",))


def staged(pp):
    group = ThreadGroup(pp=pp)
    pieces = [Toy().eval() for _ in group.ranks]
    for piece, ranks in zip(pieces, group.ranks, strict=True):
        pipeline.cut(piece, PLAN, ranks, "toy")
    return group, pieces


IDS = torch.arange(60).view(20, 3) % 30


@pytest.mark.parametrize("pp", [2, 3, 5])
def test_every_stage_has_the_whole_networks_output(pp):
    group, pieces = staged(pp)
    with torch.no_grad():
        whole = Toy().eval()(ids=IDS)
    for output in group.run(lambda network: network(ids=IDS), pieces):
        assert output.keys() == whole.keys()
        for name in whole:
            assert (output[name] - whole[name]).abs().max() < 1e-6


def test_a_stage_holds_its_layers_and_only_the_ends_hold_embedding_and_head():
    _, pieces = staged(3)
    assert [list(piece.config.layer_types) for piece in pieces] == [["a", "b"], ["c", "d"], ["e"]]
    assert [piece.config.num_hidden_layers for piece in pieces] == [2, 2, 1]
    assert [[layer.layer_idx for layer in piece.layers] for piece in pieces] == [[0, 1], [0, 1], [0]]
    held = [{name.split(".")[0] for name, _ in piece.named_parameters()} for piece in pieces]
    assert held == [{"embed", "layers"}, {"layers"}, {"layers", "head"}]
    assert [stages_of(piece) for piece in pieces] == [3, 3, 3]
    assert stages_of(Toy()) == 1


def test_a_network_that_works_between_its_layers_is_refused_rather_than_wrong():
    class Outside(Toy):
        def forward(self, ids=None):  # type: ignore[override]
            hidden = self.embed(ids)
            for layer in self.layers:
                hidden = hidden + layer(hidden)
            return ModelOutput(last=hidden)

    group = ThreadGroup(pp=2)
    pieces = [Outside().eval() for _ in group.ranks]
    for piece, ranks in zip(pieces, group.ranks, strict=True):
        pipeline.cut(piece, PLAN, ranks, "toy")
    with pytest.raises(WorkerContractError, match="changes the hidden states between one layer and the next"):
        group.run(lambda network: network(ids=IDS), pieces)


class Log(Ranks):
    """A stage with nobody on the other side: it writes down what it would say, and is told nothing but zeros."""

    def __init__(self, stage):
        self.pp, self.tp, self.stage, self.place, self.said = 2, 1, stage, 0, []

    def all_reduce(self, tensor):
        raise AssertionError

    def send(self, tensor):
        self.said.append("send")
        return lambda: self.said.append("sent")

    def recv(self, tensor):
        self.said.append("recv")
        return tensor.zero_()

    def share(self, tensor):
        self.said.append("share")
        return tensor

    def from_first_rank(self, tensor):
        return tensor

    def close(self):
        pass


def test_microbatches_follow_each_other_without_waiting_for_the_last_stage():
    logs = [Log(0), Log(1)]
    for ranks in logs:
        network = Toy().eval()
        pipeline.cut(network, PLAN, ranks, "toy")
        with torch.no_grad():
            network(ids=IDS)
    assert logs[0].said == ["send"] * 8 + ["sent"] * 8 + ["share"] * 16
    assert logs[1].said == ["recv"] * 8 + ["share"] * 16


def test_a_batch_is_cut_into_four_microbatches_a_stage_unless_it_is_small_or_keeps_a_cache():
    group, pieces = staged(2)
    for rows, kept, count in ((20, False, 8), (3, False, 3), (20, True, 1)):
        before = group.ranks[0].counts["send"]
        group.run(lambda network, r=rows, k=kept: network(ids=IDS[:r], use_cache=k), pieces)
        assert group.ranks[0].counts["send"] - before == count


def test_microbatches_of_unlike_lengths_go_through_one_after_another():
    group, pieces = staged(3)
    batches = [{"ids": IDS[:2]}, {"ids": IDS[:5, :2]}, {"ids": IDS[:1, :1]}]
    with torch.no_grad():
        whole = [Toy().eval()(**each) for each in batches]
    for outputs in group.run(lambda network: network.run_stages(batches), pieces):
        for output, expected in zip(outputs, whole, strict=True):
            assert (output.logits - expected.logits).abs().max() < 1e-6


REFUSED = [
    (
        lambda: pipeline.check(None, 2, "birds/tiny"),
        UsageProblem,
        ["'birds/tiny' has no pipeline split", "use dp", "write Model.pipeline_split"],
    ),
    (
        lambda: pipeline.check(PLAN, 6, "toy"),
        UsageProblem,
        ["'toy' cannot be cut for pp=6", "it has 5 layers, and a stage has at least one", "pp=5 at most"],
    ),
    (
        lambda: pipeline.cut(Toy(), PipelinePlan("encoder.layer", 5), ThreadGroup(pp=2).ranks[0], "toy"),
        WorkerContractError,
        ["names 'encoder.layer', which is 0 stacks of layers", "exactly one ModuleList"],
    ),
]


@pytest.mark.parametrize(("work", "kind", "words"), REFUSED, ids=[words[0] for *_, words in REFUSED])
def test_what_cannot_be_cut_is_refused_with_what_can_be_done(work, kind, words):
    with pytest.raises(kind) as caught:
        work()
    for each in words:
        assert each in str(caught.value)
