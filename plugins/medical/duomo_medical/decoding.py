"""Compressed pixels are decoded in a child process: a decoder that aborts or swells takes only its item with it.

Decoders of JPEG, JPEG-LS and JPEG 2000 are native code. On a damaged scan some of them call `abort`, others ask for as
much memory as the stream claims to need. The child gets the elements that describe the pixels and nothing of the
patient, answers with an array, and is used for many items; after a crash the next item starts a new one.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from duomo.inputs import apart
from duomo_medical.dicom_file import pydicom, quiet, value

if TYPE_CHECKING:
    from pydicom import Dataset

ORDER = ("pydicom", "pillow", "pylibjpeg", "pyjpegls", "gdcm")
"""Plugins of pydicom in the order in which they are asked: those that raise before those that may abort."""
SECONDS = 120.0
"""What one item may take; a decoder that loops is stopped then."""
COPIES = 6
"""How often a decoder may hold the image that the header describes."""
CHILD = apart.Child("duomo_medical.decoding", SECONDS)


def decode_encapsulated(dataset: Dataset) -> NDArray[Any]:
    """Decode the pixels of a data set with an encapsulated transfer syntax in the child process.

    Raises:
        DecoderStopped: The decoder died or took too much time.
        DecoderFailed: The pixels are damaged, no decoder is there, or more memory is needed than the image explains.
    """
    answer = CHILD.ask(_pixel_file(dataset), COPIES * _image_bytes(dataset))
    return np.asarray(np.load(io.BytesIO(answer), allow_pickle=False))


def pixel_module(dataset: Dataset) -> Any:
    """A data set of the elements that describe the pixels, and of nothing else."""
    part: Any = pydicom.Dataset()
    for tag in dataset.keys():  # noqa: SIM118
        if tag.group in (0x0028, 0x7FE0):
            part[tag] = dataset.get_item(tag)
    part.preamble, part.file_meta = bytes(128), pydicom.dataset.FileMetaDataset()
    part.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    return part


def _pixel_file(dataset: Dataset) -> bytes:
    part = pixel_module(dataset)
    file = io.BytesIO()
    try:
        with quiet():
            pydicom.dcmwrite(file, part, little_endian=True, implicit_vr=False)
    except Exception as error:  # an element that is not what its type says
        raise apart.DecoderFailed(f"{type(error).__name__}: {error}") from None
    return file.getvalue()


def _image_bytes(dataset: Dataset) -> int:
    """Bytes of the decoded image as the header describes it; 0 where it does not."""
    names = ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    try:
        frames, rows, columns, samples, bits = (int(value(dataset, name, 1)) for name in names)
    except (TypeError, ValueError):
        return 0
    return max(frames, 1) * rows * columns * samples * -(-bits // 8)


def _decoded(file: bytes) -> bytes:
    with quiet():
        dataset = pydicom.dcmread(io.BytesIO(file))
        able = pydicom.pixels.get_decoder(dataset.file_meta.TransferSyntaxUID).available_plugins
        problem: Exception = RuntimeError("no decoder is installed")
        for plugin in sorted(able, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)):
            try:
                dataset.pixel_array_options(decoding_plugin=plugin)
                array = dataset.pixel_array
            except Exception as error:
                problem = error
                continue
            held = io.BytesIO()
            np.save(held, array, allow_pickle=False)
            return held.getvalue()
    raise problem


if __name__ == "__main__":
    apart.serve(_decoded)
