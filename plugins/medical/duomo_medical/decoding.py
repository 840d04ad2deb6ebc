"""Compressed pixels are decoded in a child process: a decoder that aborts or swells takes only its item with it.

Decoders of JPEG, JPEG-LS and JPEG 2000 are native code. On a damaged scan some of them call `abort`, others ask for as
much memory as the stream claims to need. The child gets the elements that describe the pixels and nothing of the
patient, answers with an array, and is used for many items; after a crash the next item starts a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset


import atexit
import contextlib
import io
import os
import struct
import subprocess
import sys
import threading
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from duomo_medical.dicom_file import pydicom, quiet, value

ORDER = ("pydicom", "pillow", "pylibjpeg", "pyjpegls", "gdcm")
"""Plugins of pydicom in the order in which they are asked: those that raise before those that may abort."""
SECONDS = 120.0
"""What one item may take; a decoder that loops is stopped then."""
MEMORY = 1 << 30
"""Bytes that the child may take beyond what it has at its start and what the header's image takes."""
COPIES = 6
"""How often a decoder may hold the image that the header describes."""
_LENGTH = struct.Struct("<Q")


class DecoderFailed(Exception):
    """No decoder could read the pixels; the message is the library's and may quote the file."""


class DecoderStopped(DecoderFailed):
    """The decoder died, or was stopped because it took too long; the message is ours."""


def decode_encapsulated(dataset: Dataset) -> NDArray[Any]:
    """Decode the pixels of a data set with an encapsulated transfer syntax in the child process.

    Raises:
        DecoderStopped: The decoder died or took too much time.
        DecoderFailed: The pixels are damaged, no decoder is there, or more memory is needed than the image explains.
    """
    return _CHILD.ask(_pixel_module(dataset), COPIES * _image_bytes(dataset))


def _pixel_module(dataset: Dataset) -> bytes:
    """A DICOM file of the elements that describe the pixels, and of nothing else."""
    part: Any = pydicom.Dataset()
    for tag in dataset.keys():  # noqa: SIM118
        if tag.group in (0x0028, 0x7FE0):
            part[tag] = dataset.get_item(tag)
    part.preamble, part.file_meta = bytes(128), pydicom.dataset.FileMetaDataset()
    part.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    file = io.BytesIO()
    try:
        with quiet():
            pydicom.dcmwrite(file, part, little_endian=True, implicit_vr=False)
    except Exception as error:  # an element that is not what its type says
        raise DecoderFailed(f"{type(error).__name__}: {error}") from None
    return file.getvalue()


def _image_bytes(dataset: Dataset) -> int:
    """Bytes of the decoded image as the header describes it; 0 where it does not."""
    names = ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
    try:
        frames, rows, columns, samples, bits = (int(value(dataset, name, 1)) for name in names)
    except (TypeError, ValueError):
        return 0
    return max(frames, 1) * rows * columns * samples * -(-bits // 8)


class _Child:
    """The child process of this process, started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, file: bytes, budget: int) -> NDArray[Any]:
        """Send one file and read its array."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            late = threading.Timer(SECONDS, process.kill)
            late.start()
            try:
                process.stdin.write(_LENGTH.pack(MEMORY + budget) + _LENGTH.pack(len(file)))
                process.stdin.write(file)
                process.stdin.flush()
                status = _exactly(process.stdout, 1)
                answer = _exactly(process.stdout, _LENGTH.unpack(_exactly(process.stdout, _LENGTH.size))[0])
            except (OSError, EOFError):
                self.stop()
                why = f"took more than {SECONDS:g} s" if late.finished.is_set() else "ended in the middle"
                raise DecoderStopped(f"the decoder {why}") from None
            finally:
                late.cancel()
        if status != b"+":
            raise DecoderFailed(answer.decode("utf-8", "replace"))
        return np.asarray(np.load(io.BytesIO(answer), allow_pickle=False))

    def stop(self) -> None:
        """End the child, if it is there and ours: after a fork it is the parent's."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self.stop()
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                           "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}  # fmt: skip
            self._process = subprocess.Popen(
                [sys.executable, "-m", "duomo_medical.decoding"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
            self._owner = os.getpid()
        return self._process


_CHILD = _Child()
atexit.register(_CHILD.stop)


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    found = pipe.read(count)
    if len(found) < count:
        raise EOFError
    return found


def _serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer files until there are no more; what runs in the child."""
    while head := requests.read(2 * _LENGTH.size):
        budget, length = _LENGTH.unpack(head[: _LENGTH.size])[0], _LENGTH.unpack(head[_LENGTH.size :])[0]
        file = requests.read(length)
        _limit_memory(budget + length)
        try:
            status, answer = b"+", _decoded(file)
        except (Exception, MemoryError) as error:  # whatever a codec raises
            status, answer = b"-", f"{type(error).__name__}: {error}"[:2000].encode("utf-8", "replace")
        answers.write(status + _LENGTH.pack(len(answer)))
        answers.write(answer)
        answers.flush()


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


def _limit_memory(more: int) -> None:
    """Let this process grow by this many bytes from here, where the system can limit that."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ImportError, OSError, ValueError):
        return  # not Linux: the crash is contained, the memory is not


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
