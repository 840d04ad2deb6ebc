"""The languages of an encoder-decoder: how its checkpoint is set to what it reads and writes.

by token    NLLB, mBART, M2M100: a code before or behind the text, and one that the decoder begins with
by prefix   T5: "translate English to German: ", of ``task_specific_params``; Marian with several targets: ">>fra<< "
fixed       Marian with one pair: the tokenizer names both
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from duomo.errors import BadOption, did_you_mean
from duomo.tasks.languages import language_among

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from duomo.pretrained import Processor


class Languages:
    """What a tokenizer and a config know of languages."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, task_params: dict[str, dict[str, Any]], network: PreTrainedModel
    ) -> None:
        self.tokenizer = tokenizer
        self.tokens = _tokens(tokenizer)
        self.targets = list(getattr(tokenizer, "supported_language_codes", None) or [])
        fixed = (getattr(tokenizer, "source_lang", None), getattr(tokenizer, "target_lang", None))
        if network.config.model_type == "fsmt":
            fixed = (network.config.langs[0], network.config.langs[1])
        is_one_pair = not self.tokens and not self.targets and all(fixed)
        self.pair = (str(fixed[0]), str(fixed[1])) if is_one_pair else None
        self.translations = {name: each for name, each in task_params.items() if name.startswith("translation")}
        self.begins_with_start = type(tokenizer).__name__.startswith("MBartTokenizer")
        generation = network.generation_config
        self.has_default = generation.forced_bos_token_id is not None
        self._lock = threading.Lock()

    def params(self, source: str | None, target: str | None) -> dict[str, Any]:
        """What the checkpoint says about this pair in ``task_specific_params``.

        Raises `BadOption` for a pair it does not have, and for none where it has several.
        """
        if self.tokens or self.targets or self.pair:
            return self.translations.get("translation", {})
        if not self.translations:
            for name, value in (("src_lang", source), ("tgt_lang", target)):
                if value is not None:
                    raise _unknown(name, value, (), "this checkpoint does not say which languages it knows")
            return {}
        pairs = {name.removeprefix("translation").lstrip("_"): name for name in self.translations}
        if source is None and target is None and len(pairs) == 1:
            return next(iter(self.translations.values()))
        known = {language for pair in pairs for language in pair.split("_to_")}
        asked = "_to_".join(language_among(str(each), known) for each in (source, target))
        if source is None or target is None or asked not in pairs:
            raise BadOption(
                f"options 'src_lang' and 'tgt_lang' cannot be {source} and {target}",
                why=f"this checkpoint translates {', '.join(sorted(pairs)).replace('_to_', ' to ')}",
                fix="name one of these pairs",
            )
        return self.translations[pairs[asked]]

    def source(self, language: str | None) -> str | None:
        """The code for the tokenizer; None for its own."""
        if language is None:
            return None
        if self.tokens:
            return among("src_lang", language, self.tokens)
        if self.pair:
            among("src_lang", language, self.pair[:1])
        elif self.targets:
            among("src_lang", language, (self.tokenizer.source_lang,))
        return None

    def prefix(self, language: str | None) -> str:
        """What Marian wants before a text, to know the target."""
        if self.pair and language is not None:
            among("tgt_lang", language, self.pair[1:])
        if not self.targets:
            return ""
        known = [each.removeprefix(">>").removesuffix("<<") for each in self.targets]
        return f">>{among('tgt_lang', language, known)}<< "

    def start(self, language: str | None) -> dict[str, Any]:
        """What the decoder begins with, as entries of a generation config."""
        if not self.tokens:
            return {}
        if language is None and self.has_default:
            return {}
        token = self.tokens[among("tgt_lang", language, self.tokens)]
        # The first mBART starts from the language; its successors are made to write it first.
        return {"decoder_start_token_id": token} if self.begins_with_start else {"forced_bos_token_id": token}

    @contextlib.contextmanager
    def reading(self, source: str | None) -> Iterator[None]:
        """Let the tokenizer read texts of a language; its own is there again afterwards."""
        if source is None:
            yield
            return
        with self._lock:
            before = self.tokenizer.src_lang
            self.tokenizer.src_lang = source
            try:
                yield
            finally:
                self.tokenizer.src_lang = before


def _tokens(tokenizer: Processor) -> dict[str, int]:
    """The token of each language, by its code, for tokenizers that take one."""
    if not hasattr(type(tokenizer), "src_lang"):
        return {}
    by_code = getattr(tokenizer, "lang_code_to_token", None)
    if by_code:
        return {code: tokenizer.convert_tokens_to_ids(token) for code, token in by_code.items()}
    special = {*tokenizer.all_special_tokens} - {
        token for token in tokenizer.special_tokens_map.values() if isinstance(token, str)
    }
    return {token: tokenizer.convert_tokens_to_ids(token) for token in sorted(special) if "_" in token}


def among(option: str, language: str | None, known: Collection[str]) -> str:
    """The language as the checkpoint spells it. Raises `BadOption`."""
    found = None if language is None else language_among(language, known)
    if found is None or found not in known:
        raise _unknown(option, language, known)
    return found


def _unknown(option: str, language: str | None, known: Any, why: str = "") -> BadOption:
    names = sorted(filter(None, known))
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return BadOption(
        f"option '{option}' cannot be {language}" if language else f"option '{option}' is required",
        why=why or f"this checkpoint knows {shown}",
        fix=(did_you_mean(language, names) if language else "")
        or (f"{option}={names[0]}, or another" if names else "leave it out"),
    )
