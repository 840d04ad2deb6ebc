"""Checkpoints as people hold them: GGUF files, adapters, quantised ones."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as tf
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import duomo
from duomo.cli import cli
from duomo.cli.app import App
from duomo.errors import DuomoError, UnsafeWeights, WeightsMismatch, WeightsMissing, WeightsProblem

SIZES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 40,
    "max_position_embeddings": 64,
}  # fmt: skip
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DUOMO_CACHE", str(folder))
    return folder


def words(folder: Path) -> None:
    """A tokenizer of single letters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    made = Tokenizer(models.WordLevel({each: at for at, each in enumerate([*special, *LETTERS])}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    names: Any = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=True))
    tf.PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base without a head for sequences."""
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(0)
    tf.BertModel(tf.BertConfig(**SIZES)).save_pretrained(folder)
    words(folder)
    return folder


def adapted(base: Path, folder: Path, named: str | None = None, config: Any = None) -> Any:
    """An adapter that has learned something, as PEFT saves it; and the network it belongs to."""
    import peft

    config = config or peft.LoraConfig(task_type=peft.TaskType.SEQ_CLS, r=2, target_modules=["query"])

    torch.manual_seed(1)
    network = tf.AutoModelForSequenceClassification.from_pretrained(base, num_labels=3)
    made = peft.get_peft_model(network, config)
    for name, each in made.named_parameters():
        if "lora" in name:
            torch.nn.init.normal_(each, std=0.5)
    made.save_pretrained(str(folder))
    if named is not None:
        change(folder / "adapter_config.json", base_model_name_or_path=named)
    return made.eval()


def change(file: Path, **entries: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def test_an_adapter_is_merged_into_its_base(
    bert: Path, tmp_path: Path, cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = adapted(bert, tmp_path)
    capfd.readouterr()
    with duomo.load("text-classification", f"dir:{tmp_path}", device="cpu") as classify:
        scores = {label.name: label.score for label in classify("hello").labels}
    assert capfd.readouterr() == ("", "")
    tokenizer = tf.AutoTokenizer.from_pretrained(bert)
    with torch.inference_mode():
        wanted = made(**tokenizer("hello", return_tensors="pt")).logits.softmax(-1)[0].tolist()
    assert [scores[f"LABEL_{at}"] for at in range(3)] == pytest.approx(wanted, abs=1e-5)
    [folder] = (cache / "converted").iterdir()
    before = (folder / "model.safetensors").stat().st_mtime_ns
    with duomo.load("text-classification", f"dir:{tmp_path}", device="cpu"):
        assert [*(cache / "converted").iterdir()] == [folder]
        assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_an_adapter_without_its_base_says_which(bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOMO_OFFLINE", "1")
    adapted(bert, tmp_path, "org/base")
    with pytest.raises(WeightsMissing, match="is not here: 'org/base'") as caught:
        duomo.load("text-classification", f"dir:{tmp_path}", device="cpu")
    assert "base_model_name_or_path" in caught.value.fix
    assert "offline" in caught.value.why
    change(tmp_path / "adapter_config.json", base_model_name_or_path=None)
    with pytest.raises(WeightsMissing, match="is not here: ''"):
        duomo.load("text-classification", f"dir:{tmp_path}", device="cpu")


def test_an_adapter_on_another_base_is_refused(bert: Path, tmp_path: Path) -> None:
    wider = tmp_path / "wider"
    tf.BertModel(tf.BertConfig(**SIZES | {"hidden_size": 16})).save_pretrained(wider)
    adapted(bert, tmp_path / "adapter", str(wider))
    with pytest.raises(WeightsProblem, match="cannot be merged"):
        duomo.load("text-classification", f"dir:{tmp_path / 'adapter'}", device="cpu")


def test_a_head_that_neither_has_is_not_left_random(bert: Path, tmp_path: Path) -> None:
    adapted(bert, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    save_file({name: each for name, each in load_file(file).items() if "classifier" not in name}, file)
    with pytest.raises(WeightsMismatch, match="does not fit"):
        duomo.load("text-classification", f"dir:{tmp_path}", device="cpu")


def renamed(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"base_model.model.{name}" if "lora_" in name else name: each for name, each in tensors.items()}


def halved(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: each for name, each in tensors.items() if "layer.1." not in name}


def doubled(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return tensors | {name.replace("layer.1.", "layer.2."): each.clone() for name, each in tensors.items()}


@pytest.mark.parametrize(("made", "fault"), [(renamed, "missing"), (halved, "missing"), (doubled, "unexpected")])
def test_an_adapter_of_which_a_part_would_not_be_applied_is_refused(
    bert: Path, tmp_path: Path, made: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]], fault: str
) -> None:
    """PEFT warns of what is missing and says nothing of what has no place (peft#1579): the base would answer."""
    adapted(bert, tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    save_file(made(load_file(file)), file)
    with pytest.raises(WeightsMismatch, match=f"{fault} .*lora_"):
        duomo.load("text-classification", f"dir:{tmp_path}", device="cpu")


@pytest.mark.parametrize("kind", ["biases", "shared vectors"])
def test_what_other_kinds_of_adapters_hold_fits(bert: Path, tmp_path: Path, kind: str) -> None:
    """The bias of a head that is saved whole comes twice; layers of VB-LoRA refer to vectors that are held once."""
    import peft

    how: Any = {"task_type": peft.TaskType.SEQ_CLS, "target_modules": ["query"]}
    vectors = peft.VBLoRAConfig(num_vectors=4, vector_length=8, topk=2, **how)
    made = adapted(bert, tmp_path, config=peft.LoraConfig(r=2, bias="all", **how) if kind == "biases" else vectors)
    with duomo.load("text-classification", f"dir:{tmp_path}", device="cpu") as classify:
        scores = {label.name: label.score for label in classify("hello").labels}
    inputs = tf.AutoTokenizer.from_pretrained(bert)("hello", return_tensors="pt")
    with torch.inference_mode():
        wanted = made(**inputs).logits.softmax(-1)[0].tolist()
    assert [scores[f"LABEL_{at}"] for at in range(3)] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(("learned", "ties"), [("lm_head", False), ("embed_tokens", False), ("embed_tokens", True)])
def test_an_adapter_of_a_head_that_shares_its_numbers_is_merged_as_it_was_learned(
    tmp_path: Path, learned: str, ties: bool
) -> None:
    """Merged into numbers that head and embedding share, it would change both (peft#2018), or one of them twice."""
    import peft

    torch.manual_seed(0)
    base = tmp_path / "base"
    sizes = SIZES | {"num_key_value_heads": 2, "initializer_range": 0.3, "tie_word_embeddings": True}
    tf.LlamaForCausalLM(tf.LlamaConfig(**sizes, bos_token_id=2, eos_token_id=3)).save_pretrained(base)
    words(base)
    network = tf.AutoModelForCausalLM.from_pretrained(base)
    how: Any = {"r": 2, "target_modules": [learned], "init_lora_weights": False, "lora_alpha": 64}
    if ties:
        how["ensure_weight_tying"] = True
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="peft")  # it warns of what is tried here
        made = peft.get_peft_model(network, peft.LoraConfig(task_type=peft.TaskType.CAUSAL_LM, **how)).eval()
        made.save_pretrained(str(tmp_path / "adapter"))
    tokenizer = tf.AutoTokenizer.from_pretrained(base)
    inputs = tokenizer("hello", return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        written = made.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    wanted = tokenizer.decode(written, skip_special_tokens=True)
    with duomo.load("text-generation", f"dir:{tmp_path / 'adapter'}", device="cpu") as generate:
        assert generate("hello", max_new_tokens=12).text == wanted


def test_a_pickled_adapter_is_not_read(bert: Path, tmp_path: Path) -> None:
    adapted(bert, tmp_path)
    torch.save(load_file(tmp_path / "adapter_model.safetensors"), tmp_path / "adapter_model.bin")
    (tmp_path / "adapter_model.safetensors").unlink()
    with pytest.raises(UnsafeWeights, match="pickle"):
        duomo.load("text-classification", f"dir:{tmp_path}", device="cpu")


def write_gguf(file: Path, *, architecture: str = "llama") -> dict[str, np.ndarray]:
    """A tiny Llama as llama.cpp keeps it, its matrices in 8 bits; and its tensors as they were."""
    import gguf

    draw = np.random.default_rng(0)
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(32)
    writer.add_tokenizer_model("gpt2")
    tokens = ["<s>", "</s>", "<unk>", "Ġ", *LETTERS, "th", "he"]
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 2, *[1] * 29])
    writer.add_token_merges(["t h", "h e"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_unk_token_id(2)
    shapes = {"token_embd": (32, 32), "output": (32, 32), "output_norm": (32,)}
    for layer in range(2):
        parts = {"attn_q": (32, 32), "attn_k": (16, 32), "attn_v": (16, 32), "attn_output": (32, 32),
                 "ffn_gate": (64, 32), "ffn_up": (64, 32), "ffn_down": (32, 64), "attn_norm": (32,),
                 "ffn_norm": (32,)}  # fmt: skip
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in parts.items()}
    tensors = {}
    for name, shape in shapes.items():
        tensors[name] = (draw.standard_normal(shape) * 0.3 + (len(shape) == 1)).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(f"{name}.weight", tensors[name])
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(f"{name}.weight", gguf.quants.quantize(tensors[name], kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def test_a_gguf_file_is_converted_once_and_writes_what_transformers_writes(tmp_path: Path, cache: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf")
    options: Any = {"max_new_tokens": 8}
    with duomo.load("text-generation", f"dir:{tmp_path}", device="cpu") as write:
        said = write("the", **options)
    read = tf.AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="tiny.gguf", dtype=torch.bfloat16)
    config = tf.LlamaConfig(
        **{name: value for name, value in read.config.to_dict().items() if name != "quantization_config"}
    )
    reference: Any = tf.LlamaForCausalLM(config).eval()
    reference.load_state_dict({name: each.float() for name, each in read.state_dict().items()})
    tokenizer = tf.AutoTokenizer.from_pretrained(tmp_path, gguf_file="tiny.gguf")
    ids = tokenizer("the", return_tensors="pt").input_ids
    wanted = reference.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :]
    assert said.text == tokenizer.decode(wanted, skip_special_tokens=True)
    [folder] = (cache / "converted").iterdir()
    with duomo.load("text-generation", f"dir:{tmp_path / 'tiny.gguf'}", device="cpu") as write:
        assert write("the", **options) == said
    assert [*(cache / "converted").iterdir()] == [folder]


def test_a_gguf_file_that_cannot_be_read_is_named(tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "tiny.gguf"
    write_gguf(file)
    file.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(WeightsProblem, match="cannot be converted"):
        duomo.load("text-generation", f"dir:{tmp_path}", device="cpu")
    file.write_bytes(b"GGUF")
    with pytest.raises(WeightsProblem, match="cannot be converted"):
        duomo.load("text-generation", f"dir:{file}", device="cpu")
    write_gguf(file, architecture="marvin")
    with pytest.raises(WeightsProblem, match="cannot be converted"):
        duomo.load("text-generation", f"dir:{file}", device="cpu")
    (tmp_path / "another.gguf").write_bytes(b"GGUF")
    with pytest.raises(WeightsProblem, match="holds 2 GGUF files"):
        duomo.load("text-generation", f"dir:{tmp_path}", device="cpu")
    assert not [*(cache / "converted").iterdir()]


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "torchao", "hqq", "made-up"])
def test_a_quantised_checkpoint_whose_library_is_not_here_is_called_so(bert: Path, tmp_path: Path, method: str) -> None:
    for each in bert.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    change(
        tmp_path / "config.json",
        architectures=["BertForSequenceClassification"],
        quantization_config={"quant_method": method, "bits": 4, "quant_type": "int4_weight_only"}
        | ({"load_in_4bit": True} if method == "bitsandbytes" else {}),
    )
    with pytest.raises(DuomoError, match=rf"is quantised \({method}\)") as caught:
        duomo.load("text-classification", f"dir:{tmp_path}", device="cpu")
    assert ("pip install" in caught.value.fix) == (method != "made-up")


def show(place: Path) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["models", "show", f"dir:{place}", "-o", "json"], obj=App())
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_show_says_what_each_is_and_converts_nothing(bert: Path, tmp_path: Path, cache: Path) -> None:
    file = tmp_path / "tiny.gguf"
    tensors = write_gguf(file)
    found = show(file)
    assert (found["layout"], found["base"], found["dtypes"]) == ("gguf", "llama", ["F32", "Q8_0"])
    assert found["tasks"] == {"text-generation": "nlp/transformers"}
    assert found["parameters"] == sum(each.size for each in tensors.values())
    assert (found["missing"], show(tmp_path)["layout"]) == ([], "gguf")
    file.write_bytes(b"GGUF")
    assert "tiny.gguf is damaged" in show(file)["missing"][0]
    adapter = tmp_path / "adapter"
    adapted(bert, adapter)
    found = show(adapter)
    assert (found["layout"], found["base"], found["missing"]) == ("peft", str(bert), [])
    assert found["architectures"] == ["BertForSequenceClassification"]
    assert found["tasks"]["text-classification"] == "nlp/transformers"
    change(adapter / "adapter_config.json", base_model_name_or_path="org/base")
    assert "its base, 'org/base'" in show(adapter)["missing"][0]
    assert not [*cache.rglob("*.safetensors")]


