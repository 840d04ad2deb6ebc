"""Twelve packaged photos with something near one of the ImageNet classes in them, and what a person would call it."""

import importlib.util
from pathlib import Path

import PIL.Image


def _folder(package, inside):
    return Path(importlib.util.find_spec(package).submodule_search_locations[0]) / inside


SKIMAGE = _folder("skimage", "data")
SKLEARN = _folder("sklearn", "datasets/images")

# The model of a space shuttle that stands behind the astronaut.
SHUTTLE = PIL.Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((330, 0, 512, 270))

PHOTOS = {
    "a cat": SKIMAGE / "chelsea.png",
    "a cup of coffee": SKIMAGE / "coffee.png",
    "a motorcycle": SKIMAGE / "motorcycle_left.png",
    "a rocket": SKIMAGE / "rocket.jpg",
    "a camera on a tripod": SKIMAGE / "camera.png",
    "a clock": SKIMAGE / "clock_motion.png",
    "printed text": SKIMAGE / "page.png",
    "a horse": SKIMAGE / "horse.png",
    "a brick wall": SKIMAGE / "brick.png",
    "a space shuttle": SHUTTLE,
    "a palace": SKLEARN / "china.jpg",
    "a flower": SKLEARN / "flower.jpg",
}
