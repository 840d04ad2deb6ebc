"""A checkpoint of the hub: its folder in the local cache, downloaded first if need be and allowed."""

from __future__ import annotations

import errno
from pathlib import Path

from duomo.config import is_offline
from duomo.errors import AmbiguousReference, DuomoError, Offline, WeightsMissing
from duomo.layout import first_line

_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja", "*.tiktoken", "speaker_embeddings/*.npy"]
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO}
"""What the disk of the cache can be wrong about."""


def download(name: str, revision: str) -> Path:
    """Give the folder of ``org/name``, at a revision or the newest.

    Raises `AmbiguousReference` for what is not a name, `WeightsMissing` for what the hub or the disk refuses, and
    `Offline` for what is not in the cache while the network may not be used.
    """
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError

    offline = is_offline()
    try:
        folder = huggingface_hub.snapshot_download(
            name, revision=revision or None, local_files_only=offline, allow_patterns=_FILES
        )
    except (HFValidationError, OSError) as error:  # errors of the hub and of the network are OSErrors
        raise _refused_by_hub(error, name, revision) or _not_read(error, name, offline) from None
    return Path(folder)


def _refused_by_hub(error: Exception, name: str, revision: str) -> DuomoError | None:
    """What is wrong with the name, the revision, or who asks."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, HFValidationError):
        return AmbiguousReference(
            f"'hf:{name}' is not a hub reference",
            why=first_line(error),
            fix="write hf:org/name or hf:org/name@revision",
        )
    if isinstance(error, GatedRepoError):  # the hub's errors count it among those that are not there
        return WeightsMissing(
            f"the model '{name}' is gated",
            why="its owners give it to those who accept their licence",
            fix="accept the licence on the model's page, and log in: hf auth login",
        )
    if isinstance(error, RepositoryNotFoundError):
        return WeightsMissing(f"the hub has no model '{name}'", fix="check the name, or log in: hf auth login")
    if isinstance(error, RevisionNotFoundError):
        return WeightsMissing(
            f"the model '{name}' has no revision '{revision}'",
            why="the hub knows no branch, tag or commit of this name",
            fix=f"choose one of its page, or take the newest: hf:{name}",
        )
    return None


def _not_read(error: Exception, name: str, offline: bool) -> DuomoError:
    """What is wrong with the disk or the network."""
    if isinstance(error, OSError) and error.errno in _DISK:
        return WeightsMissing(
            f"'hf:{name}' could not be read from or written to the hub's cache",
            why=error.strerror or first_line(error),
            fix="make room, or set its permissions; HF_HOME=PATH keeps the cache elsewhere",
        )
    if offline:
        return Offline(
            f"'hf:{name}' is not in the local cache",
            why="duomo is offline (--offline, DUOMO_OFFLINE, HF_HUB_OFFLINE or the configuration)",
            fix=f"download it where there is a network: hf download {name}\nor use a folder: dir:PATH",
        )
    return WeightsMissing(
        f"'hf:{name}' could not be downloaded",
        why=first_line(error),
        fix="check the network; or download it elsewhere and use dir:PATH",
    )
