"""A checkpoint in transformers format to its network and processors: whole, offline, and without code of its own.

For plugins whose models load what the caller names (``hf:``, ``dir:``). transformers is imported when used.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from duomo.errors import (
    BadInput,
    RequirementMissing,
    UnsafeWeights,
    WeightsMismatch,
    WeightsMissing,
    WeightsProblem,
    WrongTask,
)
from duomo.parallel import shard_if_grouped
from duomo.tokenizing import Processor as Processor, follow_file, read_processor
from duomo.unfit import CONVERTED, explain_quantised, quantised_by, read_config
from duomo.weights import WeightsRef, check_tensors, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

Network = Any
"""A network of transformers: every architecture names its parts differently, and no class of theirs says how."""

_NONE: Mapping[str, object] = MappingProxyType({})
_SAFE = {"local_files_only": True, "trust_remote_code": False}
# Left out, trust_remote_code makes transformers ask on the terminal, and a hasty "y" would run a stranger's code.


def load_network(
    auto: Any,
    weights: WeightsRef,
    *,
    dtype: Any = None,
    may_miss: tuple[str, ...] = (),
    may_be_surplus: bool = True,
) -> Any:
    """Build a network on the CPU, with nothing left random; in a model-parallel group, this rank's share of it.

    Args:
        auto: an Auto class or model class, such as ``AutoModelForSequenceClassification``.
        weights: a folder in transformers layout.
        dtype: of its weights; as they were saved when None.
        may_miss: prefixes of tensors that the caller never reads.
        may_be_surplus: whether tensors without a place are fine, such as the head of another task.

    Raises:
        WeightsMismatch: a tensor is missing, misshapen, or surplus where that is not fine.
        UnsafeWeights: it needs code of its own.
        WeightsProblem: it is damaged, or of an architecture that transformers does not know.
    """
    _refuse_unknown_numbers(weights)
    unpacked = quantised_by(weights.network_folder) == "compressed-tensors"
    network, found = _from_pretrained(auto, weights, dtype, unpacked)
    if unpacked:  # its numbers are plain ones now, so that layers are packed and cut as those of any network
        network.hf_quantizer = None
        if hasattr(network.config, "quantization_config"):
            del network.config.quantization_config
    missing = [key for key in found["missing_keys"] if not key.startswith(may_miss or ("\0",))]
    surplus = () if may_be_surplus else found["unexpected_keys"]
    check_tensors(str(weights.folder), missing, surplus, [key for key, *_ in found["mismatched_keys"]])
    network = shard_if_grouped(network)
    if weights.revision.startswith("files:"):  # a folder of the caller's, who may save into it again
        _detach_from_file(network)
    return network


def _from_pretrained(
    auto: type[Network], weights: WeightsRef, dtype: object, unpacked: bool
) -> tuple[Network, dict[str, list[Any]]]:
    """Read a network; with it, which tensors are missing, surplus or misshapen."""
    from safetensors import SafetensorError

    extra = {} if dtype is None else {"dtype": dtype}
    try:
        if unpacked:
            from transformers import CompressedTensorsConfig

            extra["quantization_config"] = CompressedTensorsConfig(dequantize=True)
        bars = contextlib.redirect_stderr(io.StringIO()) if unpacked else contextlib.nullcontext()  # its library's
        with quiet(), bars, warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="You passed `quantization_config`")
            network, found = auto.from_pretrained(
                weights.network_folder,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that they are reported, and refused in our words
                **_SAFE,
                **extra,
            )
    except (ImportError, OSError, ValueError, SafetensorError) as error:
        _refuse_own_code(weights, error)
        if (quantised := explain_quantised(weights.network_folder, first_line(error))) is not None:
            raise quantised from error
        raise WeightsProblem(
            f"'{weights.folder}' cannot be loaded",
            why=first_line(error),
            fix="download or save it again, whole; transformers must know its model_type",
        ) from error
    return network, found


def _detach_from_file(network: Network) -> None:
    """Give a network weights of its own: those of a safetensors file are the file's pages until they are written to.

    What is saved over the file would change a loaded model, and a file cut off would end the process (SIGBUS).
    """
    for each in (*network.parameters(), *network.buffers()):
        each.data = each.data.clone()


def load_config(folder: Any) -> Any:
    """The configuration of the network in a folder; None when it is of no architecture that transformers knows."""
    from transformers import AutoConfig

    try:
        with quiet():
            return AutoConfig.from_pretrained(folder, **_SAFE)
    except (OSError, ValueError):
        return None


def load_processor(auto: Any, weights: WeightsRef, what: str, *, settings: Mapping[str, object] = _NONE) -> Any:
    """A tokenizer, feature extractor or image processor of the folder.

    Args:
        auto: such as ``AutoTokenizer``.
        weights: a folder in transformers layout.
        what: its name in messages, such as ``tokenizer``.
        settings: what replaces settings of the folder.

    Raises:
        WeightsMissing: the folder has none.
        RequirementMissing: it needs a library that is not installed.
        UnsafeWeights: it needs code of its own.
    """
    try:
        with quiet():
            made = read_processor(auto, weights.network_folder, {**_SAFE, **settings})
    except (OSError, ValueError, ImportError) as error:
        _refuse_own_code(weights, error)
        if isinstance(error, ImportError):
            raise RequirementMissing(
                f"the {what} of '{weights.folder}' needs a library that is not installed",
                why=first_line(error),
                fix="install it where duomo is installed",
            ) from None
        raise WeightsMissing(
            f"'{weights.folder}' has no {what} that can be used",
            why=first_line(error),
            fix=f"save it beside the model: {what.replace(' ', '_')}.save_pretrained(folder)",
        ) from None
    follow_file(getattr(made, "tokenizer", made), weights.network_folder / "tokenizer.json")
    return made


def labels_of(config: Any) -> list[str]:
    """The names of a network's labels, in order, as text.

    Raises:
        WeightsMismatch: a label has no name, so results could not say what they mean.
    """
    names = [config.id2label.get(index) for index in range(config.num_labels)]
    lost = [index for index, name in enumerate(names) if name is None]
    if lost:
        raise WeightsMismatch(
            f"the labels of '{config.name_or_path}' have gaps",
            why=f"id2label in its config.json has no name for {', '.join(map(str, lost[:5]))}",
            fix=f"name all {len(names)} labels there, by their numbers from 0",
        )
    return [str(name) for name in names]


def config_for(weights: WeightsRef, labels: Sequence[str], **changes: object) -> Any:
    """The configuration of the network in a folder with another head: one that says one of `labels`."""
    from transformers import AutoConfig

    if labels:
        numbered = dict(enumerate(labels))
        changes |= {"id2label": numbered, "label2id": {name: at for at, name in numbered.items()}}
    config = AutoConfig.from_pretrained(weights.folder, **_SAFE, **changes)
    config.problem_type = None
    return config


def say_one_label(network: Network) -> list[str]:
    """Have a network whose labels have a sigmoid of their own say one of them; a note for a person where it did not."""
    if network.config.problem_type in (None, "single_label_classification"):
        return []
    network.config.problem_type = None
    return ["the checkpoint gave each label a score of its own; it learns to say one label for each row"]


def is_multi_label(weights: WeightsRef, config: PreTrainedConfig, task: str) -> bool:
    """Say whether each label has a sigmoid of its own; otherwise their softmax sums to 1.

    Raises:
        WrongTask: the network was trained to give a number.
    """
    if config.problem_type == "regression":
        raise WrongTask(
            f"'{weights.folder}' does not do {task}",
            why="it was trained for regression: it gives a number, not labels",
            fix="use a checkpoint that was trained on labels",
        )
    return config.problem_type == "multi_label_classification" or config.num_labels == 1


@contextlib.contextmanager
def narrow_images(width: int, height: int) -> Iterator[None]:
    """Turn what an image processor raises for an image of which its resizing leaves nothing into `BadInput`.

    Args:
        width: of the image, in pixels.
        height: of the image, in pixels.

    Raises:
        BadInput: the processor failed, and a side is shorter than 32 pixels, of which GLPN keeps multiples, or than a
            tenth of the other.
    """
    try:
        yield
    except (ValueError, IndexError, RuntimeError) as error:
        shorter, longer = sorted((width, height))
        if shorter >= 32 and shorter * 10 >= longer:
            raise
        raise BadInput(
            f"this image is too narrow for this model: {width} x {height} pixels",
            why="the resizing that its checkpoint asks for leaves none of the shorter side, or has too little to fill",
            fix="add a border to the shorter side, or cut the image into parts",
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bar and table of keys: `check_tensors` judges those."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging  # it has no types
    level, has_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if has_bars:
            logging.enable_progress_bar()


def _refuse_unknown_numbers(weights: WeightsRef) -> None:
    """Where transformers knows no reader, it takes the numbers for plain ones, with a warning."""
    method = quantised_by(weights.network_folder)
    if not method:
        return
    from transformers.quantizers.auto import AutoHfQuantizer

    described = read_config(weights.network_folder, "config.json")["quantization_config"]
    with quiet(), contextlib.suppress(ValueError):  # raised where the method has no name
        if AutoHfQuantizer.supports_quant_method(described):  # type: ignore[no-untyped-call]
            return
    raise WeightsProblem(
        f"'{weights.folder}' is quantised ({method})",
        why="transformers knows no reader of such numbers; taken for plain ones, they would be others",
        fix="take the checkpoint it was made from; optimize='int8' quantises that on a CPU",
    )


def _refuse_own_code(weights: WeightsRef, error: Exception) -> None:
    if "trust_remote_code" in str(error):
        raise UnsafeWeights(
            f"'{weights.folder}' needs code that comes with the checkpoint",
            why="duomo never runs code from a checkpoint",
            fix=CONVERTED,
        ) from error