def test_show_says_how_numbers_are_quantised_and_what_reads_them(bert: Path, tmp_path: Path) -> None:
    for each in bert.iterdir():
        (tmp_path / each.name).write_bytes(each.read_bytes())
    change(tmp_path / "config.json", quantization_config={"quant_method": "hqq"})
    found = show(tmp_path)
    assert found["quantised"] == "hqq"
    assert "pip install hqq" in found["missing"][-1]
    (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n")
    assert "a pointer of Git LFS" in " ".join(show(tmp_path)["missing"])


def test_a_quantised_checkpoint_runs_where_its_library_is(
    bert: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("compressed_tensors")
    from compressed_tensors.compressors.pack_quantized.helpers import pack_to_int32

    torch.manual_seed(0)
    plain: Any = tf.BertForSequenceClassification(tf.BertConfig(**SIZES | {"num_labels": 3})).eval()
    plain.save_pretrained(tmp_path)
    words(tmp_path)
    written: dict[str, torch.Tensor] = {}
    for name, each in plain.state_dict().items():
        if not name.endswith("weight") or each.ndim != 2 or "embeddings" in name or name.startswith("classifier"):
            written[name] = each
            continue
        scale = each.abs().amax(1, keepdim=True) / 127
        rounded = (each / scale).round().to(torch.int8)
        each.copy_(rounded * scale)
        written |= {f"{name}_packed": pack_to_int32(rounded, 8), f"{name}_scale": scale}
        written[f"{name}_shape"] = torch.tensor(each.shape)
    save_file(written, tmp_path / "model.safetensors", {"format": "pt"})
    group = {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "int", "strategy": "channel"}}
    how = {"quant_method": "compressed-tensors", "format": "pack-quantized", "quantization_status": "compressed"}
    change(
        tmp_path / "config.json",
        quantization_config={**how, "ignore": ["classifier"], "config_groups": {"group_0": group}},
    )
    capfd.readouterr()
    with duomo.load("text-classification", f"dir:{tmp_path}", device="cpu") as classify:
        scores = {label.name: label.score for label in classify("hello").labels}
    assert capfd.readouterr() == ("", "")
    tokenizer = tf.AutoTokenizer.from_pretrained(tmp_path)
    with torch.inference_mode():
        wanted = plain(**tokenizer("hello", return_tensors="pt")).logits.softmax(-1)[0].tolist()
    assert [scores[f"LABEL_{at}"] for at in range(3)] == pytest.approx(wanted, abs=1e-5)
    found = show(tmp_path)
    assert (found["quantised"], found["missing"]) == ("compressed-tensors", [])
