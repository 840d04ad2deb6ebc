"""Something small to try each task on: drawn images, synthesised voices, short texts. No files, no network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from duomo.inputs import (
    Audio,
    AudioPair,
    Candidates,
    Choices,
    Comparison,
    Episode,
    Image,
    ImageCandidates,
    ImageChat,
    ImagePair,
    ImageQuestion,
    ImageTrimap,
    MarkedImage,
    PageQuestion,
    Prompt,
    Question,
    Series,
    SpokenText,
    TableQuestion,
    TableRow,
    Text,
    TextOrImage,
    TextPair,
    Video,
)
from duomo.tasks.base import Task

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, Any]

RATE = 16_000
"""Hertz of the voices."""
_VOWELS = ((700, 1200, 2600), (300, 2300, 3000), (320, 800, 2500), (500, 1700, 2500))
"""Formants of a, i, u and e in hertz."""


class Sample(NamedTuple):
    """What to try a task on."""

    items: list[Any]
    """Two or three that differ, also in size."""
    options: dict[str, Any]
    broken: Any
    """One that is taken in and turns out to be no image, no sound …; or is refused at once."""


def sample_for(task: type[Task[Any, Any, Any]]) -> Sample | None:
    """A sample for a task, by its input class; None for an input class of a plugin's own."""
    for kind, make, broken in _INPUTS:
        if task.Input is kind:
            return Sample(_ITEMS.get(task.name, make)(), _OPTIONS.get(task.name, dict)(), broken)
    return None


def pictures() -> list[Array]:
    """Three drawings as uint8 of shape (H, W, 3): a face, a landscape, a striped ball."""
    import numpy as np
    from PIL import Image as Canvas, ImageDraw

    drawings = []
    for size, sky in (((200, 240), "ivory"), ((320, 200), "skyblue"), ((160, 160), "white")):
        canvas = Canvas.new("RGB", size, sky)
        pen = ImageDraw.Draw(canvas)
        width, height = size
        if sky == "ivory":
            pen.ellipse((50, 40, 150, 180), fill="peachpuff", outline="saddlebrown", width=3)
            for x in (80, 120):
                pen.ellipse((x - 10, 90, x + 10, 102), fill="white", outline="black")
                pen.ellipse((x - 4, 92, x + 4, 100), fill="black")
            pen.polygon(((100, 105), (92, 130), (108, 130)), fill="burlywood")
            pen.arc((78, 130, 122, 160), 20, 160, fill="firebrick", width=4)
        elif sky == "skyblue":
            pen.rectangle((0, 130, width, height), fill="forestgreen")
            pen.ellipse((240, 20, 290, 70), fill="gold")
            pen.polygon(((30, 130), (90, 50), (150, 130)), fill="dimgray")
        else:
            pen.ellipse((20, 20, 140, 140), fill="crimson")
            for y in range(40, 130, 30):
                pen.line((25, y, 135, y), fill="white", width=8)
        drawings.append(np.asarray(canvas).copy())
    return drawings


def clips() -> list[Array]:
    """Two videos of 12 and 20 frames, (T, 48, 64, 3) uint8: a square that walks, and one that grows."""
    import numpy as np

    walking, growing = np.full((12, 48, 64, 3), 220, np.uint8), np.full((20, 48, 64, 3), 30, np.uint8)
    for at, frame in enumerate(walking):
        frame[20:30, 4 * at : 4 * at + 10] = (200, 30, 30)
    for at, frame in enumerate(growing):
        frame[20 - at : 21 + at, 30 - at : 31 + at] = (30, 200, 120)
    return [walking, growing]


