"""The few things the worker knows of torch, so that a model without torch never pays for its import."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import sys
from typing import Any

from duomo.errors import DeviceUnavailable, UsageProblem
from duomo.model import Model
from duomo.outcome import ItemError


def torch_in_use() -> Any:
    """torch, if anything has imported it, else None; waits while another thread is in the middle of importing it."""
    if "torch" not in sys.modules:
        return None
    import torch

    return torch


def networks(model: Model[Any, Any]) -> dict[str, Any]:
    """Return the networks that a model holds as plain attributes, by name."""
    torch = torch_in_use()
    if torch is None:
        return {}
    return {name: value for name, value in vars(model).items() if isinstance(value, torch.nn.Module)}


def freeze(model: Model[Any, Any]) -> None:
    """Put every network a model holds into evaluation mode, without gradients."""
    for network in networks(model).values():
        network.eval().requires_grad_(False)


def no_grad() -> contextlib.AbstractContextManager[Any]:
    """``inference_mode`` if torch is in use at all; a model without torch should not pay for its import."""
    torch = torch_in_use()
    if torch is None:
        return contextlib.nullcontext()
    # What `inference_mode` itself enters: its class in Python takes longer than a small model's postprocessing.
    context: contextlib.AbstractContextManager[Any] = getattr(torch._C, "_InferenceMode", torch.inference_mode)(True)
    return context


def own_random_numbers() -> contextlib.AbstractContextManager[None]:
    """What is drawn from torch's generator within, such as a network's first weights, is drawn apart."""
    torch = torch_in_use()
    if torch is None:
        return contextlib.nullcontext()
    apart: contextlib.AbstractContextManager[None] = torch.random.fork_rng(devices=[])
    return apart


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on any device."""
    torch = torch_in_use()
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    # Raised as a plain RuntimeError by these allocators and libraries.
    signs = ("can't allocate memory", "CUDA out of memory", "CUDNN_STATUS_NOT_SUPPORTED", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def free_memory() -> None:
    """Give cached blocks back, so that a smaller batch finds room."""
    gc.collect()
    torch = torch_in_use()
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def describe_and_release(error: BaseException) -> tuple[ItemError, bool]:
    """Describe what a batch raised, and say whether memory ran out.

    The frames of an error hold the batch, and outcomes hold the error: the frames of all that is chained to it are
    released. Memory is given back.
    """
    words, out_of_memory = ItemError.of(error), is_out_of_memory(error)
    chained: list[BaseException | None] = [error]
    seen: set[int] = set()
    while chained:
        each = chained.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        each.__traceback__ = None
        chained += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            chained += each.exceptions
    if out_of_memory:
        free_memory()
    return words, out_of_memory


def device_name(device: object) -> str:
    """Return the name of a device that a caller gave: a `torch.device` is known by it, without an import of torch."""
    if isinstance(device, str) or (type(device).__module__, type(device).__name__) == ("torch", "device"):
        return str(device)
    raise UsageProblem(
        f"device={device!r} is not a device",
        why="a device is named, as torch names it",
        fix=('device="cpu"' if device < 0 else f'device="cuda:{device}"')
        if isinstance(device, int)
        else 'device="auto", "cpu" or "cuda:0"',
    )


def pick_device(name: str) -> str:
    """Find the device that a name means here: ``auto`` is the first GPU, else the CPU. Raises `DeviceUnavailable`."""
    torch = torch_in_use()
    if name == "auto":
        return "cuda:0" if torch is not None and torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return name
    import torch

    here = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        here.append("mps")
    full = "cuda:0" if name == "cuda" else name
    if full not in here:
        raise DeviceUnavailable(
            f"no device '{name}' here",
            why=f"this machine has {', '.join(here)}",
            fix='device="cpu" or "auto"  (-d cpu)',
        )
    return full


def accelerators() -> tuple[str, ...]:
    """Return the GPUs of this machine by name; empty when there is none, or no torch to use one with."""
    if importlib.util.find_spec("torch") is None:
        return ()
    import torch

    return tuple(f"cuda:{index}" for index in range(torch.cuda.device_count()))


def move(batch: object, device: object) -> Any:
    """Move every tensor of a batch to `device`; dicts, lists and tuples are looked into."""
    if hasattr(batch, "to"):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: move(value, device) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        moved = [move(value, device) for value in batch]
        # A named tuple takes its fields one by one, lists and plain tuples all at once.
        return type(batch)(*moved) if hasattr(batch, "_fields") else type(batch)(moved)
    return batch


def torch_device(name: str) -> Any:
    """Return the device as torch has it, or its name when torch is not in use."""
    torch = torch_in_use()
    return name if torch is None else torch.device(name)


def torch_dtype(name: str) -> Any:
    """Return the dtype as torch has it, or its name when torch is not in use."""
    torch = torch_in_use()
    return name if torch is None else getattr(torch, "float32" if name == "auto" else name)
