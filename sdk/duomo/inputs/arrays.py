"""Arrays and tensors of anybody's making to NumPy, or refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from duomo.errors import BadInput

if TYPE_CHECKING:
    import numpy as np


def to_numpy(value: object, fix: str) -> np.ndarray[Any, Any]:
    """Convert anything that calls itself an array; a tensor is copied from its device.

    Args:
        value: the array, or a tensor of torch.
        fix: advice on what to pass instead, where it cannot be read.

    Raises:
        BadInput: it has no elements that NumPy could hold: bfloat16, sparse, on the device "meta", an error of its own.
    """
    import numpy as np

    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except Exception as error:  # the caller's own class may raise anything
        about = getattr(value, "dtype", ""), getattr(value, "layout", ""), getattr(value, "device", "")
        kind = ", ".join(str(each) for each in about if each)
        raise BadInput(
            f"this {type(value).__name__} cannot be read as an array" + (f" ({kind})" if kind else ""),
            why=f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]:.200}",
            fix=fix,
        ) from None
    if array.dtype == object or np.iscomplexobj(array):
        raise BadInput(
            f"an array of type {array.dtype} holds no real numbers", why="samples and pixels are real numbers", fix=fix
        )
    if np.ma.is_masked(value):
        raise BadInput(
            "this array has masked elements", why="what lies under the mask would be read", fix="array.filled()"
        )
    return array
