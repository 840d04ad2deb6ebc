"""Encoder-decoders: the same tokens as `generate` of transformers on each text alone, languages, lengths, refusals."""

import functools
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    BertConfig,
    EncoderDecoderConfig,
    FSMTConfig,
    LEDConfig,
    M2M100Config,
    M2M100Tokenizer,
    MarianConfig,
    MBartConfig,
    MBartTokenizer,
    NllbTokenizer,
    PreTrainedTokenizerFast,
    ProphetNetConfig,
    SwitchTransformersConfig,
    T5Config,
    T5GemmaConfig,
)

import duomo
from duomo.errors import BadOption, WeightsMismatch
from duomo_nlp.splitting import parts_of

from .conftest import byte_level

TEXTS = ["the cat sat on the mat.", "Ada met Bob in Paris and London", "a dog", "one two three. four five six!"]
SIZES: dict[str, Any] = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4}
SIZES |= {"decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "init_std": 0.3}
BYTES = {"vocab_size": 400, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2}
LETTERS = {token: at for at, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *"▁abcdefghijklmnopqrstuvwxyz.,"])}
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def seq2seq(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Make a folder of an encoder-decoder; ``**generation`` goes into its generation config."""

    def make(config: Any, tokenizer: Any = None, **generation: Any) -> Path:
        folder = tmp_path_factory.mktemp(config.model_type)
        torch.manual_seed(0)
        network = AutoModelForSeq2SeqLM.from_config(config)
        for weights in network.parameters() if config.model_type == "t5gemma" else ():
            if weights.ndim > 1:  # wide enough that the likeliest token depends on all that came before
                torch.nn.init.normal_(weights, 0, 0.2)
        for name, value in generation.items():
            setattr(network.generation_config, name, value)
        network.save_pretrained(folder)
        special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
        tokenizer = tokenizer or PreTrainedTokenizerFast(tokenizer_object=byte_level(), **special)
        tokenizer.save_pretrained(folder)
        return folder

    return make


def bart(**settings: Any) -> BartConfig:
    return BartConfig(**SIZES | BYTES | {"max_position_embeddings": 64} | settings)


def t5(**settings: Any) -> T5Config:
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "initializer_factor": 3.0}
    return T5Config(**BYTES | sizes | {"decoder_start_token_id": 1} | settings)


def led() -> LEDConfig:
    sizes = {"attention_window": 8, "max_encoder_position_embeddings": 64, "max_decoder_position_embeddings": 48}
    return LEDConfig(**SIZES | BYTES | sizes)


@functools.lru_cache(maxsize=1)
def network_of(folder: Path) -> Any:
    return AutoModelForSeq2SeqLM.from_pretrained(folder).eval()


def bare(folder: Path, text: str, **settings: Any) -> str:
    """One text, unpadded, by transformers alone."""
    network, tokenizer = network_of(folder), AutoTokenizer.from_pretrained(folder)
    if "src_lang" in settings:
        tokenizer.src_lang = settings.pop("src_lang")
    inputs = tokenizer(text, return_tensors="pt", return_token_type_ids=False)
    if network.config.model_type == "led":
        inputs["global_attention_mask"] = torch.zeros_like(inputs.input_ids)
        inputs["global_attention_mask"][:, 0] = 1
    with torch.inference_mode():
        tokens = network.generate(**inputs, **settings)
    return tokenizer.batch_decode(tokens, skip_special_tokens=True)[0]


@pytest.mark.equals("`generate`, the same tokens", "summarization", "text2text-generation", "translation")
@pytest.mark.parametrize("config", [bart, t5, led], ids=["bart", "t5", "led"])
@pytest.mark.parametrize("beams", [1, 3])
def test_texts_are_those_of_generate_alone_and_in_a_batch(seq2seq: Make, config: Any, beams: int) -> None:
    folder = seq2seq(config())
    runner = duomo.load("text2text-generation", f"dir:{folder}", device="cpu")
    options: dict[str, Any] = {"max_new_tokens": 12, "num_beams": beams}
    for text, outcome in zip(TEXTS, runner.map(TEXTS, batch_size=4, **options), strict=True):
        expected = bare(folder, text, **options)
        assert outcome.unwrap().generated_text == expected
        assert runner(text, **options).text == expected


def encoder_decoder() -> EncoderDecoderConfig:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    own: dict[str, Any] = {
        "vocab_size": 400, "initializer_range": 0.3, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    }  # fmt: skip
    made: Any = EncoderDecoderConfig.from_encoder_decoder_configs
    return made(
        BertConfig(**sizes | own | {"max_position_embeddings": 64}),
        BertConfig(**sizes | own | {"max_position_embeddings": 48}),
    )


def fsmt() -> FSMTConfig:
    own = {"langs": ["en", "de"], "src_vocab_size": 400, "tgt_vocab_size": 400, "max_position_embeddings": 64}
    return FSMTConfig(**SIZES | {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2} | own)


def prophetnet() -> ProphetNetConfig:
    """The padding token is the first, as in those that are published: its positions count from there."""
    layers = {f"num_{side}_{what}": 2 for side in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "init_std": 0.3,
        "ngram": 2,
    }
    return ProphetNetConfig(**BYTES | layers | sizes | {"max_position_embeddings": 64, "pad_token_id": 0})


def switch() -> SwitchTransformersConfig:
    """Two tokens an expert: the rest of a text passes it by, whatever else is in the batch."""
    layers = {f"num_{what}": 2 for what in ("layers", "decoder_layers")}
    sparse = {"num_experts": 4, "num_sparse_encoder_layers": 1, "num_sparse_decoder_layers": 1, "expert_capacity": 2}
    sizes: dict[str, Any] = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4, "initializer_factor": 3.0}
    return SwitchTransformersConfig(**BYTES | layers | sparse | sizes)


def t5gemma() -> T5GemmaConfig:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    own = {"head_dim": 8, "intermediate_size": 64, "sliding_window": 8, "max_position_embeddings": 64}
    ids: dict[str, Any] = {
        "vocab_size": 400, "initializer_range": 0.3, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    }  # fmt: skip
    return T5GemmaConfig(encoder=sizes | own | ids, decoder=sizes | own | ids, **ids)


@pytest.mark.equals("`generate` of further families, the same tokens", "text2text-generation")
@pytest.mark.parametrize("config", [encoder_decoder, fsmt, prophetnet, switch, t5gemma])
@pytest.mark.parametrize("beams", [1, 3])
def test_further_families_write_what_generate_writes(seq2seq: Make, config: Any, beams: int) -> None:
    folder = seq2seq(config(), decoder_start_token_id=0 if config is t5gemma else 2)
    runner = duomo.load("text2text-generation", f"dir:{folder}", device="cpu")
    options: dict[str, Any] = {"max_new_tokens": 12, "num_beams": beams}
    texts = [*TEXTS, "the end of the test " * 6]
    expected = [bare(folder, text, **options) for text in texts]
    assert [outcome.unwrap().text for outcome in runner.map(texts, batch_size=5, **options)] == expected
    assert [runner(text, **options).text for text in texts] == expected
    assert len(set(expected)) > 2


def test_a_decoder_of_its_own_config_bounds_what_is_written(seq2seq: Make) -> None:
    folder = seq2seq(encoder_decoder(), decoder_start_token_id=2)
    runner = duomo.load("text2text-generation", f"dir:{folder}", device="cpu")
    assert runner("a dog").num_new_tokens <= 47
    with pytest.raises(BadOption, match="'max_new_tokens' cannot be 48"):
        runner("a dog", max_new_tokens=48)


def test_languages_of_fsmt_are_those_of_its_config(seq2seq: Make) -> None:
    folder = seq2seq(fsmt(), decoder_start_token_id=2)
    runner = duomo.load("translation", f"dir:{folder}", device="cpu")
    named = runner("a dog", src_lang="English", tgt_lang="german", max_new_tokens=5)
    assert named == runner("a dog", max_new_tokens=5)
    with pytest.raises(BadOption, match="'tgt_lang' cannot be fr"):
        runner("a dog", src_lang="en", tgt_lang="fr")


def test_what_a_checkpoint_says_about_a_task_holds(seq2seq: Make) -> None:
    own = {"summarization": {"prefix": "the cat ", "max_length": 9, "min_length": 7, "num_beams": 2}}
    folder = seq2seq(t5(task_specific_params=own))
    runner = duomo.load("summarization", f"dir:{folder}", device="cpu")
    expected = bare(folder, "the cat " + TEXTS[1], max_length=9, min_length=7, num_beams=2)
    assert runner(TEXTS[1]).summary_text == expected
    shorter = runner(TEXTS[1], max_new_tokens=3)
    assert (shorter.num_new_tokens, shorter.finish_reason) == (3, "length")


def test_a_summary_that_ends_by_itself_says_so(seq2seq: Make) -> None:
    folder = seq2seq(bart(), forced_eos_token_id=2, max_length=6)
    result = duomo.run("summarization", TEXTS[0], model=f"dir:{folder}", device="cpu")
    assert result.finish_reason == "stop"
    assert 1 <= result.num_new_tokens <= 5


def test_a_text_that_ends_at_once_has_ended_and_was_not_cut(seq2seq: Make) -> None:
    """An end as the first token was overlooked, and the reason was a length that nothing had reached."""
    folder = seq2seq(bart(), forced_bos_token_id=2, pad_token_id=2)
    result = duomo.run("translation", TEXTS[0], model=f"dir:{folder}", device="cpu", max_new_tokens=5)
    assert (result.text, result.finish_reason, result.num_new_tokens) == ("", "stop", 1)


@pytest.mark.parametrize("task", ["summarization", "translation"])
def test_a_long_text_is_an_error_cut_or_read_in_parts_of_whole_sentences(seq2seq: Make, task: str) -> None:
    folder = seq2seq(bart())
    runner = duomo.load(task, f"dir:{folder}", device="cpu")
    long = " ".join(["the cat sat on the mat.", "Ada met Bob in Paris.", "a dog ran to London!"] * 8)
    options: dict[str, Any] = {"max_new_tokens": 5}
    refused, good = runner.map([long, TEXTS[0]], **options)
    assert "tokens and the model reads 64" in refused.error.what
    assert good.ok
    [cut] = runner.map([long], long="truncate", **options)
    assert cut.meta.truncated
    [whole] = runner.map([long], long="window", **options)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    parts = parts_of(long, lambda text: len(tokenizer(text).input_ids) <= 64)
    assert whole.meta.windows == len(parts) > 1
    assert " ".join(parts) == long
    assert whole.unwrap().text == " ".join(bare(folder, part, **options) for part in parts)  # type: ignore[attr-defined]
    [endless] = runner.map(["the cat " * 60], long="window", **options)
    assert "one sentence alone is longer" in endless.error.why


def test_more_tokens_than_the_decoder_has_positions_are_refused(seq2seq: Make) -> None:
    folder = seq2seq(bart())
    with pytest.raises(BadOption, match="'max_new_tokens' cannot be 64"):
        duomo.run("text2text-generation", "a dog", model=f"dir:{folder}", device="cpu", max_new_tokens=64)


def test_a_checkpoint_that_samples_is_refused_by_name(seq2seq: Make) -> None:
    folder = seq2seq(bart(), do_sample=True)
    with pytest.raises(WeightsMismatch, match="a way of writing") as caught:
        duomo.load("summarization", f"dir:{folder}", device="cpu")
    assert "do_sample=True: the same text gives the same result in any batch" in caught.value.why


@pytest.mark.parametrize("said", [{"guidance_scale": 1.5}, {"stop_strings": ["x"]}, {"max_time": 3.0}])
def test_what_cannot_be_honoured_is_refused_by_the_same_table_as_for_decoders(
    seq2seq: Make, said: dict[str, Any]
) -> None:
    folder = seq2seq(bart(), **said)
    with pytest.raises(WeightsMismatch, match="a way of writing") as caught:
        duomo.load("summarization", f"dir:{folder}", device="cpu")
    assert f"{next(iter(said))}=" in caught.value.why


@pytest.mark.parametrize(
    "said", [{"num_beams": 3, "length_penalty": 0.4}, {"repetition_penalty": 1.4}, {"suppress_tokens": [9, 11, 12]}]
)
def test_what_can_be_honoured_is_what_generate_makes_of_it(seq2seq: Make, said: dict[str, Any]) -> None:
    folder = seq2seq(bart(), **said)
    runner = duomo.load("text2text-generation", f"dir:{folder}", device="cpu")
    network, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for text in ("a dog", "Ada met Bob in Paris"):
        tokens = network.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=8)
        theirs = tokenizer.batch_decode(tokens, skip_special_tokens=True)[0]
        assert runner(text, max_new_tokens=8).generated_text == theirs


@pytest.fixture(scope="module")
def nllb(seq2seq: Make) -> Path:
    tokenizer = NllbTokenizer(vocab=LETTERS, merges=[], src_lang="eng_Latn")
    return seq2seq(
        M2M100Config(**SIZES | BYTES | {"vocab_size": len(tokenizer), "max_position_embeddings": 64}), tokenizer
    )


def test_nllb_is_told_both_languages(nllb: Path) -> None:
    runner = duomo.load("translation", f"dir:{nllb}", device="cpu")
    target = AutoTokenizer.from_pretrained(nllb).convert_tokens_to_ids("deu_Latn")
    options: dict[str, Any] = {"src_lang": "fra_Latn", "tgt_lang": "deu_Latn", "max_new_tokens": 8}
    for text, outcome in zip(TEXTS, runner.map(TEXTS, batch_size=4, **options), strict=True):
        expected = bare(nllb, text, src_lang="fra_Latn", forced_bos_token_id=target, max_new_tokens=8)
        assert outcome.unwrap().translation_text == expected == runner(text, **options).text
    own = bare(nllb, TEXTS[0], forced_bos_token_id=target, max_new_tokens=8)
    assert runner(TEXTS[0], tgt_lang="German", max_new_tokens=8).text == own


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ({"src_lang": "xx", "tgt_lang": "deu_Latn"}, "'src_lang' cannot be xx"),
        ({"src_lang": "fra_Latn", "tgt_lang": "deu_Latin"}, "'tgt_lang' cannot be deu_Latin"),
        ({}, "'tgt_lang' is required"),
    ],
)
def test_an_unknown_language_is_an_error(nllb: Path, languages: dict[str, str], message: str) -> None:
    runner = duomo.load("translation", f"dir:{nllb}", device="cpu")
    with pytest.raises(BadOption, match=message):
        runner(TEXTS[0], **languages)  # type: ignore[arg-type]


UNKNOWN = [({"src_lang": "xx"}, "'src_lang' cannot be xx"), ({"tgt_lang": "yy"}, "'tgt_lang' cannot be yy")]
BEGIN = ["<s>", "<pad>", "</s>", "<unk>"]


def trained_pieces(folder: Path) -> tuple[list[str], str]:
    """Pieces of words that are learned from the texts, and the file that has them."""
    sentencepiece = pytest.importorskip("sentencepiece")
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20), model_writer=trained, vocab_size=40, minloglevel=2, hard_vocab_limit=False
    )
    (folder / "source.spm").write_bytes(trained.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())
    words = [pieces.id_to_piece(at) for at in range(len(pieces))]
    return [word for word in words if word[0] != "<"], str(folder / "source.spm")


def test_the_first_mbart_starts_from_the_target_language(seq2seq: Make) -> None:
    vocab = [(token, -float(at)) for token, at in LETTERS.items()]
    tokenizer = MBartTokenizer(vocab=vocab, src_lang="en_XX")
    config = MBartConfig(**SIZES | BYTES | {"vocab_size": len(tokenizer), "max_position_embeddings": 64})
    folder = seq2seq(config, tokenizer)
    target = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("ro_RO")
    expected = bare(folder, TEXTS[0], decoder_start_token_id=target, max_new_tokens=8)
    runner = duomo.load("translation", f"dir:{folder}", device="cpu")
    assert runner(TEXTS[0], tgt_lang="ro_RO", max_new_tokens=8).text == expected
    for languages, said in UNKNOWN:
        with pytest.raises(BadOption, match=said):
            runner(TEXTS[0], **{"tgt_lang": "ro_RO"} | languages)  # type: ignore[arg-type]


def test_m2m100_is_told_both_languages_and_refuses_others(seq2seq: Make, tmp_path: Path) -> None:
    pieces, spm = trained_pieces(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps({word: at for at, word in enumerate(BEGIN + pieces)}), "utf-8")
    tokenizer = M2M100Tokenizer(str(tmp_path / "vocab.json"), spm, src_lang="en")
    config = M2M100Config(
        **SIZES | BYTES | {"vocab_size": tokenizer.get_lang_id("zu") + 9, "max_position_embeddings": 64}
    )
    folder = seq2seq(config, tokenizer)
    runner = duomo.load("translation", f"dir:{folder}", device="cpu")
    options: dict[str, Any] = {"src_lang": "fr", "tgt_lang": "de", "max_new_tokens": 8}
    target = tokenizer.get_lang_id("de")
    for text, outcome in zip(TEXTS, runner.map(TEXTS, batch_size=4, **options), strict=True):
        expected = bare(folder, text, src_lang="fr", forced_bos_token_id=target, max_new_tokens=8)
        assert outcome.unwrap().text == expected
    for languages, said in UNKNOWN:
        with pytest.raises(BadOption, match=said):
            runner(TEXTS[0], **options | languages)


def test_t5_translates_the_pairs_that_its_config_names(seq2seq: Make) -> None:
    pairs = {f"translation_en_to_{code}": {"prefix": f"{code} the ", "max_length": 8} for code in ("de", "fr")}
    folder = seq2seq(t5(task_specific_params=pairs))
    runner = duomo.load("translation", f"dir:{folder}", device="cpu")
    assert runner(TEXTS[1], src_lang="English", tgt_lang="de").text == bare(folder, "de the " + TEXTS[1], max_length=8)
    with pytest.raises(BadOption, match="cannot be en and es") as caught:
        runner(TEXTS[1], src_lang="en", tgt_lang="es")
    assert caught.value.why == "this checkpoint translates en to de, en to fr"


def test_marian_knows_its_pair(seq2seq: Make, tmp_path: Path) -> None:
    from transformers import MarianTokenizer

    words, spm = trained_pieces(tmp_path)
    vocab = {word: at for at, word in enumerate(["</s>", "<unk>", *words, "<pad>"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab), "utf-8")
    tokenizer = MarianTokenizer(spm, spm, str(tmp_path / "vocab.json"), source_lang="en", target_lang="de")
    pad = vocab["<pad>"]
    config = MarianConfig(
        **SIZES | {"vocab_size": len(vocab), "pad_token_id": pad, "decoder_start_token_id": pad, "eos_token_id": 0},
        max_position_embeddings=64,
        decoder_vocab_size=len(vocab),
    )
    folder = seq2seq(config, tokenizer)
    runner = duomo.load("translation", f"dir:{folder}", device="cpu")
    for text, outcome in zip(TEXTS, runner.map(TEXTS, batch_size=4, max_new_tokens=8), strict=True):
        assert outcome.unwrap().text == bare(folder, text, max_new_tokens=8)
    assert runner(TEXTS[0], src_lang="en", tgt_lang="de", max_new_tokens=8).text
    for languages, said in UNKNOWN:
        with pytest.raises(BadOption, match=said):
            runner(TEXTS[0], **languages)  # type: ignore[arg-type]
