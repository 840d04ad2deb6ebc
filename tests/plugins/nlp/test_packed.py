"""Packed encoders give what padded ones give, for every architecture that claims to pack and for those that cannot."""

import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    CamembertConfig,
    CamembertModel,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from duomo.execution.speed.graph import plain
from duomo_nlp.encoders import packed
from duomo_nlp.encoders.heads import first_states, hidden_states
from duomo_nlp.encoders.rows import by_length, by_row, by_token, pack

SMALL: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 140,
    "pad_token_id": 1,
}
NETWORKS = {
    "bert": lambda: BertModel(BertConfig(**SMALL)),
    "roberta": lambda: RobertaModel(RobertaConfig(**SMALL)),
    "xlm-roberta": lambda: XLMRobertaModel(XLMRobertaConfig(**SMALL)),
    "camembert": lambda: CamembertModel(CamembertConfig(**SMALL)),
    "electra": lambda: ElectraModel(ElectraConfig(**SMALL, embedding_size=16)),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(vocab_size=99, dim=32, n_layers=2, n_heads=4, hidden_dim=48, pad_token_id=1)
    ),
    "modernbert": lambda: ModernBertModel(
        ModernBertConfig(**{**SMALL, "num_hidden_layers": 4}, local_attention=16, global_attn_every_n_layers=2)  # type: ignore[call-arg]
    ),
    "mpnet": lambda: MPNetModel(MPNetConfig(**SMALL)),
}
LENGTHS = [5, 37, 1, 5, 120, 2, 37, 64]


def padded(network, rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [1] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    hidden = network(input_ids=ids, attention_mask=mask).last_hidden_state
    return [each[: len(row)] for each, row in zip(hidden, rows, strict=True)]


@pytest.mark.parametrize("name", NETWORKS)
def test_packed_equals_padded(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    rows = [torch.randint(3, 99, (length,)).tolist() for length in LENGTHS]
    ours = copy.deepcopy(network)
    assert packed.enable(ours) is (name != "mpnet")
    with torch.inference_mode():
        expected = padded(network, rows)
        [batch] = pack(rows)
        hidden = hidden_states(ours, batch)
        first = first_states(ours, batch)
    groups = by_length(hidden, batch.groups)
    means = by_row([group.mean(1) for group in groups], batch)
    tokens = torch.split(by_token(hidden, batch), LENGTHS)
    for row, (one, mean, every) in enumerate(zip(first, means, tokens, strict=True)):
        torch.testing.assert_close(every, expected[row], atol=1e-5, rtol=0)
        torch.testing.assert_close(one, expected[row][0], atol=1e-5, rtol=0)
        torch.testing.assert_close(mean, expected[row].mean(0), atol=1e-5, rtol=0)


def attention_of_all_lengths(q, k, v, cu_q, cu_k, max_q, max_k, *, scale=None, window_size=(-1, -1)):
    """What ``torch.nn.attention.varlen.varlen_attn`` computes, row by row: its kernel needs a GPU."""
    assert cu_q.dtype == cu_k.dtype == torch.int32
    assert (max_q, max_k) == (int(cu_q.diff().max()), int(cu_k.diff().max()))
    parts = []
    for at in range(len(cu_k) - 1):
        one, other = slice(cu_q[at], cu_q[at + 1]), slice(cu_k[at], cu_k[at + 1])
        places = torch.arange(other.stop - other.start)
        apart = places - places[:, None]
        left, right = (side if side >= 0 else len(places) for side in window_size)
        mask = ((apart >= -left) & (apart <= right))[: one.stop - one.start]
        rows = (each.transpose(0, 1) for each in (q[one], k[other], v[other]))
        parts.append(
            torch.nn.functional.scaled_dot_product_attention(*rows, attn_mask=mask, scale=scale).transpose(0, 1)  # type: ignore[misc]
        )
    return torch.cat(parts)


@pytest.mark.parametrize("name", ["bert", "modernbert", "distilbert"])
def test_one_call_for_rows_of_all_lengths_asks_for_the_same_attention(name, monkeypatch):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    packed.enable(network)
    calls = []

    def call(*args, **options):
        calls.append(args[3])
        return attention_of_all_lengths(*args, **options)

    rows = [torch.randint(3, 99, (length,)).tolist() for length in LENGTHS]
    with torch.inference_mode():
        [batch] = pack(rows)
        expected = hidden_states(network, batch), first_states(network, batch)
        monkeypatch.setattr(packed, "takes_all_lengths", lambda _: True)
        monkeypatch.setattr(packed.varlen, "varlen_attn", call)  # type: ignore[attr-defined]
        found = hidden_states(network, batch), first_states(network, batch)
    assert len(calls) == 2 * network.config.num_hidden_layers
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_on_this_cpu_rows_go_by_groups():
    assert not packed.takes_all_lengths(torch.zeros(1, 2, 3, 8, dtype=torch.float16))


@pytest.mark.parametrize("name", sorted(packed.PACKABLE))
def test_the_plain_form_for_other_runtimes_is_the_network_as_it_was(name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    ids = torch.randint(3, 99, (2, 9))
    with torch.inference_mode():
        expected = network(input_ids=ids).last_hidden_state
        packed.enable(network)
        other = plain(network)
        assert packed.is_enabled(network)
        assert not packed.is_enabled(other)  # type: ignore[arg-type]
        torch.testing.assert_close(other(input_ids=ids).last_hidden_state, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", sorted(packed.PACKABLE))
def test_a_packed_network_does_not_hold_itself(name):
    network = NETWORKS[name]()
    packed.enable(network)
    held = weakref.ref(network)
    gc.disable()
    try:
        del network
        assert held() is None, "its memory waits for a collection, which may come late"
    finally:
        gc.enable()


def test_rows_are_sorted_into_groups_and_found_again():
    [rows] = pack([[7, 8, 9], [1], [4, 5, 6]])
    assert rows.groups == ((1, 1), (2, 3))
    assert rows.ids.tolist() == [[1, 7, 8, 9, 4, 5, 6]]
    assert rows.positions.tolist() == [[0, 0, 1, 2, 0, 1, 2]]
    assert rows.back.tolist() == [1, 0, 2]


def test_a_row_does_not_see_its_neighbours():
    torch.manual_seed(0)
    network = NETWORKS["bert"]().eval()
    packed.enable(network)
    with torch.inference_mode():
        alone = hidden_states(network, *pack([[5, 6, 7]]))
        beside = hidden_states(network, *pack([[9, 9, 9], [5, 6, 7], [8] * 50]))[3:6]
    torch.testing.assert_close(alone, beside, atol=1e-6, rtol=0)
