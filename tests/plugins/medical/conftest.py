"""Medical files that ship with test packages, and text drawn into pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont


@pytest.fixture(scope="package")
def packaged() -> Path:
    """The folder of pydicom's own test files."""
    pydicom = pytest.importorskip("pydicom")
    return Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture(scope="package")
def burn():
    """Burns lines of text into pixels (…, H, W), as scanners do: in the brightest value."""

    def draw(pixels: np.ndarray, *lines: str, at: tuple[int, int] = (10, 10), size: int = 18) -> np.ndarray:
        height, width = pixels.shape[-2:]
        page = Image.new("L", (width, height))
        for row, line in enumerate(lines):
            font = ImageFont.load_default(size)
            ImageDraw.Draw(page).text((at[0], at[1] + row * (size + 8)), line, fill=255, font=font)
        burned = pixels.copy()
        burned[..., np.asarray(page) > 100] = pixels.max()
        return burned

    return draw