def trimaps() -> list[Array]:
    """For each of `images` a map (H, W) uint8: white inside, black outside, grey between."""
    import numpy as np

    maps = []
    for picture in pictures():
        height, width = picture.shape[:2]
        trimap = np.zeros((height, width), np.uint8)
        trimap[height // 8 : -height // 8, width // 8 : -width // 8] = 128
        trimap[height // 3 : -height // 3, width // 3 : -width // 3] = 255
        maps.append(trimap)
    return maps


def pages() -> list[Array]:
    """Two printed pages as uint8 of shape (H, W, 3)."""
    import numpy as np
    from PIL import Image as Canvas, ImageDraw, ImageFont

    pages = []
    for lines in (["Hello, world"], ["INVOICE 2026", "Total: 99.50"]):
        # Readers enlarge a page until its lower side is long enough: a square with paper below is the cheapest.
        canvas = Canvas.new("RGB", (420, 420), "white")
        pen = ImageDraw.Draw(canvas)
        for row, line in enumerate(lines):
            pen.text((16, 60 * row + 16), line, fill="black", font=ImageFont.load_default(size=32))
        pages.append(np.asarray(canvas).copy())
    return pages


def voices() -> list[tuple[Array, int]]:
    """Two voices that babble for 1.2 and 2 s; a detector of voice activity takes them for speech."""
    return [(voice(pitch, seconds), RATE) for pitch, seconds in ((120, 1.2), (210, 2.0))]


def voice(pitch: float, seconds: float, rate: int = RATE) -> Array:
    """Babble as float32 of shape (samples,) in [-1, 1]: harmonics of a wavering `pitch` in hertz, four vowels a second.

    The vowels glide into each other. A hum of one vowel is not speech to a detector of voice activity.
    """
    import numpy as np

    time = np.arange(int(seconds * rate)) / rate
    wavering = pitch * (1 + 0.15 * np.sin(2 * np.pi * 0.9 * time))
    phase = 2 * np.pi * np.cumsum(wavering) / rate
    which, glide = np.divmod(4 * time, 1)
    which = which.astype(int)
    vowels = np.array(_VOWELS)[which % 4]
    following = np.array(_VOWELS)[(which + 1) % 4]
    formants = vowels + (following - vowels) * (glide * glide * (3 - 2 * glide))[:, None]
    sound = np.zeros_like(time)
    for harmonic in range(1, int(4000 / pitch)):
        wave = np.sin(harmonic * phase)
        for formant, level, width in zip(formants.T, (1.0, 0.5, 0.25), (120, 150, 200), strict=True):
            nearness = np.exp(-(((harmonic * wavering - formant) / width) ** 2))
            sound += level * nearness * wave / np.sqrt(harmonic)
    syllables = np.clip(1 - 1.5 * np.cos(2 * np.pi * 4 * time), 0, 1)
    quiet = 0.002 * np.random.default_rng(0).standard_normal(len(time))
    return np.asarray(0.5 * sound / np.abs(sound).max() * syllables + quiet, dtype=np.float32)


def texts() -> list[str]:
    """Three sentences of different length."""
    return [
        "I love this camera.",
        "The parcel came two days late, the box was damaged, and nobody answered my letters.",
        "Ada Lovelace was born in London.",
    ]


def rows_of_a_table() -> list[dict[str, Any]]:
    """Three rows of numbers, names and a missing cell."""
    return [{"age": 41, "city": "Oslo"}, {"age": 23.5, "city": "Rome"}, {"age": None, "city": "Oslo"}]


def tables() -> list[dict[str, list[str]]]:
    """Two small tables, as columns."""
    born = {"name": ["Ada", "Charles", "Grace"], "born in": ["London", "London", "New York"]}
    return [born, {**born, "year": ["1815", "1791", "1906"]}]


def series() -> list[list[float]]:
    """Three series of numbers of different length, one with a value that does not fit in."""
    waves = [[100 + at + 5 * ((at * step) % 7) for at in range(length)] for step, length in ((1, 40), (2, 60), (3, 48))]
    waves[1][30] = 500
    return [[float(value) for value in each] for each in waves]


def episodes() -> list[dict[str, Any]]:
    """Three episodes of a walker on fields of five by five, of none, one and two steps."""
    seen = [{"walker": [0, 1], "goal": [4, 2]}, {"walker": [1, 1], "goal": [4, 2]}, {"walker": [2, 1], "goal": [4, 2]}]
    return [{"observations": seen[: at + 1], "actions": [[1]] * at} for at in range(3)]


_INPUTS: tuple[tuple[type[Any], Callable[[], list[Any]], Any], ...] = (
    (Image, pictures, b"this is not an image"),
    (Text, texts, object()),
    (Prompt, lambda: ["Say hello.", "What is the capital of France?", "Count to three."], object()),
    (Audio, voices, b"this is not audio"),
    (AudioPair, lambda: list(zip(voices(), reversed(voices()), strict=True)), (b"no", b"recording")),
    (SpokenText, lambda: list(zip(voices(), ["a ball", "a red ball"], strict=True)), (b"no recording", "a ball")),
    (TextPair, lambda: [(text, "a camera") for text in texts()], object()),
    (Comparison, lambda: [(text, ["a good camera", "a lorry"]) for text in texts()], object()),
    (Candidates, lambda: [("Who was born in London?", texts()[at:]) for at in range(3)], object()),
    (Choices, lambda: [("Who was born in London?", [*texts()[at:], "Ada"]) for at in range(3)], object()),
    (Question, lambda: [("Who was born in London?", text) for text in texts()], object()),
    (TableRow, rows_of_a_table, object()),
    (ImageQuestion, lambda: [("a red ball", each) for each in pictures()], ("a ball", b"this is not an image")),
    (ImagePair, lambda: [(each, each[:, ::-1].copy()) for each in pictures()], (b"no", b"image")),
    (ImageTrimap, lambda: list(zip(pictures(), trimaps(), strict=True)), (b"no", b"image")),
    (
        MarkedImage,
        lambda: [{"image": each, "boxes": [[5, 8, 150, 140]]} for each in pictures()],
        b"this is not an image",
    ),
    (ImageCandidates, lambda: [(each, ["a red ball", "a face"]) for each in pictures()], (b"no image", ["a ball"])),
    (ImageChat, lambda: [("a red ball", each[:64, :64].copy()) for each in pictures()], ("a ball", b"no image")),
    (Video, clips, b"this is not a video"),
    (PageQuestion, lambda: [("Which total?", page) for page in pages()], ("Which total?", b"this is not an image")),
    (TableQuestion, lambda: [("Who was born in London?", table) for table in tables()], ("Who?", [["a", "b"], ["1"]])),
    (Series, series, [1.0, float("inf")]),
    (Episode, episodes, {"observations": []}),
    (TextOrImage, lambda: ["a red ball", *pictures()[1:]], b"this is not an image"),
)
_ITEMS: dict[str, Callable[[], list[Any]]] = {
    "fill-mask": lambda: ["I love this [MASK].", "Ada [MASK] was born in [MASK].", "The [MASK] came two days late."],
    "optical-character-recognition": pages,
    "image-search": lambda: ["a red ball", "a face", "mountains"],
    "text-to-speech": lambda: ["Hello.", "Good morning to you.", "It is late."],
}
_OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "zero-shot-classification": lambda: {"labels": ["photography", "travel", "history"]},
    "audio-continuation": lambda: {"seconds": 0.02},
    "zero-shot-audio-classification": lambda: {"labels": ["a camera", "a parcel"]},
    "zero-shot-image-classification": lambda: {"labels": ["a ball", "a mountain", "a face"]},
    "time-series-forecasting": lambda: {"horizon": 4},
    "semantic-search": lambda: {"corpus": ["a camera", "a parcel", "a mathematician"], "top_k": 2},
    "zero-shot-object-detection": lambda: {"labels": ["a ball", "a face"], "threshold": 0.0},
    "object-detection": lambda: {"threshold": 0.2},
    "instance-segmentation": lambda: {"threshold": 0.1},
    "panoptic-segmentation": lambda: {"threshold": 0.1},
    "image-anomaly-detection": lambda: {"good": [pictures()[0], pictures()[0][:, ::-1].copy()]},
    "optical-flow": lambda: {"iterations": 2},
    "image-captioning": lambda: {"max_new_tokens": 4},
    "handwriting-recognition": lambda: {"max_new_tokens": 4},
    "image-text-to-text": lambda: {"max_new_tokens": 4},
    "text-image-segmentation": lambda: {"labels": ["a ball", "a face"]},
    "text-generation": lambda: {"max_new_tokens": 4},
    "translation": lambda: {"max_new_tokens": 4},
    "dialogue": lambda: {"max_new_tokens": 4},
    "summarization": lambda: {"max_new_tokens": 4},
    "text2text-generation": lambda: {"max_new_tokens": 4},
    "image-search": lambda: {"images": pictures(), "top_k": 2},
    "spoken-image-search": lambda: {"images": pictures(), "top_k": 2},
}
