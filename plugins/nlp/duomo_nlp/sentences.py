"""How a sentence-transformers folder makes its vectors: prompts, case, length, pooling and likeness.

The files, in the names of today and of its first releases, are in the tables of `duomo_nlp.honoured`; what they
ask for and is not written here is refused by name, for leaving it out would give other vectors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from tokenizers import Tokenizer, normalizers

from duomo import WeightsRef
from duomo.errors import WeightsMismatch
from duomo.generating import Entry
from duomo_nlp import projections
from duomo_nlp.checkpoint import read_json, read_sentence_config
from duomo_nlp.honoured import POOLING, SENTENCE, SENTENCES, STEPS

POOLINGS = {
    "cls": "cls",
    "cls_token": "cls",
    "max": "max",
    "max_tokens": "max",
    "mean": "mean",
    "mean_tokens": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt_len",
    "weightedmean": "weighted_mean",
    "weightedmean_tokens": "weighted_mean",
    "lasttoken": "last",
}
"""The names of poolings in their files, to the names here."""


class Recipe(NamedTuple):
    """How a folder makes its vectors."""

    pooling: tuple[str, ...]
    """How token vectors become one; several are joined, in this order."""
    includes_prompt: bool
    """Whether the prompt's tokens are pooled too."""
    prompts: Mapping[str, str]
    default_prompt: str
    """The name of the prompt before every text; empty where there is none."""
    dims: int | None
    """Only the first numbers of each vector count; None for all."""
    similarity: str
    """``cosine``, ``dot``, ``euclidean`` or ``manhattan``."""
    is_described: bool
    """Whether the folder says so itself."""
    after: tuple[tuple[str, str], ...] = ()
    """The steps behind the pooling: name, and folder of its weights."""


def read_recipe(weights: WeightsRef, known: Collection[str] = (), output: str = projections.USUAL) -> Recipe:
    """Read the folder's files.

    Args:
        weights: of the folder.
        known: entries of ``config_sentence_transformers.json`` that the caller reads itself.
        output: where the last step is to write.

    Raises:
        WeightsMismatch: it asks for what cannot be honoured.
    """
    modules = read_json(weights, "modules.json") or []
    every = [(str(each["type"]).rpartition(".")[2], str(each.get("path", ""))) for each in modules]
    steps = dict(every)
    behind = tuple(every[every.index(("Pooling", steps["Pooling"])) + 1 :]) if "Pooling" in steps else ()
    pooling = read_json(weights, f"{steps['Pooling']}/config.json") if "Pooling" in steps else {}
    own = read_json(weights, "config_sentence_transformers.json")
    general = {name: value for name, value in own.items() if name not in known}
    refused = [
        *(f"the step {name}" for name in steps if STEPS.get(name, _UNKNOWN).how == "refused"),
        *_refused(read_sentence_config(weights), SENTENCE),
        *_refused(general, SENTENCES),
        *_refused(pooling, POOLING),
        *(
            f"{each} in the step {path}"
            for name, path in behind
            for each in projections.refused(weights, name, path, output if path == behind[-1][1] else projections.USUAL)
        ),
        *(
            f"the step {name} before the pooling"
            for name, path in every
            if name in projections.STEPS and (name, path) not in behind
        ),
    ]
    prompts = {name: text or "" for name, text in (general.get("prompts") or {}).items()}
    default = general.get("default_prompt_name") or ""
    if default and default not in prompts:
        refused.append(f"default_prompt_name='{default}', which is not among its prompts")
    asked = _poolings(pooling)
    refused += [f"pooling_mode='{name}'" for name in asked if name not in POOLINGS]
    if refused:
        raise WeightsMismatch(
            f"'{weights.folder}' makes its vectors in a way that duomo does not know",
            why=f"it asks for {', '.join(refused)}",
            fix="use a checkpoint without that; docs/checkpoints.md lists what is known",
        )
    return Recipe(
        tuple(POOLINGS[name] for name in asked),
        bool(pooling.get("include_prompt", True)),
        prompts,
        default,
        general.get("truncate_dim"),
        general.get("similarity_fn_name") or "cosine",
        bool(pooling),
        behind,
    )


def lower_case(weights: WeightsRef, tokenizer: Tokenizer) -> None:
    """Let `tokenizer` put texts in lower case first, where the folder asks for it."""
    if not read_sentence_config(weights).get("do_lower_case"):
        return
    own: Any = tokenizer.normalizer
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *([own] if own is not None else [])])


def _poolings(config: Mapping[str, Any]) -> list[str]:
    """The poolings that a config names, by a name or by flags; ``mean`` where it names none."""
    said = config.get("pooling_mode")
    if isinstance(said, str):
        return [said]
    if said:
        return [str(each) for each in said]
    flags = [key.removeprefix("pooling_mode_") for key, on in config.items() if key.startswith("pooling_mode_") and on]
    order = ["cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]
    return sorted(flags, key=lambda name: order.index(name) if name in order else len(order)) or ["mean"]


_UNKNOWN = Entry("refused")


def _refused(said: Mapping[str, Any], table: Mapping[str, Entry]) -> list[str]:
    """The entries of a file that ask for something that is not written here."""
    found = []
    for key, value in said.items():
        entry = table.get(key, _UNKNOWN)
        if entry.how == "refused" and value is not None and value not in ({}, []) and value not in entry.neutral:
            found.append(f"{key}={value!r:.60}")
    return found
