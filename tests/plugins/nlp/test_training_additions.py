"""Low-rank additions to decoders and to heads of numbers, and heads that are one tensor with the embeddings."""

import json
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

import duomo
from duomo import Recipe

TEXTS = [{"text": f"the cat sat on the mat {at}"} for at in range(8)]


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_decoder_learns_by_additions_alone_and_its_embeddings_stay(checkpoint, tmp_path, kind):
    start = checkpoint(kind, AutoModelForCausalLM)
    fit = duomo.finetune(
        "text-generation", TEXTS, model=f"dir:{start}", train="lora", validation=0, out=tmp_path / "out",
        recipe=Recipe(epochs=3, batch=4, lr=1e-2, lora_rank=1),
    )  # fmt: skip
    assert fit.record["trained_parameters"] < 0.05 * fit.record["parameters"]
    before, after = load_file(start / "model.safetensors"), load_file(fit.folder / "model.safetensors")
    assert before.keys() == after.keys()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed, "nothing was learned"
    assert not [name for name in changed if "head" in name or "wte" in name or "embed" in name]

    auto: Any = AutoModelForCausalLM
    adapted = PeftModel.from_pretrained(auto.from_pretrained(start), str(fit.folder / "adapter")).eval()
    ids = torch.tensor([AutoTokenizer.from_pretrained(start)("the cat sat").input_ids])
    logits = auto.from_pretrained(fit.folder).eval()(ids).logits
    torch.testing.assert_close(adapted(ids).logits, logits, atol=1e-5, rtol=1e-5)
    assert json.loads((fit.folder / "adapter" / "adapter_config.json").read_text())["modules_to_save"] is None


def test_the_adapter_of_a_number_is_in_the_unit_of_the_rows(checkpoint, tmp_path):
    start = checkpoint("bert", AutoModel)
    rows = [{**row, "label": 100.0 + 7 * at} for at, row in enumerate(TEXTS)]
    fit = duomo.finetune(
        "text-regression", rows, model=f"dir:{start}", train="lora", validation=0, out=tmp_path / "out",
        recipe=Recipe(epochs=2, batch=4, lr=1e-2),
    )  # fmt: skip
    auto: Any = AutoModelForSequenceClassification
    adapted = PeftModel.from_pretrained(auto.from_pretrained(start, num_labels=1), str(fit.folder / "adapter")).eval()
    inputs = AutoTokenizer.from_pretrained(start)([row["text"] for row in rows], return_tensors="pt", padding=True)
    expected = auto.from_pretrained(fit.folder).eval()(**inputs).logits
    assert float(expected.detach().mean()) == pytest.approx(124.5, abs=10)
    torch.testing.assert_close(adapted(**inputs).logits, expected, atol=1e-3, rtol=1e-5)


def test_a_head_that_is_one_tensor_with_the_embeddings_is_reported(checkpoint, tmp_path):
    fit = duomo.finetune(
        "text-generation", TEXTS, model=f"dir:{checkpoint('gpt2', AutoModelForCausalLM)}", validation=0,
        out=tmp_path / "out", recipe=Recipe(epochs=1, batch=8),
    )  # fmt: skip
    (finding,) = fit.findings
    assert "transformer.wte.weight is trained, too" in finding.what
