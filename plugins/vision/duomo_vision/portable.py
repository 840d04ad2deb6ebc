"""Image models in the parts that run without torch: a network as a graph, and its preparation as numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from duomo.errors import ExportRefused
from duomo.imaging import MODES, Resize
from duomo.model import Portable, PortableNetwork

EXAMPLES = 2
"""Images in the batch that is exported: a size of 1 would be fixed."""
KNOWN = {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb", "do_convert_annotations"}
"""Steps of transformers' image processors that a graph's reader does too, or that concern training alone; `do_pad` and
others it does not know."""


class Calling(nn.Module):
    """A network called in one way, as export wants it."""

    def __init__(self, network: nn.Module, call: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.network = network
        self.call = call

    def forward(self, pixels: Tensor) -> Any:
        """(B, 3, H, W) → whatever `call` picks."""
        return self.call(self.network, pixels)


def portable(
    reader: str,
    network: nn.Module,
    call: Callable[[Any, Tensor], Any],
    image: Mapping[str, object],
    *,
    outputs: tuple[str, ...] = ("output",),
    **settings: object,
) -> Portable:
    """The parts of a model with one network on pixels."""
    pixels = torch.rand(EXAMPLES, 3, int(str(image["height"])), int(str(image["width"])))
    exported = PortableNetwork(Calling(network, call), {"pixels": pixels}, outputs, {"pixels": (0,)})
    return Portable(reader, {"network": exported}, {"image": dict(image), **settings})


def image_settings(processor: Any, name: str, instead: str) -> dict[str, object]:
    """What an image processor of transformers does, as a reader of graphs knows it. Raises `ExportRefused`.

    Args:
        processor: of a checkpoint.
        name: of the checkpoint.
        instead: kinds of checkpoints for the same task whose images are usually prepared in a way that is known.
    """
    steps = {key: value for key, value in vars(processor).items() if key.startswith("do_") and value}
    size, crop = (dict(getattr(processor, key, None) or {}) for key in ("size", "crop_size"))
    mode = MODES.get(getattr(processor, "resample", None))
    refused = sorted(set(steps) - KNOWN)
    known = steps.get("do_resize") and mode is not None and set(size) in ({"height", "width"}, {"shortest_edge"})
    cut = steps.get("do_center_crop") and set(crop) == {"height", "width"}
    if refused or not known or ("shortest_edge" in size and not cut):
        raise ExportRefused(
            f"'{name}' cannot be exported",
            why=f"its images are prepared in a way that graphs are not: {', '.join(refused) or f'size {size}'}",
            fix=f"for the same task one that resizes to one size or cuts out the centre, as {instead} do",
        )
    scale = float(processor.rescale_factor) if steps.get("do_rescale") else 1.0
    found: dict[str, object] = {
        **(crop if cut else size),
        "resize": "shorter" if "shortest_edge" in size else "stretch",
        "filter": mode,
        "scale": scale,
    }
    if "shortest_edge" in size:
        found["shorter"] = size["shortest_edge"]
    elif cut and crop != size:
        raise ExportRefused(
            f"'{name}' cannot be exported",
            why=f"it resizes to {size} and cuts {crop} out of that",
            fix="another checkpoint",
        )
    if steps.get("do_normalize"):
        found |= {
            "mean": [float(each) for each in processor.image_mean],
            "std": [float(each) for each in processor.image_std],
        }
    return found


def check_resizing(resize: Resize | None, name: str) -> None:
    """Raise `ExportRefused` where the processor's resizing was not found to be the usual one."""
    if resize is None:
        raise ExportRefused(
            f"'{name}' cannot be exported",
            why="its image processor resizes in a way of its own",
            fix="another checkpoint",
        )
