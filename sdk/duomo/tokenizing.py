"""Tokenizers that cut texts as the ``tokenizer.json`` of their folder says.

transformers 5 takes only the vocabulary from the file; the other parts are those of the class that the folder names
(transformers#44462, #45701, #45812, #45920).
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duomo.unfit import read_config

Processor = Any
"""An image processor, feature extractor or tokenizer of transformers: settings and methods differ by family."""

_KNOWS_MORE = ("Siglip2Tokenizer",)
"""Classes that do more than the files of their checkpoints say: SigLIP 2 reads no capitals."""
_SAYS_ITS_ENDS = ("src_lang", "set_prefix_tokens")
"""What tokenizers have that put the language before or behind a text, or a task."""
_TOLD = {"add_prefix_space", "trim_offsets", "lowercase", "strip_accents", "handle_chinese_chars", "clean_text"}
"""What ``tokenizer_config.json`` may set: it stays as it is set there."""


def read_processor(auto: type[Processor], folder: Path, settings: Mapping[str, object]) -> Processor:
    """Read what the class says that the folder names, or for a tokenizer that this class cannot make, its file alone.

    transformers 5 makes an XLM-R, T5 or DeBERTa of its vocabulary with a model of the class's own, Unigram, and ends in
    a TypeError where the file has another, such as BPE. Its special tokens and the inputs that it names hold.

    Args:
        auto: such as ``AutoTokenizer``.
        folder: in transformers layout.
        settings: what replaces settings of the folder, and the arguments of ``from_pretrained``.
    """
    try:
        return auto.from_pretrained(folder, **settings)
    except TypeError:
        import transformers

        said = read_config(folder, "special_tokens_map.json") | read_config(folder, "tokenizer_config.json")
        named = getattr(transformers, str(said.get("tokenizer_class")), None)
        if named is None or not (folder / "tokenizer.json").is_file():
            raise
        own = {name: each.default for name, each in inspect.signature(named).parameters.items() if "_token" in name}
        own = {name: each for name, each in own.items() if isinstance(each, str)}
        own |= {"model_input_names": named.model_input_names}
        how: dict[str, Any] = {name: each for name, each in own.items() if name not in said} | dict(settings)
        return transformers.PreTrainedTokenizerFast.from_pretrained(folder, **how)


def follow_file(wrapper: Processor, file: Path) -> None:
    """Have a tokenizer cut texts as its file says; what is not such a tokenizer, or has no file, stays as it is."""
    if not hasattr(wrapper, "backend_tokenizer") or not file.is_file() or type(wrapper).__name__ in _KNOWS_MORE:
        return
    said, own = json.loads(file.read_bytes()), None
    built = wrapper.backend_tokenizer
    parts = ["normalizer", "pre_tokenizer", "decoder", "model"]
    if not any(hasattr(wrapper, name) for name in _SAYS_ITS_ENDS) and not {"add_bos_token", "add_eos_token"} & set(
        wrapper.init_kwargs
    ):
        parts.append("post_processor")
    for part in parts:
        if not _is_alike(getattr(built, part), said.get(part)):
            from tokenizers import Tokenizer

            own = own or Tokenizer.from_file(str(file))
            setattr(built, part, getattr(own, part))


def _is_alike(built: Processor, said: Mapping[str, object] | None) -> bool:
    """Say whether a part of a tokenizer works as the file says; a model by its settings, without its vocabulary."""
    if built is None or said is None or "vocab" not in said:
        return _form(json.loads(built.__getstate__()) if built is not None else None) == _form(said)
    settings = {name: each for name, each in said.items() if name not in ("type", "vocab", "merges")}
    return said.get("type", "") in ("", type(built).__name__) and all(
        (getattr(built, name, each) or None) == (each or None) for name, each in settings.items()
    )


def _form(part: object) -> object:
    """What a part does, but for what tokenizer_config.json may set; what is off or empty is as what is not there."""
    if isinstance(part, dict):
        return {name: form for name, each in part.items() if name not in _TOLD and (form := _form(each))}
    return [_form(each) for each in part] if isinstance(part, list) else part
