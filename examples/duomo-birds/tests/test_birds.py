"""The conformance suite, and what only this model knows."""

import duomo
import numpy as np
import pytest
from duomo.testing import ModelConformance, PluginConformance

from duomo_birds.model import PLUMAGE


class TestPlugin(PluginConformance):
    plugin = "birds"


class TestPlumage(ModelConformance):
    model = "birds/plumage"


def picture(first, second):
    """Half one colour, half the other."""
    pixels = np.empty((60, 80, 3), np.uint8)
    pixels[:30], pixels[30:] = first, second
    return pixels


@pytest.mark.parametrize("bird", PLUMAGE)
def test_a_picture_in_a_birds_colours_is_that_bird(bird):
    result = duomo.run("image-classification", picture(*PLUMAGE[bird]), model="birds/plumage")
    assert result.top.name == bird
    assert sum(label.score for label in result.labels) == pytest.approx(1)


def test_one_of_two_colours_is_not_enough():
    blue = PLUMAGE["blue tit"][0]
    result = duomo.run("image-classification", picture(blue, blue), model="birds/plumage")
    assert result.top.score < 0.5
