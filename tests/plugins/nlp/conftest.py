"""Tiny checkpoints with random weights, and the models of the starter pack, each loaded once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BartConfig,
    BertConfig,
    CamembertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    FlaubertConfig,
    GPT2Config,
    Lfm2Config,
    LlamaConfig,
    MBartConfig,
    MistralConfig,
    ModernBertConfig,
    MPNetConfig,
    MvpConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMConfig,
    XLMRobertaConfig,
)

import duomo

torch.set_num_threads(1)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,!?'-東京大阪都に行く"
WORDS = "the a cat dog sat on mat ran to Ada Bob met in Paris London and one two three four five six".split()
TEXTS = ["the cat sat on the mat.", "Ada met Bob in Paris", "a dog", "東京 to 大阪, 123 🙂 the end of the test"]


def wordpiece() -> Tokenizer:
    """BERT's kind: words, letters and ``##`` letters."""
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *dict.fromkeys(LETTERS)]
    vocab = list(dict.fromkeys([*vocab, *(f"##{letter}" for letter in dict.fromkeys(LETTERS))]))
    tokenizer = Tokenizer(models.WordPiece({token: i for i, token in enumerate(vocab)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def byte_level() -> Tokenizer:
    """GPT-2's kind: byte pairs; every text has tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS), *TEXTS, "## ## ## end"], trainer)
    return tokenizer


def roberta_tokenizer() -> Tokenizer:
    tokenizer = byte_level()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    return tokenizer


BERT = {"vocab_size": 200, "initializer_range": 0.3, "max_position_embeddings": 64}
BYTES = {"vocab_size": 400, "initializer_range": 0.3, "bos_token_id": 0, "eos_token_id": 2}
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
CONFIGS: dict[str, tuple[type[PreTrainedConfig], dict[str, Any]]] = {
    "bert": (BertConfig, BERT | SIZES),
    "distilbert": (DistilBertConfig, BERT | {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}),
    "roberta": (
        RobertaConfig,
        BYTES | SIZES | {"max_position_embeddings": 66, "pad_token_id": 1, "type_vocab_size": 1},
    ),
    "camembert": (
        CamembertConfig,
        BYTES | SIZES | {"max_position_embeddings": 66, "pad_token_id": 1, "type_vocab_size": 1},
    ),
    "xlm-roberta": (
        XLMRobertaConfig,
        BYTES | SIZES | {"max_position_embeddings": 66, "pad_token_id": 1, "type_vocab_size": 1},
    ),
    "electra": (ElectraConfig, BERT | SIZES | {"embedding_size": 16}),
    "modernbert": (
        ModernBertConfig,
        BERT
        | SIZES
        | {"num_hidden_layers": 4, "local_attention": 8, "global_attn_every_n_layers": 2}
        | {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3},
    ),
    "mpnet": (MPNetConfig, BYTES | SIZES | {"max_position_embeddings": 66, "pad_token_id": 1}),
    "deberta-v2": (
        DebertaV2Config,
        BERT | SIZES | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
    ),
    "gpt2": (GPT2Config, BYTES | {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}),
    "lfm2": (
        Lfm2Config,
        BYTES | SIZES | {"num_key_value_heads": 2, "full_attn_idxs": [1], "max_position_embeddings": 96},
    ),
    "mistral": (
        MistralConfig,
        BYTES | SIZES | {"num_key_value_heads": 2, "sliding_window": 8, "max_position_embeddings": 96},
    ),
    "llama": (LlamaConfig, BYTES | SIZES | {"num_key_value_heads": 2, "max_position_embeddings": 96}),
}
FLAIR = BERT | {
    "emb_dim": 32,
    "n_layers": 2,
    "n_heads": 4,
    "embed_init_std": 0.3,
    "init_std": 0.3,
    "pad_index": 0,
    "pad_token_id": 0,
}
BOTH = BYTES | {"d_model": 32, "init_std": 0.3, "max_position_embeddings": 64, "pad_token_id": 1}
BOTH |= {f"{side}_layers": 2 for side in ("encoder", "decoder")}
BOTH |= {f"{side}_attention_heads": 4 for side in ("encoder", "decoder")}
BOTH |= {f"{side}_ffn_dim": 64 for side in ("encoder", "decoder")}
CONFIGS |= {"xlm": (XLMConfig, FLAIR), "flaubert": (FlaubertConfig, FLAIR), "bart": (BartConfig, BOTH)}
CONFIGS |= {"mbart": (MBartConfig, BOTH), "mvp": (MvpConfig, BOTH)}
WORD_PIECE_SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
PAIRS = {"model_input_names": ["input_ids", "token_type_ids", "attention_mask"]}
TOKENIZERS: dict[str, tuple[Callable[[], Tokenizer], dict[str, Any]]] = {
    "bert": (wordpiece, WORD_PIECE_SPECIAL | PAIRS),
    "distilbert": (wordpiece, WORD_PIECE_SPECIAL),
    "electra": (wordpiece, WORD_PIECE_SPECIAL | PAIRS),
    "modernbert": (wordpiece, WORD_PIECE_SPECIAL),
    **dict.fromkeys(("deberta-v2", "xlm", "flaubert"), (wordpiece, WORD_PIECE_SPECIAL)),
    **dict.fromkeys(
        ("roberta", "camembert", "xlm-roberta", "mpnet", "bart", "mbart", "mvp"),
        (roberta_tokenizer, {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}),
    ),
    "gpt2": (byte_level, {"eos_token": "</s>"}),
    "lfm2": (byte_level, {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}),
    "mistral": (byte_level, {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}),
    "llama": (byte_level, {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}),
}


@pytest.fixture(scope="package")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a folder in transformers layout: ``checkpoint("bert", AutoModelForTokenClassification, num_labels=3)``."""

    def make(kind: str, auto: Any, *, chat_template: str | None = None, **config: Any) -> Path:
        folder = tmp_path_factory.mktemp(kind)
        config_class, sizes = CONFIGS[kind]
        torch.manual_seed(0)
        auto.from_config(config_class(**(sizes | config))).save_pretrained(folder)
        build, special = TOKENIZERS[kind]
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=build(), clean_up_tokenization_spaces=False, **special)
        tokenizer.chat_template = chat_template
        tokenizer.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="package")
def make_tokenizer() -> Callable[[], Tokenizer]:
    """GPT-2's kind of tokenizer, trained once."""
    trained = byte_level().to_str()
    return lambda: Tokenizer.from_str(trained)


@pytest.fixture(scope="package")
def make_wordpiece() -> Callable[[], Tokenizer]:
    """BERT's kind of tokenizer, whose first token has a type of its own."""
    tokenizer = wordpiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:2 $A [SEP]",
        pair="[CLS]:2 $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    built = tokenizer.to_str()
    return lambda: Tokenizer.from_str(built)


@pytest.fixture(scope="package")
def minilm() -> Callable[[str], duomo.Runner[Any]]:
    """MiniLM for a task, loaded once for all tests."""
    runners: dict[str, duomo.Runner[Any]] = {}

    def get(task: str) -> duomo.Runner[Any]:
        if task not in runners:
            runners[task] = duomo.load(task, "nlp/minilm", device="cpu")
        return runners[task]

    return get


@pytest.fixture(scope="module")
def smollm() -> duomo.Runner[Any]:
    """SmolLM2, a gigabyte that only one file of tests wants; it is converted once a machine, for all files."""
    return duomo.load("text-generation", "nlp/smollm2-135m", device="cpu")
