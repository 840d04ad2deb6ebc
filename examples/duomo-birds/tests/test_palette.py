"""The conformance suite of models that can be trained."""

import numpy as np
from duomo.testing import TrainableConformance

from duomo_birds.model import PLUMAGE


def picture(bird, light):
    """Half one colour of a bird, half the other, darker or lighter."""
    pixels = np.empty((60, 80, 3), np.float32)
    pixels[:30], pixels[30:] = PLUMAGE[bird]
    return np.clip(pixels * light, 0, 255).astype(np.uint8)


class TestPalette(TrainableConformance):
    model = "birds/palette"
    task = "image-classification"
    rows = [(picture(bird, light), bird) for light in (0.8, 0.9, 1.0, 1.1) for bird in ("robin", "magpie", "blue tit")]
