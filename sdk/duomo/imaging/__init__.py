"""From an image to what a network takes, by the shortest ways that give what Pillow and the processors give."""

from duomo.imaging.decoding import decode
from duomo.imaging.preparing import Preparation
from duomo.imaging.resizing import MODES, Normalizing, OwnResize, Resize, find_resize

__all__ = ["MODES", "Normalizing", "OwnResize", "Preparation", "Resize", "decode", "find_resize"]
