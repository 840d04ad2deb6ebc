"""From stored pixels to what may be shown and what a model may see, in the order DICOM wants it.

    decode → modality LUT → padding → MONOCHROME1 → VOI window → orientation

Each step left out is a known fault of pipelines: bones black (MONOCHROME1), sentinels of -2000 that eat the
contrast (padding), raw counts where Hounsfield units belong (modality LUT), left and right exchanged (orientation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from duomo.errors import BadInput, InputTooLarge, InputUnreadable
from duomo.inputs import apart
from duomo_medical import orientation
from duomo_medical.decoding import decode_encapsulated, pixel_module
from duomo_medical.dicom_file import functional_group, pydicom, quiet, value

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_PIXELS = 1 << 30
"""Frames x rows x columns x samples beyond which nothing is decoded."""
AIR = -1024.0
"""The least Hounsfield number a scanner stores; what lies below is a sentinel outside the field of view."""
WINDOWS = {
    "lung": (-600.0, 1500.0),
    "soft": (40.0, 400.0),
    "bone": (400.0, 1800.0),
    "brain": (40.0, 80.0),
}
"""Named windows for CT: centre and width in Hounsfield units."""


class Frames(NamedTuple):
    """Decoded frames. Grey: float32 (frames, rows, columns) in the unit of the modality; colour: uint8 (…, 3)."""

    values: NDArray[Any]
    unit: str
    """``HU`` for CT, else what RescaleType says, else empty."""
    padding: NDArray[np.bool_] | None
    """Where there is no patient (frames, rows, columns)."""
    inverted: bool
    """Whether it was MONOCHROME1; values are already turned so that more is brighter."""
    window: tuple[float, float] | None
    """Centre and width the file asks for, turned with the values: black at half a width below the centre."""
    directions: str
    """Where columns and rows run, such as ``LP``."""
    is_sigmoid: bool = False
    """Whether the file's window is a sigmoid, which has neither black nor white ends."""

    def to_uint8(self, window: str | tuple[float, float] | None = None) -> NDArray[np.uint8]:
        """Frames for a screen or a model of photos: (frames, rows, columns) or (…, 3).

        Args:
            window: a name of `WINDOWS`, a (centre, width), or None for the file's own (and min to max without one).
        """
        if self.values.ndim == 4:
            return self.values
        if isinstance(window, str):
            if window not in WINDOWS:
                raise BadInput(f"no window '{window}'", fix=f"one of {', '.join(WINDOWS)}, or (centre, width)")
            if self.unit != "HU":
                raise BadInput(f"the window '{window}' is meant for CT in Hounsfield units", fix="use the file's own")
            window = WINDOWS[window]
        if window is None and self.window is not None and self.is_sigmoid:  # PS3.3 C.11.2.1.3.1
            centre, width = self.window
            return (127.5 * (1 + np.tanh(2 * (self.values - centre) / width))).round().astype(np.uint8)
        low, high = self._range(window or self.window)
        grey = np.clip((self.values - low) / max(high - low, 1e-6), 0, 1)
        return (grey * 255).round().astype(np.uint8)

    def _range(self, window: tuple[float, float] | None) -> tuple[float, float]:
        if window is not None and window[1] > 0:
            centre, width = window
            return centre - width / 2, centre + width / 2
        inside = self.values if self.padding is None else self.values[~self.padding]
        inside = inside if inside.size else self.values
        return float(inside.min()), float(inside.max())


def has_pixels(dataset: Dataset) -> bool:
    """Whether there is an image in it."""
    return any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def decode(dataset: Dataset) -> NDArray[Any]:
    """Stored values, (frames, rows, columns) or (frames, rows, columns, 3) in RGB, in the lowest bits of each number.

    Raises `BadInput` without pixels, `InputTooLarge`, or `InputUnreadable` that says why they cannot be decoded.
    """
    if not has_pixels(dataset):
        raise BadInput("this DICOM object has no pixels", fix="leave it out, or use an adapter for its kind")
    _check_size(dataset)
    with quiet():
        try:
            stored = _stored(dataset)
        except Exception as error:  # whatever a codec raises; its words may quote the file
            raise _undecodable(dataset, error) from None
        if str(value(dataset, "PhotometricInterpretation", "")).startswith("PALETTE"):
            stored = _through_palette(dataset, stored)
    in_colour = stored.ndim > 2 and stored.shape[-1] == 3 and int(value(dataset, "SamplesPerPixel", 1)) == 3
    in_colour = in_colour or str(value(dataset, "PhotometricInterpretation", "")).startswith("PALETTE")
    return stored if stored.ndim == (4 if in_colour else 3) else stored[None]


