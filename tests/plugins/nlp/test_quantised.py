"""Checkpoints that a library quantised: the tokens of its own network, on a CPU. Each needs its library."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf
from tokenizers import Tokenizer, models, pre_tokenizers

import duomo

WORDS = "[PAD] [UNK] [CLS] [SEP] i love this camera a the parcel came late".split()
TEXTS = ["i love this camera", "a parcel", "the camera came late"]


def torchao() -> Any:
    from torchao.quantization import Int8WeightOnlyConfig  # type: ignore[import-not-found, unused-ignore]

    return tf.TorchAoConfig(Int8WeightOnlyConfig())


CONFIGS: dict[str, tuple[str, Callable[[], Any]]] = {
    "bitsandbytes, 8 bits": ("bitsandbytes", lambda: tf.BitsAndBytesConfig(load_in_8bit=True)),
    "bitsandbytes, 4 bits": ("bitsandbytes", lambda: tf.BitsAndBytesConfig(load_in_4bit=True)),
    "torchao, 8 bits": ("torchao", torchao),
}


@pytest.mark.filterwarnings("default")  # of the libraries
@pytest.mark.parametrize("name", CONFIGS)
def test_a_quantised_decoder_writes_the_tokens_of_its_library(name: str, tmp_path: Path) -> None:
    library, config = CONFIGS[name]
    pytest.importorskip(library)
    pytest.importorskip("accelerate")
    sizes: dict[str, Any] = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 64}
    ids: dict[str, Any] = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "vocab_size": len(WORDS)}
    torch.manual_seed(0)
    tf.LlamaForCausalLM(tf.LlamaConfig(**sizes, **ids, initializer_range=0.3)).save_pretrained(tmp_path / "whole")
    load: Any = tf.AutoModelForCausalLM.from_pretrained
    load(tmp_path / "whole", quantization_config=config(), device_map="cpu").save_pretrained(tmp_path / "small")
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "eos_token": "[SEP]"}
    tokenizer = tf.PreTrainedTokenizerFast(tokenizer_object=words, **special)
    tokenizer.save_pretrained(tmp_path / "small")
    network = load(tmp_path / "small", device_map="cpu")
    assert any(type(each) is not torch.nn.Linear for each in network.modules() if "Linear" in repr(each))

    def written(text: str) -> str:
        prompt = tokenizer(text, return_tensors="pt")["input_ids"]
        tokens = network.generate(prompt, max_new_tokens=8, do_sample=False)[0, prompt.shape[1] :]
        return str(tokenizer.decode(tokens, skip_special_tokens=True))

    runner = duomo.load("text-generation", f"dir:{tmp_path / 'small'}", device="cpu")
    expected = [written(text) for text in TEXTS]
    assert [runner(text, max_new_tokens=8, temperature=0).text.strip() for text in TEXTS] == expected
    assert len({*expected}) > 1
