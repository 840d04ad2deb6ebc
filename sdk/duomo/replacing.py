"""Files that readers find whole: the old content or the new."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; it takes the place of `path` when the block ends without an error.

    A file that is there already keeps its permissions: who may read it is not for us to widen.

    Raises:
        OSError: `path` is a device or a pipe, such as ``/dev/null``, which would be lost.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not an ordinary file", str(path))
    fresh = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        yield fresh
        if path.exists():
            fresh.chmod(stat.S_IMODE(path.stat().st_mode))  # shutil would load lzma and bz2 at each start
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
