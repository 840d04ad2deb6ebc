"""Which way is up: pixels turned so that every slice is seen as radiologists agree to see it.

Directions are those of DICOM's patient (LPS): +x to the left, +y to the back (posterior), +z to the head. On the
screen the patient's left is on the right, the back (axial) or the feet (coronal, sagittal) at the bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from duomo.errors import BadInput
from duomo_medical.dicom_file import functional_group, value

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydicom import Dataset

_LETTERS = ("LR", "PA", "HF")
"""Positive and negative direction of each axis."""


class Turn(NamedTuple):
    """What to do to rows and columns, in this order."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False
    directions: str = ""
    """Where columns and rows run to afterwards, such as ``LP``; empty when the file does not say."""

    def apply(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Turn an array (frames, rows, columns, …)."""
        if self.transpose:
            frames = frames.swapaxes(1, 2)
        if self.flip_rows:
            frames = frames[:, ::-1]
        return frames[:, :, ::-1] if self.flip_columns else frames


def of_dataset(dataset: Dataset) -> Turn:
    """The turn an image needs; an image without geometry stays as it is."""
    cosines = value(dataset, "ImageOrientationPatient")
    if cosines is None:
        plane = functional_group(dataset, "PlaneOrientationSequence")
        cosines = value(plane, "ImageOrientationPatient") if plane is not None else None
    if cosines is not None and len(cosines) == 6:
        return from_cosines([float(each) for each in cosines])
    letters = value(dataset, "PatientOrientation")
    if letters is not None and len(letters) == 2 and all(letters):
        return from_letters(str(letters[0]), str(letters[1]))
    return Turn()


def from_cosines(cosines: Sequence[float]) -> Turn:
    """From the direction of a row (first three numbers) and of a column (last three)."""
    row, column = np.reshape(np.asarray(cosines, float), (2, 3))
    across, down = int(np.abs(row).argmax()), int(np.abs(column).argmax())
    if across == down:
        raise BadInput(
            "rows and columns of this image run the same way",
            why=f"the direction cosines are {np.round(cosines, 3).tolist()}",
            fix="send the series again; its geometry is damaged",
        )
    return _turn((across, row[across] > 0), (down, column[down] > 0))


def from_letters(row: str, column: str) -> Turn:
    """From PatientOrientation, such as ``L`` and ``F``; only the first letter of each counts."""
    ends = []
    for letter in (row[0], column[0]):
        axis = next((index for index, pair in enumerate(_LETTERS) if letter in pair), None)
        if axis is None:
            return Turn()
        ends.append((axis, _LETTERS[axis].index(letter) == 0))
    return _turn(*ends) if ends[0][0] != ends[1][0] else Turn()


def _turn(across: tuple[int, bool], down: tuple[int, bool]) -> Turn:
    """`across` and `down` are (axis, whether it runs to the positive end), as stored."""
    transpose = across[0] > down[0]
    if transpose:
        across, down = down, across
    # Seen from the front or the side, the head is up: down the screen runs to the feet, the negative end.
    wanted_down = down[0] != 2
    ends = _LETTERS[across[0]][0] + _LETTERS[down[0]][0 if wanted_down else 1]
    return Turn(transpose, down[1] != wanted_down, not across[1], ends)
