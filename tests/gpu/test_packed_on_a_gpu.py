"""Packed encoders on a GPU: in half precision one kernel for rows of all lengths, in float32 group by group."""

import copy
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel

from duomo_nlp.encoders import packed
from duomo_nlp.encoders.heads import hidden_states
from duomo_nlp.encoders.rows import by_token, pack

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")]
SIZE: dict[str, Any] = {
    "vocab_size": 99,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "pad_token_id": 1,
}
NETWORKS = {
    "bert": lambda: BertModel(BertConfig(**SIZE, num_hidden_layers=3)),
    "modernbert": lambda: ModernBertModel(
        ModernBertConfig(**SIZE, num_hidden_layers=4, local_attention=16, global_attn_every_n_layers=2)  # type: ignore[call-arg]
    ),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 5e-2), (torch.float16, 1e-2)])
@pytest.mark.parametrize("name", NETWORKS)
def test_packed_rows_equal_rows_alone_in_float32_on_the_cpu(name, dtype, tolerance):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    rows = [torch.randint(3, 99, (length,)).tolist() for length in (5, 37, 1, 5, 120, 2, 37, 64)]
    fast = copy.deepcopy(network).to("cuda", dtype)
    packed.enable(fast)
    with torch.inference_mode():
        [batch] = pack(rows)
        found = torch.split(by_token(hidden_states(fast, batch.to("cuda")), batch), [len(r) for r in rows])  # type: ignore[arg-type]
        for row, hidden in zip(rows, found, strict=True):
            expected = network(input_ids=torch.tensor([row])).last_hidden_state[0]
            torch.testing.assert_close(hidden.float().cpu(), expected, atol=tolerance, rtol=tolerance)


def test_half_precision_takes_the_one_kernel():
    query = torch.zeros(1, 4, 8, 16, device="cuda", dtype=torch.bfloat16)
    assert packed.takes_all_lengths(query) is (torch.cuda.get_device_capability() >= (8, 0))
    assert not packed.takes_all_lengths(query.float())
