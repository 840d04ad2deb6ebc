"""Checkpoints that are not folders in transformers layout, made into such folders once.

gguf   a file of llama.cpp: its numbers become bfloat16, by transformers' own reader
peft   an adapter: merged into its base

The folder lies in the cache, under a digest of what it was made from, and is made again when that changes. Half a
folder is never seen: it is written beside its place and renamed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duomo.config import cache_path
from duomo.errors import DuomoError, RequirementMissing, Unavailable, WeightsMissing, WeightsProblem
from duomo.plugins.requirements import missing_requirements
from duomo.pretrained import quiet
from duomo.unfit import ADAPTER, read_config
from duomo.weights import check_tensors, first_line, folder_digest, refuse_pickles

if TYPE_CHECKING:
    from duomo.pretrained import Network

GGUF = ("gguf>=0.10", "accelerate>=1.1")
PEFT = ("peft>=0.17",)
AUTOS = {
    "CAUSAL_LM": "AutoModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    "SEQ_CLS": "AutoModelForSequenceClassification",
    "TOKEN_CLS": "AutoModelForTokenClassification",
    "QUESTION_ANS": "AutoModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoModel",
}
"""What an adapter was trained for, as PEFT calls it, and the class of its base."""
HEADS = ("classifier.weight", "score.weight", "classifier.out_proj.weight")
"""What the last layer of a classifier is called, which has a row for each label."""
PREPARING = (".json", ".txt", ".model", ".jinja", ".tiktoken")
"""Endings of files that prepare inputs."""
NETWORK = ("config.json", "generation_config.json", ADAPTER)
_SAFE = {"local_files_only": True, "trust_remote_code": False}


def plain_folder(path: Path, find: Callable[[str], Path]) -> Path:
    """Return the folder to load: `path` itself, or the one in the cache that was made of it.

    Args:
        path: a folder, or a GGUF file.
        find: where the base of an adapter lies, by the name that the adapter gives it.

    Raises:
        WeightsProblem: it is of one of these kinds and cannot be made into a folder.
        WeightsMissing: the base of an adapter is not here.
        RequirementMissing: a library that reads it is not installed.
    """
    file = gguf_file(path)
    if file is not None:
        _check(GGUF, f"'{file}'", "gguf")
        size = file.stat()
        return _once("gguf", f"{file.resolve()}:{size.st_size}:{size.st_mtime_ns}", lambda to: _from_gguf(file, to))
    if not is_adapter(path):
        return path
    _check(PEFT, f"'{path}'", "peft")
    refuse_pickles(path)
    base = base_of(path, find)
    digests = f"{path.resolve()}:{folder_digest(path)}:{base.resolve()}:{folder_digest(base)}"
    return _once("peft", digests, lambda to: _from_adapter(path, base, to))


def gguf_file(path: Path) -> Path | None:
    """The GGUF file that `path` is, or that is in it; None where there is none, or safetensors beside it.

    Raises `WeightsProblem` for a folder with several.
    """
    if path.suffix == ".gguf":
        return path if path.is_file() else None
    found = sorted(path.glob("*.gguf")) if path.is_dir() and not any(path.glob("*.safetensors")) else []
    if len(found) > 1:
        raise WeightsProblem(
            f"'{path}' holds {len(found)} GGUF files",
            why="each is a model, or one of the parts that a model was split into",
            fix=f"name one: dir:{found[0]}; join parts with llama.cpp's llama-gguf-split --merge",
        )
    return found[0] if found else None


def is_adapter(folder: Path) -> bool:
    """Whether `folder` holds what was learned on top of a model, and not the model."""
    return (folder / ADAPTER).is_file() and not (folder / "config.json").is_file()


def base_of(folder: Path, find: Callable[[str], Path]) -> Path:
    """The folder of an adapter's base. Raises `WeightsMissing` with its name where it is not here."""
    name = str(read_config(folder, ADAPTER).get("base_model_name_or_path") or "")
    for place in (Path(name), folder / name):
        if name and place.is_dir():
            refuse_pickles(place)
            return place
    why = "its adapter_config.json does not name one"
    if name:
        try:
            return find(name)
        except DuomoError as error:
            why = f"{error.what}: {error.why}"
    raise WeightsMissing(
        f"the base of the adapter '{folder}' is not here: '{name}'",
        why=why,
        fix=f"write the base's folder into base_model_name_or_path of '{folder / ADAPTER}'",
    )


def _once(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    place = cache_path() / "converted" / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:24]}"
    if place.is_dir():
        return place
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix="unfinished-", ignore_cleanup_errors=True) as scratch:
            make(made := Path(scratch) / place.name)
            os.rename(made, place)
    except OSError as error:
        if place.is_dir():  # another process was quicker
            return place
        raise Unavailable(
            f"no folder can be made in '{place.parent}'",
            why=str(error),
            fix="set DUOMO_CACHE to a folder that can be written, with room for the model in 16 bits",
        ) from error
    return place


