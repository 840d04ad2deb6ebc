"""The operating system's lock on an open file, which goes away with the process."""

from __future__ import annotations

import os
import sys
from typing import IO, Any

_FAR = 1 << 40
"""Windows locks bytes against reading, too: one far behind all that is written."""


def try_lock(file: IO[Any]) -> bool:
    """Lock a file that was just opened, for this opening alone; False where another one has locked it.

    Raises:
        OSError: the file system has no locks.
    """
    if sys.platform == "win32":
        import msvcrt

        place = os.lseek(file.fileno(), 0, os.SEEK_CUR)
        os.lseek(file.fileno(), _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        finally:
            os.lseek(file.fileno(), place, os.SEEK_SET)
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
