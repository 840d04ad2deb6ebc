"""What native decoders print: libtiff and mpg123 write their remarks on damaged files to stderr, past Python."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator

_THEIRS = re.compile(
    rb"\[src/libmpg123/|Note: (?:Illegal Audio|Trying to|Skipped|Hit end|[^\n]*(?:frame|header|stream|resync))|"
    rb"Warning: (?:Xing|[^\n]*(?:frame|header|stream|mpg123))|MissingRequired: |"
    rb"(?:tempfile\.tif|\w*(?:TIFF|JPEG|ZIP|LZW|Fax|PackBits|LogLuv|Pixar|ThunderCode|Dump|CCITT)\w*)\s?:|"
    rb"\w+(?:Decode|Encode|Read|Fetch|Setup|Directory)\w*: "
)
"""How a line of theirs begins; every other line is someone else's and is passed on."""
_LOCK = threading.Lock()
_STDERR = 2


class _Aside:
    """Where stderr goes while files are decoded, and how many are."""

    count = 0
    saved = -1
    file: int = -1


@contextlib.contextmanager
def native_remarks_left_out() -> Iterator[None]:
    """Leave out what decoders in C print to stderr; our errors say what is wrong with a file.

    Lines of others that come in between, from another thread, are passed on when the last decoder is done. Where stderr
    is closed nothing is done.
    """
    entered = _enter()
    try:
        yield
    finally:
        if entered:
            _leave()


def _enter() -> bool:
    with _LOCK:
        if not _Aside.count:
            try:
                _Aside.saved = os.dup(_STDERR)
            except OSError:
                return False
            try:
                with tempfile.TemporaryFile() as file:
                    _Aside.file = os.dup(file.fileno())
                os.dup2(_Aside.file, _STDERR)
            except OSError:  # no place for a file: rather their remarks than no decoding
                os.close(_Aside.saved)
                return False
        _Aside.count += 1
    return True


def _leave() -> None:
    with _LOCK:
        _Aside.count -= 1
        if _Aside.count:
            return
        os.dup2(_Aside.saved, _STDERR)
        size = os.fstat(_Aside.file).st_size
        said = os.pread(_Aside.file, size, 0) if size else b""
        os.close(_Aside.file)
        os.close(_Aside.saved)
    others = b"".join(line for line in said.splitlines(keepends=True) if line.strip() and not _THEIRS.match(line))
    if others:
        with contextlib.suppress(OSError):
            os.write(_STDERR, others)