def _stored(dataset: Dataset) -> NDArray[Any]:
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is not None and syntax.is_transfer_syntax and syntax.is_encapsulated and _decoders(syntax):
        return decode_encapsulated(dataset)
    allocated, bits = (value(dataset, name, 0) for name in ("BitsAllocated", "BitsStored"))
    above = value(dataset, "HighBit", bits - 1) - (bits - 1)
    if not (above and 0 < bits < allocated and above <= allocated - bits):
        return np.asarray(dataset.pixel_array)
    # The library takes the lowest bits, wherever HighBit says that the pixel lies.
    whole = pixel_module(dataset)
    del whole.BitsStored, whole.HighBit  # the elements themselves are shared
    whole.BitsStored, whole.HighBit = allocated, allocated - 1
    unused = allocated - bits
    return np.asarray((np.asarray(whole.pixel_array) << (unused - above)) >> unused)


def develop(dataset: Dataset) -> Frames:
    """All steps but the window, which `Frames.to_uint8` applies."""
    stored = decode(dataset)
    turn = orientation.of_dataset(dataset)
    if stored.ndim == 4:
        return Frames(turn.apply(_colour(dataset, stored)), "", None, False, None, turn.directions)
    values = _modality(dataset, stored)
    if not np.isfinite(values).all():
        raise InputUnreadable(
            "this DICOM file has pixels that are not numbers",
            why="NaN or infinity, in its pixels or by its rescaling",
            fix="send it again from the archive",
        )
    unit = _unit(dataset)
    padding = _padding(dataset, stored, values if unit == "HU" else None)
    if padding is not None and padding.any() and not padding.all():
        values[padding] = AIR if unit == "HU" else values[~padding].min()
    window, is_sigmoid = _file_window(dataset)
    if window is None and unit != "HU" and "VOILUTSequence" in dataset:
        values, window = _through_table(dataset, values)
    inverted = value(dataset, "PhotometricInterpretation") == "MONOCHROME1"
    if inverted:
        ends = float(values.min()) + float(values.max())
        values = ends - values
        window = window and (ends - window[0], window[1])
    padding = turn.apply(padding) if padding is not None else None
    return Frames(turn.apply(values), unit, padding, inverted, window, turn.directions, is_sigmoid)


def _check_size(dataset: Dataset) -> None:
    names = ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel")
    try:
        sizes = [int(value(dataset, name, 1)) for name in names]
    except (TypeError, ValueError):
        return  # the decoder will say what is wrong with it
    if np.prod(sizes, dtype=float) > MAX_PIXELS:
        raise InputTooLarge(
            f"this image has {' x '.join(map(str, sizes))} values, more than {MAX_PIXELS:,}", fix="split it by frames"
        )


def _undecodable(dataset: Dataset, error: Exception) -> InputUnreadable:
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is None or not syntax.is_transfer_syntax:
        why, fix = "its header does not name a transfer syntax", "send it again from the archive"
    elif isinstance(error, apart.DecoderStopped):
        why, fix = f"{error}, as a damaged stream makes it", "send it again from the archive"
    elif "number of bytes" in str(error) or "less than expected" in str(error):
        why, fix = "there are fewer bytes of pixels than rows x columns x frames", "send it again: it was cut short"
    elif syntax.is_compressed and not _decoders(syntax):
        why = f"no decoder for its transfer syntax is installed: {syntax.name}"
        fix = "pip install 'duomo-medical[codecs]'"
    elif syntax.is_compressed:
        why = f"no decoder that is installed reads it: {syntax.name}"
        fix = "have the archive transcode it to Explicit VR Little Endian, or install 'duomo-medical[codecs]'"
    else:
        why, fix = "an element that describes the pixels is missing or wrong", "send it again from the archive"
    return InputUnreadable("the pixels of this DICOM file cannot be decoded", why=why, fix=fix)