def _from_gguf(file: Path, made: Path) -> None:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    unpack = getattr(transformers, "GgufConfig", None)  # older versions unpack all files
    how = {} if unpack is None else {"quantization_config": unpack(dequantize=True)}
    auto: Any = AutoModelForCausalLM
    where: dict[str, Any] = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name, **_SAFE}
    try:
        # The reader draws a bar of its own, which nothing turns off.
        with quiet(), contextlib.redirect_stderr(io.StringIO()):
            network, found = auto.from_pretrained(**where, **how, dtype=torch.bfloat16, output_loading_info=True)
            tokenizer = AutoTokenizer.from_pretrained(**where)
    except Exception as error:  # the readers raise what their first surprise happens to be
        raise WeightsProblem(
            f"'{file}' cannot be converted",
            why=first_line(error),
            fix="take the model it was made from, in transformers layout; or serve the file with llama.cpp",
        ) from error
    check_tensors(str(file), found["missing_keys"])
    network.hf_quantizer = None  # its numbers are plain ones now
    if hasattr(network.config, "quantization_config"):
        del network.config.quantization_config
    with quiet():
        network.save_pretrained(made)
        tokenizer.save_pretrained(made)


def _from_adapter(folder: Path, base: Path, made: Path) -> None:
    from peft import PeftModel
    from safetensors import safe_open

    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118 - not a dict
    own = {name.removeprefix("base_model.model.").replace("modules_to_save.", ""): shapes[name] for name in shapes}
    try:
        with quiet(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")  # PEFT asks transformers so
            warnings.filterwarnings("ignore", module="peft")  # of what is refused or set right here
            network = _base(folder, base, own)
            _untie(network, own)
            adapted = PeftModel.from_pretrained(network, str(folder), local_files_only=True)
            # Read once more: the first reading does not say which tensors had no place, and which places none.
            found = adapted.load_adapter(str(folder), "default", local_files_only=True)
            surplus = [name for name in found.unexpected_keys if adapted.base_model.prefix in name]
            check_tensors(str(folder), [name for name in found.missing_keys if not _is_shared(name)], surplus)
            merged = adapted.merge_and_unload()
    except DuomoError:
        raise
    except Exception as error:  # of many kinds: methods that cannot be merged, another base, other shapes
        raise WeightsProblem(
            f"the adapter '{folder}' cannot be merged into '{base}'",
            why=first_line(error),
            fix="check that this is its base; prompts and prefixes cannot be merged, LoRA and its kin can",
        ) from error
    with quiet():
        merged.save_pretrained(made)
    for source in (base, folder):  # the adapter's own tokenizer counts
        for path in source.rglob("*"):
            inside = path.relative_to(source)
            if path.is_file() and path.suffix in PREPARING and path.name not in NETWORK and "index" not in path.name:
                (made / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, made / inside)


def _base(folder: Path, base: Path, own: dict[str, list[int]]) -> Network:
    """The base with the head that the adapter was trained with; nothing in it is random but what the adapter holds."""
    import transformers

    kind = str(read_config(folder, ADAPTER).get("task_type") or "")
    named = AUTOS.get(kind) or str((read_config(base, "config.json").get("architectures") or [""])[0])  # type: ignore[index]
    auto: Any = getattr(transformers, named, None)
    if auto is None:
        raise WeightsProblem(
            f"nobody says as what the base of '{folder}' is to be loaded",
            why=f"task_type is '{kind}', and '{base}' names no architecture that transformers knows",
            fix=f"set task_type in '{folder / ADAPTER}' to one of {', '.join(AUTOS)}",
        )
    heads = [shape[0] for name, shape in own.items() if name.endswith(HEADS)]
    labels = {"num_labels": heads[-1]} if kind in ("SEQ_CLS", "TOKEN_CLS") and heads else {}
    network, found = auto.from_pretrained(
        base, use_safetensors=True, output_loading_info=True, ignore_mismatched_sizes=True, **labels, **_SAFE
    )
    lost = [*found["missing_keys"], *(key for key, *_ in found["mismatched_keys"])]
    check_tensors(str(base), [name for name in lost if name not in own])
    return network


def _is_shared(name: str) -> bool:
    """Whether a layer only refers to the tensor, which is held once (VB-LoRA, TinyLoRA, UniLoRA)."""
    return any(part in name for part in ("vblora_vector_bank", "tinylora_v", "unilora_theta_d"))


def _untie(network: Network, own: dict[str, list[int]]) -> None:
    """Give the head numbers of its own where an adapter has learned for it or for the embedding alone.

    Merged into numbers that the two share, it would change both (peft#2018). The config keeps its word, by which some
    architectures scale what the head reads; a head that is in the checkpoint counts.
    """
    from torch.nn import Parameter

    head, embedding = network.get_output_embeddings(), network.get_input_embeddings()
    if head is None or head.weight is not embedding.weight:
        return
    places = tuple(f"{name}." for name, each in network.named_modules() if each is head or each is embedding)
    if any(name.startswith(places) for name in own):
        head.weight = Parameter(head.weight.detach().clone())


def _check(requires: tuple[str, ...], what: str, extra: str) -> None:
    lacking = missing_requirements(requires)
    if lacking:
        raise RequirementMissing(
            f"{what} needs {', '.join(lacking)}",
            why="not installed here in that version",
            fix=f"pip install 'duomo[{extra}]'",
        )
