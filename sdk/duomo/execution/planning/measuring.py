"""An architecture on the meta device, where tensors have shapes and no memory: run once, under a counter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from duomo.errors import Unavailable

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_SHORT, _LONG = (64, 16), (8, 128)
"""(rows, length) of the two batches that tell the linear part of a text model from its attention."""


def measure(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The fields of the `ModelProfile` of an architecture, but its name.

    Raises `Unavailable` where transformers cannot build it.
    """
    from duomo.pretrained import quiet

    network, settings = _built(config, name)
    params, tables = _num_params(network)
    core = settings.get_text_config() if hasattr(settings, "get_text_config") else settings
    heads = int(_first(core, "num_attention_heads", "encoder_attention_heads") or 0)
    width = int(_first(core, "hidden_size", "d_model") or 0)
    sizes: dict[str, Any] = {
        "layers": int(_first(core, "num_hidden_layers", "encoder_layers") or 0),
        "width": width,
        "heads": heads,
        "kv_heads": int(_first(core, "num_key_value_heads") or heads),
    }
    if network.can_generate() and heads:
        head_dim = int(_first(core, "head_dim") or width // heads)
        sizes["cache"] = 2.0 * sizes["layers"] * sizes["kv_heads"] * head_dim
    unit = {"input_ids": "token", "pixel_values": "image"}.get(network.main_input_name, "clip")
    needs_both = hasattr(settings, "vision_config") and unit == "token"
    with quiet():
        if unit == "token" and not needs_both:
            sizes.update(_measure_text(network, settings))
            # What the network gives back of keys and values has its own place.
            sizes["activations"] = max(0.0, sizes["activations"] - sizes.get("cache", 0.0))
        else:
            # One item of the only size there is: an image, 30 s for Whisper, 1 s of sound for others.
            unit = "image" if needs_both else unit
            flops, peak = run(lambda: network(**_inputs(network, settings, 4, 16)), network)
            sizes.update(flops_a_unit=flops / 4, activations=peak / 16)
    return {"params": params, "embedding_params": tables, "unit": unit, **sizes}


def _built(config: dict[str, Any], name: str) -> tuple[PreTrainedModel, Any]:
    """The network without memory, and its settings. Raises `Unavailable` where transformers cannot build it."""
    import torch
    import transformers

    from duomo.pretrained import quiet

    build: Any = transformers.AutoModel.from_config
    try:
        with quiet(), torch.device("meta"):
            kind = config.get("model_type", "")
            settings = transformers.AutoConfig.for_model(**{**config, "model_type": kind})
            architecture = next(iter(config.get("architectures") or ()), "")
            network = getattr(transformers, architecture, build)(settings)
    except (ImportError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(
            f"no profile of '{name}'",
            why=f"transformers cannot build it: {str(error).strip().splitlines()[0]:.200}",
            fix="its model_type must be one that this transformers knows (pip install -U transformers)",
        ) from None
    return network.eval(), settings


def _measure_text(network: PreTrainedModel, settings: Any) -> dict[str, float]:
    """FLOPs are a·tokens + b·tokens·length: two batches of different length tell a and b.

    Activations are taken from the short one: the meta device computes attention with its matrix of
    scores, which fused kernels never hold, and at 16 tokens they are not part of the peak.
    """
    flops, peaks = zip(
        *(
            run(lambda rows=rows, length=length: network(**_inputs(network, settings, rows, length)), network)
            for rows, length in (_SHORT, _LONG)
        ),
        strict=True,
    )
    units = [rows * length for rows, length in (_SHORT, _LONG)]
    a_short, a_long = flops[0] / units[0], flops[1] / units[1]
    pair = (a_long - a_short) / (_LONG[1] - _SHORT[1])
    return {
        "flops_a_unit": a_short - pair * _SHORT[1],
        "flops_a_pair": max(0.0, pair),
        "activations": peaks[0] / 4 / units[0],
    }


def _inputs(network: PreTrainedModel, settings: Any, rows: int, length: int) -> dict[str, Any]:
    """Return a batch of zeros on the meta device, as the network's ``forward`` names it."""
    import torch

    inner = getattr(settings, "vision_config", settings)
    side, channels = getattr(inner, "image_size", 224), getattr(inner, "num_channels", 3)
    height, breadth = side if isinstance(side, list | tuple) else (side, side)
    ids = torch.zeros(rows, length, dtype=torch.long, device="meta")
    inputs: dict[str, Any] = {}
    main = network.main_input_name
    if main == "input_ids":
        inputs["input_ids"] = ids
    if main == "pixel_values" or hasattr(settings, "vision_config"):
        inputs["pixel_values"] = torch.zeros(rows, channels, height, breadth, device="meta")
    if main == "input_features":
        bins, frames = getattr(settings, "num_mel_bins", 80), 2 * getattr(settings, "max_source_positions", 1500)
        inputs["input_features"] = torch.zeros(rows, bins, frames, device="meta")
    if main == "input_values":
        inputs["input_values"] = torch.zeros(rows, 16_000, device="meta")
    if getattr(settings, "is_encoder_decoder", False):
        inputs["decoder_input_ids"] = ids
    return inputs


def run(forward: Any, *networks: torch.nn.Module) -> tuple[float, float]:
    """FLOPs of one forward pass, and the most bytes that were alive in it beside the weights."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    alive = _alive_mode(*networks)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter, alive:
        forward()
    return float(counter.get_total_flops()), float(alive.peak)


def _alive_mode(*networks: torch.nn.Module) -> Any:
    """Return a dispatch mode that adds up the storages which operations make, until they are freed."""
    import weakref

    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.now = self.peak = 0
            weights = (tensor for network in networks for tensor in (*network.parameters(), *network.buffers()))
            self.known = {tensor.untyped_storage()._cdata for tensor in weights}

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            for tensor in tree_leaves(out):
                storage = tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else None
                if storage is not None and storage._cdata not in self.known:
                    self.known.add(storage._cdata)
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self.freed, storage._cdata, storage.nbytes())
            return out

        def freed(self, key: int, num_bytes: int) -> None:
            self.known.discard(key)
            self.now -= num_bytes

    return Alive()


def _num_params(*networks: torch.nn.Module) -> tuple[int, int]:
    """Parameters, each counted once however often it is used, and those of look-up tables alone."""
    import torch

    params = {id(each): each for network in networks for each in network.parameters()}
    modules = [module for network in networks for module in network.modules()]
    tables = {id(module.weight): module.weight for module in modules if isinstance(module, torch.nn.Embedding)}
    # A table that is also the output layer computes like any other.
    shared = {id(module.weight) for module in modules if isinstance(module, torch.nn.Linear)}
    looked_up = sum(weight.numel() for key, weight in tables.items() if key not in shared)
    return sum(each.numel() for each in params.values()), looked_up


def _first(settings: object, *names: str) -> Any:
    return next((found for name in names if (found := getattr(settings, name, None)) is not None), None)
