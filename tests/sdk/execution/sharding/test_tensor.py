"""Layers cut over ranks that are threads: the same numbers, two sums where there were two blocks, clear refusals."""

import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn
from transformers.pytorch_utils import Conv1D

from duomo.errors import UsageProblem, WorkerContractError
from duomo.execution.sharding import tensor
from duomo.parallel import TensorPlan, from_first_rank, matches
from duomo.testing import ThreadGroup

TOLERANCE = 2e-6
STYLES = {"blocks.*.up": "colwise", "blocks.*.{down,back}": "rowwise"}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(8, 24)
        self.down = nn.Linear(24, 8)

    def forward(self, x):
        return x + self.down(self.up(x).relu())


class Attention(nn.Module):
    """Query, key and value in one layer, as GPT-2 has them, with the number of heads to be divided."""

    def __init__(self, layer):
        super().__init__()
        self.num_heads = 4
        self.qkv, self.out = layer(8, 24), layer(8, 8)

    def forward(self, x):
        query, key, value = (
            each.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for each in self.qkv(x).chunk(3, -1)
        )
        return self.out(nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.both, self.down = nn.Linear(8, 32, bias=False), nn.Linear(16, 8, bias=False)

    def forward(self, x):
        gate, up = self.both(x).chunk(2, -1)
        return self.down(gate.sigmoid() * up)


def blocks():
    torch.manual_seed(0)
    network = nn.Module()
    network.blocks = nn.ModuleList(Block() for _ in range(3))
    network.forward = lambda x: network.blocks[2](network.blocks[1](network.blocks[0](x)))  # type: ignore[index, operator]
    return network


def conv(inputs, outputs):
    return Conv1D(outputs, inputs)


def over(build, plan, tp):
    """The group and the output at every rank of a network that is cut over `tp`; `build` makes the same one anew."""
    group = ThreadGroup(tp=tp)
    pieces = []
    for ranks in group.ranks:
        torch.manual_seed(0)
        pieces.append(build().eval())
        tensor.cut(pieces[-1], plan, ranks, "toy")
    torch.manual_seed(1)
    x = torch.randn(2, 5, 8)
    torch.manual_seed(0)
    with torch.no_grad():
        whole = build().eval()(x)
    return group, pieces, whole, group.run(lambda network: network(x), pieces)


@pytest.mark.parametrize("tp", [2, 4])
@pytest.mark.parametrize(
    ("build", "plan", "sums"),
    [
        (blocks, TensorPlan({"blocks.*.up": "colwise", "blocks.*.down": "rowwise"}, {}), 3),
        (
            lambda: Attention(nn.Linear),
            TensorPlan({"qkv": "qkv_colwise", "out": "rowwise"}, {}, {"": ("num_heads",)}),
            1,
        ),
        (lambda: Attention(conv), TensorPlan({"qkv": "qkv_colwise", "out": "rowwise"}, {}, {"": ("num_heads",)}), 1),
        (Gated, TensorPlan({"both": "packed_colwise", "down": "rowwise"}, {}), 1),
    ],
    ids=["mlp", "attention", "attention of GPT-2's layers", "gated"],
)
def test_every_rank_gives_what_the_whole_gives_with_one_sum_a_block(build, plan, sums, tp):
    group, _, whole, outputs = over(build, plan, tp)
    for ranks, output in zip(group.ranks, outputs, strict=True):
        assert (output - whole).abs().max() < TOLERANCE
        assert ranks.counts == {"all_reduce": sums}


def test_each_rank_keeps_its_share_and_nothing_of_the_others():
    plan = TensorPlan({"blocks.*.up": "colwise", "blocks.*.down": "rowwise"}, {})
    _, pieces, _, _ = over(blocks, plan, 4)
    whole = blocks()
    for name in ("blocks.0.up.weight", "blocks.2.down.weight"):
        dim = 0 if ".up." in name else 1
        shares = [piece.get_parameter(name) for piece in pieces]
        assert torch.equal(torch.cat([*shares], dim), whole.get_parameter(name))
        assert all(len(share.untyped_storage()) == share.numel() * 4 for share in shares), "a view keeps the whole"


def test_styles_that_leave_whole_vectors_whole_are_followed_by_leaving_the_layer_alone():
    plan = TensorPlan({"blocks.*.up": "colwise_gather_output", "blocks.*.down": "rowwise_split_input"}, {})
    group, pieces, whole, outputs = over(blocks, plan, 2)
    weights = blocks().state_dict()
    for piece, output in zip(pieces, outputs, strict=True):
        kept = piece.state_dict()
        assert kept.keys() == weights.keys()
        assert all(torch.equal(kept[name], weights[name]) for name in weights)
        # Not to the last bit: how a product is divided among threads, and so rounded, hangs on the machine's load.
        assert (output - whole).abs().max() < TOLERANCE
    assert not group.ranks[0].counts


@given(st.lists(st.sampled_from(["layer", "h", "attn"]), max_size=3), st.integers(0, 99), st.sampled_from("qkv"))
def test_a_pattern_means_every_module_whose_name_ends_so(prefix, number, letter):
    name = ".".join([*prefix, "layer", str(number), "self", f"{letter}_proj"])
    assert matches("layer.*.self.{q,k,v}_proj", name)
    assert not matches("layer.*.self.{q,k}_proj", name.replace(f"{letter}_proj", "v_proj"))
    assert not matches("layer.*.self.{q,k,v}_proj", name + ".weight")
    assert not matches("layer.*.self.{q,k,v}_proj", "my" + name) or prefix


@given(st.integers(1, 64), st.integers(1, 64), st.integers(2, 16))
def test_a_tp_that_does_not_divide_is_refused_with_the_largest_that_does(heads, units, tp):
    plan = TensorPlan({}, {"attention heads": heads, "inner units": units})
    if heads % tp == units % tp == 0:
        assert tensor.check(plan, tp, "toy") is plan
        return
    with pytest.raises(UsageProblem) as caught:
        tensor.check(plan, tp, "toy")
    fits = [each for each in range(2, tp) if heads % each == units % each == 0]
    assert caught.value.fix == (
        f"tp={fits[-1]} is the largest below that does" if fits else "use dp or pp: no tp but 1 does"
    )


REFUSED = [
    (
        lambda: tensor.check(None, 2, "birds/tiny"),
        UsageProblem,
        ["'birds/tiny' has no tensor plan", "tp=2", "use dp", "write Model.tensor_plan"],
    ),
    (
        lambda: tensor.check(TensorPlan({}, {"attention heads": 12, "key-value heads": 4}), 8, "llama"),
        UsageProblem,
        ["'llama' cannot be cut for tp=8", "12 attention heads and 4 key-value heads", "tp=4 is the largest"],
    ),
    (
        lambda: tensor.check(TensorPlan({"experts": "moe_identity_expert"}, {}), 2, "longcat"),
        UsageProblem,
        ["its plan asks for moe_identity_expert", "use dp or pp"],
    ),
    (
        lambda: tensor.check(TensorPlan({"qkv": "colwise_gather_output"}, {}), 2, "phi3"),
        UsageProblem,
        ["'phi3' cannot be cut for tp=2", "leaves every layer whole", "use dp or pp"],
    ),
    (
        lambda: over(blocks, TensorPlan({"layers.*.up": "colwise"}, {}), 2),
        WorkerContractError,
        ["names 'layers.*.up', which its network does not have", "blocks.0", "end of a module's dotted name"],
    ),
    (
        lambda: over(blocks, TensorPlan({"blocks.*": "colwise"}, {}), 2),
        WorkerContractError,
        ["toy: blocks.0 is a Block, which cannot be cut", "stays whole on each device"],
    ),
    (
        lambda: over(blocks, TensorPlan({"blocks.*.up": "colwise"}, {}), 5),
        WorkerContractError,
        ["toy: blocks.0.up has 24 units, which tp=5 does not divide", "TensorPlan.divisible"],
    ),
]


@pytest.mark.parametrize(("work", "kind", "words"), REFUSED, ids=[words[0] for *_, words in REFUSED])
def test_what_cannot_be_cut_is_refused_with_what_can_be_done(work, kind, words):
    with pytest.raises(kind) as caught:
        work()
    for each in words:
        assert each in str(caught.value)


def test_ranks_agree_on_the_first_ones_decision_and_alone_on_their_own():
    group = ThreadGroup(pp=2, tp=2)
    drawn = [torch.tensor([at]) for at in (7, 1, 2, 3)]
    assert [each.tolist() for each in group.run(from_first_rank, drawn)] == [[7]] * 4
    assert from_first_rank(drawn[1]) is drawn[1]


def test_a_rank_that_raises_does_not_leave_the_others_waiting():
    group = ThreadGroup(tp=2)

    def work(at):
        if at:
            raise MemoryError("rank 1 has no room")
        return group.ranks[at].all_reduce(torch.ones(1))

    with pytest.raises(MemoryError, match="rank 1 has no room"):
        group.run(work, [0, 1])
