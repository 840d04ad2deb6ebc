"""Twelve packaged photos with something near one of the ImageNet classes in them, and what a person would call it."""

from pathlib import Path

import PIL.Image

from duomo.weights import find_package_file


def _photo(inside: str) -> Path:
    path = find_package_file(f"package:{inside}")
    assert path is not None, f"{inside} is not here: pip install -r requirements-dev.txt"
    return path


# The model of a space shuttle that stands behind the astronaut.
SHUTTLE = PIL.Image.open(_photo("skimage/data/astronaut.png")).convert("RGB").crop((330, 0, 512, 270))

PHOTOS = {
    "a cat": _photo("skimage/data/chelsea.png"),
    "a cup of coffee": _photo("skimage/data/coffee.png"),
    "a motorcycle": _photo("skimage/data/motorcycle_left.png"),
    "a rocket": _photo("skimage/data/rocket.jpg"),
    "a camera on a tripod": _photo("skimage/data/camera.png"),
    "a clock": _photo("skimage/data/clock_motion.png"),
    "printed text": _photo("skimage/data/page.png"),
    "a horse": _photo("skimage/data/horse.png"),
    "a brick wall": _photo("skimage/data/brick.png"),
    "a space shuttle": SHUTTLE,
    "a palace": _photo("sklearn/datasets/images/china.jpg"),
    "a flower": _photo("sklearn/datasets/images/flower.jpg"),
}
