"""Linear layers in oneDNN's order: the same numbers, whoever reads the weight finds it, and nothing else is touched."""

import copy
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from transformers import (
    Dinov2Config,
    Dinov2Model,
    ModernBertConfig,
    ModernBertModel,
    ViTConfig,
    ViTModel,
    Wav2Vec2Config,
    Wav2Vec2Model,
)
from transformers.activations import GELUActivation

from duomo.execution.speed.linears import PackedLinear, bend_in_place, gelu_in_place, pack

TOLERANCE = 1e-5
WIDTH = 384
pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch was built without oneDNN")


class Net(nn.Module):
    """One of each kind."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(WIDTH, 2 * WIDTH)
        self.again = self.first
        self.last = nn.Sequential(nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH, bias=False))
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.small = nn.Linear(4, 4)
        self.watched = nn.Linear(WIDTH, WIDTH)
        self.watched.register_forward_hook(lambda *_: None)
        self.bent = nn.Linear(WIDTH, WIDTH)
        self.bent.forward = lambda x: x  # type: ignore[assignment, method-assign]
        self.coarse = nn.Linear(WIDTH, WIDTH, dtype=torch.bfloat16)

    def forward(self, x):
        return self.last(self.first(x) + self.again(self.attention(x, x, x)[0]))


def test_a_network_gives_the_same_with_every_plain_layer_replaced_once():
    torch.manual_seed(0)
    network, x = Net().eval(), torch.randn(2, 5, WIDTH)
    with torch.inference_mode():
        expected = network(x)
        pack([network])
        assert (network(x) - expected).abs().max() < TOLERANCE
    assert type(network.first) is type(network.last[1]) is PackedLinear
    assert network.first is network.again
    kept = (network.small, network.watched, network.bent, network.coarse)
    assert all(type(each) is nn.Linear for each in kept)
    assert not isinstance(network.attention.out_proj, PackedLinear)  # its owner reads weight and bias


def test_who_reads_the_weight_finds_it_as_it_was():
    layer = nn.Linear(5, 3)
    packed = PackedLinear(layer)
    assert isinstance(packed, nn.Linear)
    assert torch.equal(packed.weight, layer.weight)
    assert (packed.weight.dtype, packed.weight.device) == (layer.weight.dtype, layer.weight.device)
    x = torch.randn(2, 5)
    expected = nn.functional.linear(x, layer.weight, layer.bias)
    assert torch.allclose(nn.functional.linear(x, packed.weight, packed.bias), expected, atol=TOLERANCE)


@pytest.mark.parametrize("bias", [True, False])
def test_a_copy_by_hand_or_by_pickle_gives_the_same(bias):
    layer, x = PackedLinear(nn.Linear(5, 3, bias=bias)), torch.randn(2, 5)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(twin) is PackedLinear
        assert torch.equal(twin(x), layer(x))


def test_under_autocast_it_is_as_coarse_as_the_layer_it_replaces():
    layer, x = nn.Linear(5, 3), torch.randn(2, 5)
    packed = PackedLinear(layer)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert packed(x).dtype == torch.bfloat16
        assert torch.equal(packed(x), layer(x))


def test_a_weight_of_a_kind_of_its_own_is_left_alone():
    class Special(nn.Parameter):
        pass

    network = nn.Sequential(nn.Linear(WIDTH, WIDTH))
    network[0].weight = Special(network[0].weight.detach())  # type: ignore[operator]
    pack([network])
    assert type(network[0]) is nn.Linear


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
    st.integers(1, 70),
    st.integers(1, 70),
    st.booleans(),
    st.data(),
)
def test_a_layer_of_any_size_gives_the_same_for_rows_of_any_shape(shape, inputs, outputs, bias, data):
    torch.manual_seed(data.draw(st.integers(0, 99)))
    layer = nn.Linear(inputs, outputs, bias=bias)
    x = torch.randn(*shape, inputs)
    if data.draw(st.booleans()) and x.ndim > 2:
        x = x.transpose(0, 1)  # rows that do not lie one behind another
    with torch.inference_mode():
        packed, expected = PackedLinear(layer), layer(x)
        found = packed(x)
    assert found.shape == expected.shape
    assert torch.allclose(found, expected, atol=TOLERANCE)


SIZES: Any = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
CONVOLUTIONS: Any = {"conv_dim": [16] * 7, "num_conv_pos_embedding_groups": 2}


@pytest.mark.parametrize(
    ("build", "count", "shape"),
    [
        (lambda: ViTModel(ViTConfig(**SIZES, image_size=32, patch_size=8)), 2, (2, 3, 32, 32)),
        (lambda: Dinov2Model(Dinov2Config(**SIZES, image_size=28, patch_size=14)), 2, (2, 3, 28, 28)),
        # seven convolutions, their positions, and two layers
        (lambda: Wav2Vec2Model(Wav2Vec2Config(**SIZES, **CONVOLUTIONS)), 10, (2, 800)),
    ],
    ids=["vit", "dinov2", "wav2vec2"],
)
def test_gelu_in_its_place_gives_the_same(build, count, shape):
    torch.manual_seed(0)
    network, x = build().eval(), torch.randn(shape)
    with torch.inference_mode():
        expected = network(x).last_hidden_state
        bend_in_place(network)
        found = network(x).last_hidden_state
    assert torch.allclose(found, expected, atol=TOLERANCE)
    assert sum(getattr(each, "act", None) is gelu_in_place for each in network.modules()) == count


def test_a_network_with_gelu_in_its_place_has_the_gradients_it_had():
    torch.manual_seed(0)
    network = ModernBertModel(ModernBertConfig(**SIZES, vocab_size=32, pad_token_id=0)).eval()
    other = copy.deepcopy(network)
    bend_in_place(other)
    for each in (network, other):
        each(torch.arange(1, 9)[None]).last_hidden_state.square().sum().backward()
    pairs = [(a.grad, b.grad) for a, b in zip(network.parameters(), other.parameters(), strict=True)]
    assert all(one is not None and torch.allclose(one, two, atol=TOLERANCE) for one, two in pairs)


def test_an_activation_of_a_network_that_is_not_of_transformers_is_left_alone():
    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = GELUActivation()

    network = nn.Sequential(MLP())
    bend_in_place(network)
    assert network[0].act.act is nn.functional.gelu  # type: ignore[union-attr]
