"""What a checkpoint is that would first be made into a folder in transformers layout; nothing is converted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from duomo.converting import GGUF, PEFT, base_of, gguf_file, is_adapter
from duomo.errors import DuomoError, Offline
from duomo.plugins.requirements import missing_requirements
from duomo.unfit import ADAPTER, read_config
from duomo.weights import first_line

ENDINGS = {
    "CAUSAL_LM": "ForCausalLM",
    "SEQ_2_SEQ_LM": "ForConditionalGeneration",
    "SEQ_CLS": "ForSequenceClassification",
    "TOKEN_CLS": "ForTokenClassification",
    "QUESTION_ANS": "ForQuestionAnswering",
    "FEATURE_EXTRACTION": "Model",
}
"""How classes are called that do what an adapter was trained for."""


class Foreign(NamedTuple):
    """What was found, in the words of `duomo.cli.checkpoints.Folder`."""

    layout: str
    """``gguf`` or ``peft``."""
    architectures: list[str]
    parameters: int
    size: int
    dtypes: list[str]
    prepares: list[str]
    missing: list[str]
    base: str = ""


def look_foreign(path: Path) -> Foreign | None:
    """Look into a GGUF file or an adapter; None for anything else."""
    try:
        file = gguf_file(path)
    except DuomoError as error:
        return Foreign("gguf", [], 0, 0, [], [], [f"one file: {error.fix}"])
    if file is not None:
        return _gguf(file)
    return _adapter(path) if is_adapter(path) else None


def _gguf(file: Path) -> Foreign:
    size, missing = file.stat().st_size, [f"{each}: pip install 'duomo[gguf]'" for each in missing_requirements(GGUF)]
    found = Foreign("gguf", ["LlamaForCausalLM"], 0, size, [], ["tokenizer"], missing)
    if missing:
        return found
    from gguf import GGUFReader

    try:
        reader = GGUFReader(file)
        name = str(reader.fields["general.architecture"].contents())
        parameters = sum(int(each.n_elements) for each in reader.tensors)
        kinds = sorted({each.tensor_type.name for each in reader.tensors})
    except Exception as error:  # its reader raises what its first surprise happens to be
        return found._replace(
            architectures=[], prepares=[], missing=[f"{file.name} is damaged ({first_line(error)}): download it again"]
        )
    return found._replace(parameters=parameters, dtypes=kinds, base=name)


def _adapter(folder: Path) -> Foreign:
    config = read_config(folder, ADAPTER)
    missing = [f"{each}: pip install 'duomo[peft]'" for each in missing_requirements(PEFT)]
    name, named = str(config.get("base_model_name_or_path") or ""), []
    try:
        base = base_of(folder, _not_fetched)
        own = read_config(base, "config.json").get("architectures")
        named = [str(each) for each in own] if isinstance(own, list) else []
    except DuomoError as error:
        missing.append(f"its base, '{name}': {error.fix}, or let hf: fetch it when it is first loaded")
    ending = ENDINGS.get(str(config.get("task_type") or ""))
    if ending:
        named = [re.sub(r"(For[A-Z]\w*|LMHeadModel|MTModel|Model)$", "", each) + ending for each in named[:1]]
    files = sorted(folder.glob("*.safetensors"))
    return Foreign("peft", named, 0, sum(each.stat().st_size for each in files), [], ["tokenizer"], missing, name)


def _not_fetched(name: str) -> Path:
    """The base in the hub's cache; nothing is downloaded to look at an adapter."""
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(name, local_files_only=True))
    except Exception as error:  # not a name of the hub, or not in the cache
        raise Offline(f"'{name}' is not in the local cache", why=first_line(error), fix="") from None
