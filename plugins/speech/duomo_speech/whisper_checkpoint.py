"""A Whisper checkpoint, of CTranslate2 or in transformers layout: its network, and the tokens that steer it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from transformers import AutoTokenizer, PreTrainedTokenizerFast, WhisperConfig, WhisperForConditionalGeneration
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from duomo import WeightsRef
from duomo.errors import WeightsMissing
from duomo.generating import refuse
from duomo.pretrained import load_network
from duomo.tasks.speech import whispering
from duomo.weights import check_tensors, find_parts
from duomo_speech.checkpoint import load_part
from duomo_speech.ctranslate2 import read_whisper
from duomo_speech.honoured import WHISPER

if TYPE_CHECKING:
    from duomo.pretrained import Processor

NUM_ENGLISH_ONLY = 51_864  # tokens of a model without languages; all others have more


class Vocabulary(whispering.Vocabulary):
    """The tokens that steer decoding, and the tokenizer of a checkpoint."""

    tokenizer: Any

    @classmethod
    def of(
        cls, tokenizer: Processor, suppressed: list[int], suppressed_first: list[int], is_multilingual: bool
    ) -> Self:
        """Look the special tokens up."""
        start, end, transcribe, translate, no_timestamps = tokenizer.convert_tokens_to_ids(
            ["<|startoftranscript|>", "<|endoftext|>", "<|transcribe|>", "<|translate|>", "<|notimestamps|>"]
        )
        languages = {}
        if is_multilingual:
            ids = list(range(start + 1, min(transcribe, translate)))
            languages = {
                token.strip("<|>"): at for token, at in zip(tokenizer.convert_ids_to_tokens(ids), ids, strict=True)
            }
        return cls(
            tokenizer=tokenizer, languages=languages, start=start, end=end, transcribe=transcribe, translate=translate,
            no_timestamps=no_timestamps, suppressed=suppressed, suppressed_first=suppressed_first,
        )  # fmt: skip


def read_checkpoint(weights: WeightsRef) -> tuple[Any, Vocabulary]:
    """The network on the CPU, whole or refused, and its vocabulary."""
    assert weights.path is not None
    if not weights.path.is_dir():
        return _from_ctranslate2(weights, find_parts(weights.spec))
    files = [weights.folder / "model.bin"]
    is_whole = any(weights.folder.glob("*.safetensors"))
    return _from_folder(weights) if is_whole or not files[0].is_file() else _from_ctranslate2(weights, files)


def _from_ctranslate2(weights: WeightsRef, files: Sequence[Path]) -> tuple[Any, Vocabulary]:
    """A ``model.bin`` (whole, or in parts) with ``tokenizer.json`` and ``config.json`` beside it."""
    for name, what in (("tokenizer.json", "tokenizer"), ("config.json", "list of tokens to suppress")):
        if not (weights.folder / name).is_file():
            raise WeightsMissing(
                f"'{weights.folder}' has no {name}",
                why=f"it holds the {what}",
                fix="convert it again: ct2-transformers-converter --copy_files tokenizer.json …",
            )
    tensors = read_whisper(b"".join(path.read_bytes() for path in files))
    num_tokens, width = tensors["model.decoder.embed_tokens.weight"].shape
    config = WhisperConfig(
        vocab_size=num_tokens,
        pad_token_id=num_tokens - 1,  # never read; transformers wants one in the vocabulary
        d_model=width,
        num_mel_bins=tensors["model.encoder.conv1.weight"].shape[1],
        encoder_layers=_count_layers(tensors, "encoder"),
        decoder_layers=_count_layers(tensors, "decoder"),
        encoder_attention_heads=width // 64,
        decoder_attention_heads=width // 64,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
    )
    with torch.device("meta"):
        network = WhisperForConditionalGeneration(config)
    missing, unexpected = network.load_state_dict(tensors, strict=False, assign=True)
    check_tensors(weights.spec.name, missing, unexpected)
    network.tie_weights()
    steering: dict[str, Any] = {"suppress_ids": [], "suppress_ids_begin": []}
    steering |= json.loads((weights.folder / "config.json").read_text("utf-8"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(weights.folder / "tokenizer.json"))  # type: ignore[no-untyped-call]
    return network, Vocabulary.of(
        tokenizer, steering["suppress_ids"], steering["suppress_ids_begin"], num_tokens > NUM_ENGLISH_ONLY
    )


def _from_folder(weights: WeightsRef) -> tuple[Any, Vocabulary]:
    """A checkpoint as `save_pretrained` writes it."""
    network = load_network(WhisperForConditionalGeneration, weights)
    tokenizer = load_part(AutoTokenizer, weights)
    steering = network.generation_config
    refuse(steering, WHISPER, weights.folder)
    vocabulary = Vocabulary.of(
        tokenizer,
        list(steering.suppress_tokens or ()),
        list(steering.begin_suppress_tokens or ()),
        getattr(steering, "is_multilingual", network.config.vocab_size > NUM_ENGLISH_ONLY),
    )
    return network, _tuned(vocabulary, steering)


def _tuned(vocabulary: Vocabulary, steering: object) -> Vocabulary:
    """With the language and task of a generation config, or of its older ``forced_decoder_ids`` where it has neither.

    Source: ``_retrieve_init_tokens`` of transformers' ``generation_whisper.py``.
    """
    language, task = getattr(steering, "language", None), getattr(steering, "task", None)
    if language is None and task is None:
        forced = dict(getattr(steering, "forced_decoder_ids", None) or ())
        language = next((name for name, token in vocabulary.languages.items() if token == forced.get(1)), None)
        task = "translate" if forced.get(2) == vocabulary.translate else None
    if language is not None:
        language = language.lower().strip("<|>")
        language = TO_LANGUAGE_CODE.get(language, language)
    return vocabulary.model_copy(update={"language": language, "task": task or "transcribe"})


def _count_layers(tensors: dict[str, Tensor], side: str) -> int:
    return len({name.split(".")[3] for name in tensors if name.startswith(f"model.{side}.layers.")})
