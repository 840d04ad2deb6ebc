"""Profiles are compared with torch's own counter on other shapes, and with the formulas of the planner."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from duomo.errors import InputMissing, InputUnreadable, Unavailable
from duomo.execution.planning import measuring, profile as profiles
from duomo.execution.planning.profile import (
    ModelProfile,
    profile_config,
    profile_folder,
    profile_timed,
    profile_weights,
)
from duomo.specs import ModelSpec

BERT = transformers.BertConfig
LLAMA = transformers.LlamaConfig


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DUOMO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def config(cls, architecture, **sizes):
    return {**cls(**sizes).to_dict(), "architectures": [architecture]}


def counted(settings, architecture, **inputs):
    """FLOPs by torch's counter on the meta device."""
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        network = getattr(transformers, architecture)(type(settings)(**settings.to_dict())).eval()
        network(**{name: torch.zeros(shape, dtype=kind) for name, (shape, kind) in inputs.items()})
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("cls", "architecture", "sizes"),
    [
        (BERT, "BertModel", {}),
        (BERT, "BertForSequenceClassification", {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}),
        (LLAMA, "LlamaForCausalLM", {"hidden_size": 256, "num_hidden_layers": 3, "intermediate_size": 700}),
    ],
    ids=["bert-base", "bert-tiny", "llama-tiny"],
)
@pytest.mark.parametrize(("rows", "length"), [(4, 64), (2, 384)])
def test_flops_of_text_models_are_those_that_torch_counts(cls, architecture, sizes, rows, length):
    profile = profile_config(config(cls, architecture, **sizes), architecture)
    expected = counted(cls(**sizes), architecture, input_ids=((rows, length), torch.long))
    assert profile.flops(rows * length, length) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("cls", "architecture"), [(BERT, "BertModel"), (LLAMA, "LlamaForCausalLM")])
def test_flops_of_transformers_are_two_a_weight_and_attention(cls, architecture):
    sizes: dict[str, Any] = {"num_hidden_layers": 2} if cls is LLAMA else {}
    found = profile_config(config(cls, architecture, **sizes), architecture)
    units, length = 1024, 128
    weights = found.params - found.embedding_params
    formula = 2 * weights * units + 4 * found.layers * units * length * found.width
    assert found.flops(units, length) == pytest.approx(formula, rel=0.02)


def test_flops_of_pictures_are_counted_for_each():
    for cls, architecture in ((transformers.ViTConfig, "ViTModel"), (transformers.ResNetConfig, "ResNetModel")):
        found = profile_config(config(cls, architecture), architecture)
        expected = counted(cls(), architecture, pixel_values=((3, 3, 224, 224), torch.float32))
        assert found.unit == "image"
        assert found.flops(3) == pytest.approx(expected, rel=0.01)


def test_sizes_are_those_of_the_network():
    settings = BERT()
    found = profile_config(config(BERT, "BertModel"), "bert")
    network = transformers.BertModel(settings.__class__(**{**settings.to_dict(), "num_hidden_layers": 1}))
    tables = sum(m.weight.numel() for m in network.modules() if isinstance(m, torch.nn.Embedding))
    assert (found.layers, found.width, found.heads, found.kv_heads) == (12, 768, 12, 12)
    assert (found.params, found.embedding_params) == (109_482_240, tables)
    assert found.bytes("float32") == 4 * found.params
    assert found.cache == 0.0, "an encoder keeps no keys and values"


def test_keys_and_values_are_kept_for_each_group_of_heads():
    sizes = {"hidden_size": 256, "num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2}
    found = profile_config(config(LLAMA, "LlamaForCausalLM", intermediate_size=700, **sizes), "llama")
    assert found.cache == 2 * 3 * 2 * (256 // 8)
    assert found.kv_heads == 2


def test_an_output_layer_that_is_the_embedding_computes():
    tied = profile_config(config(transformers.GPT2Config, "GPT2LMHeadModel", n_layer=1), "gpt2")
    assert tied.embedding_params == 1024 * 768, "the positions; the words are multiplied with"


def test_activations_are_eleven_times_the_width_and_what_a_real_run_holds():
    sizes = {"hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 512}
    found = profile_config(config(BERT, "BertModel", **sizes), "bert")
    assert found.activations == pytest.approx(11 * 128, rel=0.02)
    network = transformers.BertModel(BERT(**sizes)).eval()  # type: ignore[arg-type]
    ids = torch.zeros(8, 128, dtype=torch.long)
    _, peak = measuring.run(lambda: network(ids), network)
    assert found.activations * 4 * 8 * 128 == pytest.approx(peak, rel=0.05)


def test_a_profile_is_measured_once(monkeypatch, cache):
    settings = config(BERT, "BertModel", num_hidden_layers=1)
    first = profile_config(settings, "one")
    # the step that a kept profile saves
    monkeypatch.setattr(profiles, "measure", lambda *_: pytest.fail("measured again"))
    assert profile_config(dict(reversed(settings.items())), "two") == ModelProfile(
        **{**{name: getattr(first, name) for name in first.__slots__}, "name": "two"}
    )
    for kept in (cache / "profiles").iterdir():
        kept.write_text("{")
    fields = {name: getattr(first, name) for name in first.__slots__ if name != "name"}
    monkeypatch.setattr(profiles, "measure", lambda *_: fields)
    assert profile_config(settings, "one") == first, "a damaged one is measured anew"


def test_what_is_no_checkpoint_of_transformers_is_known_by_its_parameters(tmp_path):
    (tmp_path / "config.json").write_text('{"suppress_ids": [1]}')
    weights = tmp_path / "model.bin"
    spec = ModelSpec("own/thing", "text-classification", "", "", "", params=1000, size=9)
    for path in (None, weights):
        found = profile_weights("own/thing", spec, path)
        assert (found.params, found.flops(3)) == (1000, 6000)
        assert "by the number of parameters alone" in found.how
    assert profile_weights("x", spec._replace(params=0, size=4000), None).params == 1000


def test_a_loaded_model_is_timed():
    ran = []
    spec = ModelSpec("own/thing", "text-classification", "", "", "", params=1000)
    found = profile_timed(spec, lambda: ran.append(sum(range(200_000))), 2)
    assert len(ran) > 1
    assert found.flops_a_unit > 0
    assert "timed on this CPU" in found.how


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, InputMissing, "no config.json at"),
        ("{", InputUnreadable, "is not a configuration"),
        ("[1]", InputUnreadable, "it is a list, not an object"),
        ('{"model_type": "no-such-model"}', Unavailable, "transformers cannot build it"),
        ('{"hidden_size": 64}', Unavailable, "transformers cannot build it"),
    ],
)
def test_what_cannot_be_profiled_says_why(tmp_path, content, error, words):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(error) as caught:
        profile_folder(tmp_path)
    assert words in str(caught.value)
    assert caught.value.fix


def test_a_folder_and_its_file_have_one_profile(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config(BERT, "BertModel", num_hidden_layers=1)))
    assert profile_folder(tmp_path).params == profile_folder(tmp_path / "config.json").params