def _decoders(syntax: object) -> bool:
    try:
        return bool(pydicom.pixels.get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _through_palette(dataset: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    try:
        return np.asarray(pydicom.pixels.apply_color_lut(stored, dataset))
    except Exception:
        raise InputUnreadable(
            "the colours of this DICOM file cannot be decoded",
            why="its palette is missing or damaged",
            fix="send it again from the archive",
        ) from None


def _through_table(dataset: Dataset, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Values by the table that a file without a window asks to be shown by, and all that the table can give."""
    try:
        with quiet():
            shown = pydicom.pixels.apply_voi_lut(values.round().astype(np.int32), dataset, prefer_lut=True)
        most = float(2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1)
    except Exception:
        raise InputUnreadable(
            "this DICOM file cannot be shown as it asks",
            why="its VOI LUT is damaged",
            fix="send it again from the archive",
        ) from None
    return np.asarray(shown, np.float32), (most / 2, most)


def _colour(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.uint8]:
    """Eight bits of each colour, of the bits that are stored; a palette gives all bits of its numbers."""
    bits = 8 * stored.dtype.itemsize
    if value(dataset, "PhotometricInterpretation") == "RGB":
        bits = int(value(dataset, "BitsStored", bits))
    if bits == 8:
        return stored.astype(np.uint8)
    most = float(2**bits - 1)
    return (stored.astype(np.float64) / most * 255).round().clip(0, 255).astype(np.uint8)


def _is_rescaled(dataset: Dataset) -> bool:
    return "ModalityLUTSequence" in dataset or "RescaleSlope" in dataset


def _unit(dataset: Dataset) -> str:
    """Return the unit after `_modality`: Hounsfield numbers for a CT that is brought to them and says no other unit."""
    holder = dataset if _is_rescaled(dataset) else functional_group(dataset, "PixelValueTransformationSequence")
    if holder is None:
        return ""  # counts of the scanner, whatever its modality
    table = value(holder, "ModalityLUTSequence")
    said = str(value(table[0], "ModalityLUTType", "") if table else value(holder, "RescaleType", ""))
    return said or ("HU" if value(dataset, "Modality") == "CT" else "")


def _modality(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.float32]:
    """Stored numbers to the modality's unit, by table or by slope and intercept; frames may have their own."""
    with quiet(), np.errstate(all="ignore"):  # what is not a number is found afterwards
        try:
            if _is_rescaled(dataset):
                if value(dataset, "RescaleSlope", 1) == 0:
                    raise ValueError("all pixels would be alike")
                return np.array(pydicom.pixels.apply_modality_lut(stored, dataset), np.float32)
            values = np.array(stored, np.float32)
            for at, frame in enumerate(values):
                rescale = functional_group(dataset, "PixelValueTransformationSequence", at)
                if rescale is not None:
                    frame *= float(rescale.RescaleSlope)
                    frame += float(rescale.RescaleIntercept)
            return values
        except Exception:
            raise InputUnreadable(
                "this DICOM file cannot be brought to its modality's unit",
                why="RescaleSlope, RescaleIntercept or the modality LUT is damaged",
                fix="send it again from the archive",
            ) from None


def _padding(dataset: Dataset, stored: NDArray[Any], hounsfield: NDArray[Any] | None) -> NDArray[np.bool_] | None:
    """Where the scanner stored a sentinel: as declared, or below what a CT can measure."""
    mask: NDArray[np.bool_] | None = None
    declared = value(dataset, "PixelPaddingValue")
    if declared is not None:
        low, high = sorted((int(declared), int(value(dataset, "PixelPaddingRangeLimit", declared))))
        mask = (stored >= low) & (stored <= high)
    if hounsfield is not None:
        below = hounsfield < AIR
        mask = below if mask is None else mask | below
    return mask


def _file_window(dataset: Dataset) -> tuple[tuple[float, float] | None, bool]:
    """The first window of the file, and whether it is a sigmoid; one may be stored as several.

    Without a word a window is LINEAR (PS3.3 C.11.2.1.2), which is one narrower than its width says.
    """
    holder = dataset if "WindowCenter" in dataset else functional_group(dataset, "FrameVOILUTSequence") or dataset
    centre, width = value(holder, "WindowCenter"), value(holder, "WindowWidth")
    if centre is None or width is None:
        return None, False
    first = [each[0] if isinstance(each, pydicom.multival.MultiValue) else each for each in (centre, width)]
    try:
        middle, wide = float(first[0]), float(first[1])
    except (TypeError, ValueError):
        return None, False
    function = value(holder, "VOILUTFunction") or "LINEAR"
    if function == "LINEAR" and wide >= 1:
        return (middle - 0.5, max(wide - 1, 1e-6)), False
    return (middle, wide), function == "SIGMOID" and wide > 0
