"""A transformers checkpoint on disk to its network and tokenizer: whole, or not at all."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from duomo import WeightsRef
from duomo.errors import UnsafeWeights, WeightsMissing, WeightsProblem
from duomo.weights import check_tensors

UNLIMITED = 1_000_000
"""Tokenizers that know no limit say so with an absurdly large number."""
FALLBACK = 512
"""Tokens a model reads when neither its tokenizer nor its config says: attention grows with their square."""


def load_network(
    auto: Any, weights: WeightsRef, device: torch.device, dtype: torch.dtype, unused: tuple[str, ...] = ()
) -> Any:
    """Build the network with an Auto class.

    Args:
        auto: such as ``AutoModelForSequenceClassification``.
        weights: a folder in transformers layout.
        device: where to put it.
        dtype: of its weights.
        unused: prefixes of tensors that the caller never reads, and which may therefore be missing.

    Raises:
        WeightsMismatch: a tensor is missing or has the wrong shape.
        UnsafeWeights: it needs code of its own.
        WeightsProblem: it is damaged, or of an architecture that transformers does not know.
    """
    try:
        with quiet():
            network, info = auto.from_pretrained(
                weights.folder,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except (ImportError, OSError, ValueError, SafetensorError) as error:
        if "trust_remote_code" in str(error):
            raise UnsafeWeights(
                f"'{weights.folder}' needs code that comes with the checkpoint",
                why="duomo never runs code from a checkpoint",
                fix="use a checkpoint of an architecture that transformers itself knows",
            ) from error
        raise WeightsProblem(
            f"'{weights.folder}' cannot be loaded",
            why=str(error).strip().splitlines()[0],
            fix="download or save it again, whole; transformers must know its model_type",
        ) from error
    missing = [key for key in info["missing_keys"] if not key.startswith(unused or ("\0",))]
    check_tensors(str(weights.folder), missing, misshapen=[key for key, *_ in info["mismatched_keys"]])
    return network.to(device)


def load_tokenizer(weights: WeightsRef) -> tuple[PreTrainedTokenizerBase, Tokenizer]:
    """The checkpoint's tokenizer, and the fast one (Rust) inside it.

    Raises `WeightsMissing` when there is none, or none with a fast form.
    """
    try:
        with quiet():
            wrapper = AutoTokenizer.from_pretrained(weights.folder, local_files_only=True, trust_remote_code=False)
        fast: Tokenizer = wrapper.backend_tokenizer
        # Without its files transformers makes an empty tokenizer, to which every word is unknown.
        if fast.get_vocab_size() <= len(wrapper.all_special_tokens):
            raise OSError("the folder holds no vocabulary")
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise WeightsMissing(
            f"'{weights.folder}' has no tokenizer that can be used",
            why=str(error).strip().splitlines()[0],
            fix="save it there: tokenizer.save_pretrained(folder); it needs a tokenizer.json",
        ) from None
    fast.no_padding()
    fast.no_truncation()
    return wrapper, fast


def max_tokens(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, weights: WeightsRef) -> int:
    """How many tokens fit, special ones included: the least that tokenizer, config and folder say."""
    config = network.config.get_text_config()
    limits = [tokenizer.model_max_length, getattr(config, "max_position_embeddings", None)]
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            # RoBERTa and its kin count positions from padding_idx + 1, so that the last rows do not exist.
            limits.append(module.num_embeddings - module.padding_idx - 1)
    limits.append(read_json(weights, "sentence_bert_config.json").get("max_seq_length"))
    known = [limit for limit in limits if limit is not None and 0 < limit < UNLIMITED]
    return min(known, default=FALLBACK)


def read_json(weights: WeightsRef, name: str) -> Any:
    """A JSON file of the folder; an empty dict when it is not there."""
    file = weights.folder / name
    return json.loads(file.read_text("utf-8")) if file.is_file() else {}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars of transformers and no table of keys: `check_tensors` judges those."""
    logging: Any = transformers_logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
