"""Native decoders in a child process: one that aborts, loops or swells takes only its item with it.

The child is started when it is first needed, answers one request after another, and is used for many items; after a
crash the next item starts a new one. A module that is run as a child ends with ``serve(answer)``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import IO

MEMORY = 1 << 30
"""Bytes that a child may take beyond what it has at its start and what an item explains."""
_LENGTH = struct.Struct("<Q")


class DecoderFailed(Exception):
    """The decoder could not read it; the message is the library's and may quote the file."""


class DecoderStopped(DecoderFailed):
    """The decoder died, or was stopped because it took too long; the message is ours."""


class Child:
    """The child process of this process that runs a module.

    Args:
        module: its name.
        seconds: what one item may take; a decoder that loops is stopped then.
    """

    def __init__(self, module: str, seconds: float) -> None:
        self._module = module
        self.seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        atexit.register(self.stop)

    def ask(self, request: bytes, budget: int = 0) -> bytes:
        """Send one request and read the answer; `budget` is the bytes of memory that the item explains.

        Raises:
            DecoderStopped: the decoder died or took too much time.
            DecoderFailed: it raised.
        """
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            late = threading.Timer(self.seconds, process.kill)
            late.start()
            try:
                process.stdin.write(_LENGTH.pack(MEMORY + budget) + _LENGTH.pack(len(request)))
                process.stdin.write(request)
                process.stdin.flush()
                status = _exactly(process.stdout, 1)
                answer = _exactly(process.stdout, _LENGTH.unpack(_exactly(process.stdout, _LENGTH.size))[0])
            except (OSError, EOFError):
                self.stop()
                why = f"took more than {self.seconds:g} s" if late.finished.is_set() else "ended in the middle"
                raise DecoderStopped(f"the decoder {why}") from None
            finally:
                late.cancel()
        if status != b"+":
            raise DecoderFailed(answer.decode("utf-8", "replace"))
        return answer

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
                [sys.executable, "-m", self._module],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
            self._owner = os.getpid()
        return self._process


def serve(answer: Callable[[bytes], bytes]) -> None:
    """Answer requests on standard input until there are no more; what runs in the child."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while head := requests.read(2 * _LENGTH.size):
        budget, length = _LENGTH.unpack(head[: _LENGTH.size])[0], _LENGTH.unpack(head[_LENGTH.size :])[0]
        request = requests.read(length)
        _limit_memory(budget + length)
        try:
            status, found = b"+", answer(request)
        except (Exception, MemoryError) as error:  # whatever a decoder raises
            status, found = b"-", f"{type(error).__name__}: {error}"[:2000].encode("utf-8", "replace")
        answers.write(status + _LENGTH.pack(len(found)))
        answers.write(found)
        answers.flush()


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    found = pipe.read(count)
    if len(found) < count:
        raise EOFError
    return found


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
