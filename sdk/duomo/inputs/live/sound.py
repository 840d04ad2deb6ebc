"""Sound as it is heard: a microphone by sounddevice (PortAudio), and an audio clip replayed as if it were one."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from duomo.errors import InputMissing, InputUnreadable, RequirementMissing
from duomo.inputs.audio import Audio
from duomo.inputs.live.reader import Arrival, Reader

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 16_000
BLOCK_S = 0.1
"""What a microphone is asked for at a time."""


class Opened(Protocol):
    """A stream of PortAudio."""

    def start(self) -> None:
        """Begin to call back."""

    def close(self) -> None:
        """Stop."""


class Microphone(Reader):
    """A microphone; items are ``(samples, 16000)`` of `seconds` each, float32.

    Args:
        device: name or number, as sounddevice has it; the system's own when left out.
        seconds: length of an item.
        module: what has ``InputStream``; the library sounddevice when left out.
    """

    def __init__(self, device: str | int | None = None, *, seconds: float = 1.0, module: object = None) -> None:
        self.device = int(device) if isinstance(device, str) and device.isdecimal() else device
        self.name = f"mic:{'' if device is None else device}"
        self.seconds = seconds
        self._module = module
        self._stream: Opened | None = None
        self._blocks: queue.SimpleQueue[tuple[NDArray[np.float32], float]] = queue.SimpleQueue()

    def open(self) -> None:
        module = self._module or _sounddevice()
        try:
            self._stream = module.InputStream(  # type: ignore[attr-defined]
                samplerate=RATE,
                channels=1,
                dtype="float32",
                device=self.device,
                blocksize=int(RATE * BLOCK_S),
                callback=self._heard,
            )
            assert self._stream is not None
            self._stream.start()
        except (OSError, ValueError, RuntimeError) as error:
            raise _no_microphone(self.device, error) from None
        except Exception as error:
            # PortAudioError is an Exception of sounddevice's own.
            raise _no_microphone(self.device, error) from None

    def _heard(self, block: NDArray[np.float32], frames: int, times: object, status: object) -> None:
        """Take what PortAudio gives, in its thread; a copy, since it fills the same memory again."""
        del frames, times, status
        self._blocks.put((block[:, 0].copy(), time.time()))

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        import numpy as np

        held: list[NDArray[np.float32]] = []
        count = 0
        wanted = max(1, int(self.seconds * RATE))
        while not stop.is_set():
            try:
                block, at = self._blocks.get(timeout=0.5)
            except queue.Empty:
                continue
            held.append(block)
            count += len(block)
            while count >= wanted:
                whole = np.concatenate(held)
                held, count = [whole[wanted:]], count - wanted
                yield Arrival((whole[:wanted], RATE), at)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class Recording(Reader):
    """An audio clip, replayed as a microphone would hear it; items are ``(samples, 16000)`` of `seconds` each.

    Args:
        path: the file.
        seconds: length of an item.
        speed: times faster than it was spoken; 0 for as fast as items are taken.
    """

    reconnects = False

    def __init__(self, path: str | os.PathLike[str], *, seconds: float = 1.0, speed: float = 1.0) -> None:
        self.path = path
        self.name = os.fspath(path)
        self.seconds = seconds
        self.speed = speed
        self._samples: NDArray[np.float32] | None = None

    def open(self) -> None:
        self._samples = Audio.accept(os.fspath(self.path)).samples(RATE)

    def read(self, stop: threading.Event) -> Iterator[Arrival]:
        assert self._samples is not None
        size = max(1, int(self.seconds * RATE))
        start = time.monotonic()
        for at in range(0, len(self._samples), size):
            part = self._samples[at : at + size]
            late = self.speed and (at + len(part)) / RATE / self.speed - (time.monotonic() - start)
            if late > 0 and stop.wait(late):
                return
            yield Arrival((part, RATE), time.time(), f"{self.name}@{at / RATE:g}s")


def _no_microphone(device: object, error: Exception) -> InputMissing | InputUnreadable:
    which = "the microphone" if device is None else f"the microphone '{device}'"
    return InputUnreadable(
        f"{which} cannot be opened",
        why=str(error) or type(error).__name__,
        fix="see which there are: python -m sounddevice",
    )


def _sounddevice() -> object:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: PortAudio itself is not there
        raise RequirementMissing(
            "a microphone needs sounddevice and PortAudio",
            why=str(error),
            fix="pip install 'duomo[live]'; on Debian also: apt install libportaudio2",
        ) from None
    module: object = sounddevice
    return module
