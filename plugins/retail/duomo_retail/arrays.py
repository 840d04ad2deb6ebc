"""Fitted arrays: safetensors beside the JSON that names them by their digest."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pydantic
from numpy.typing import NDArray

from duomo.adapters import Artifact
from duomo.errors import ArtifactProblem, CannotWrite


class ArrayArtifact(Artifact):
    """An artefact with an array: its JSON holds the array's digest, and a ``.safetensors`` beside it the numbers."""

    kind: ClassVar[str] = ""
    sha256: str
    """SHA-256 of the array's bytes, and so part of the fingerprint."""
    shape: tuple[int, ...]
    _array: NDArray[np.float32] | None = pydantic.PrivateAttr(default=None)
    _path: str = pydantic.PrivateAttr(default="")

    @classmethod
    def of(cls, array: NDArray[Any], **fields: Any) -> Self:
        """One that holds `array`, as float32."""
        kept = np.ascontiguousarray(array, np.float32)
        made = cls(sha256=hashlib.sha256(kept.tobytes()).hexdigest(), shape=kept.shape, **fields)
        made._array = kept
        return made

    @property
    def array(self) -> NDArray[np.float32]:
        """The numbers, read when first asked for. Raises `ArtifactProblem` when they are not those that were saved."""
        if self._array is None:
            self._array = self._read()
        return self._array

    def save(self, path: str | os.PathLike[str]) -> Path:
        from safetensors.numpy import save_file

        target = super().save(path)
        try:
            save_file({"array": self.array}, str(target.with_suffix(".safetensors")))
            shutil.copymode(target, target.with_suffix(".safetensors"))  # safetensors lets nobody else read it
        except OSError as error:
            raise CannotWrite(
                f"the array cannot be written beside '{target}'", why=str(error), fix="choose another place"
            ) from None
        return target

    def placed(self, path: Path) -> Self:
        self._path = str(path.with_suffix(".safetensors"))
        return self

    def _read(self) -> NDArray[np.float32]:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            found: NDArray[np.float32] = load_file(self._path)["array"]
        except (OSError, SafetensorError, KeyError) as error:
            raise ArtifactProblem(
                f"the numbers of '{self.kind}' are not at '{self._path}'",
                why=f"{type(error).__name__}: {error}",
                fix="keep the .safetensors beside the .json, or fit it again",
            ) from None
        if hashlib.sha256(np.ascontiguousarray(found).tobytes()).hexdigest() != self.sha256:
            raise ArtifactProblem(
                f"'{self._path}' was changed after it was saved",
                why="its numbers do not have the digest that the JSON names",
                fix="take it from where it was fitted, or fit it again",
            )
        return found
