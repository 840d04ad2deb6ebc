"""Inputs of more than one part."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from duomo.errors import BadInput
from duomo.inputs.audio import Audio
from duomo.inputs.image import Image
from duomo.inputs.text import Text


@dataclasses.dataclass(frozen=True, slots=True)
class TextPair:
    """Two texts that belong together."""

    WIRE: ClassVar[Mapping[str, Any]] = {"text": Text, "text_pair": Text}
    """Keys of the mapping that stands for it, and what each holds."""
    first: Text
    second: Text
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> TextPair:
        """Take ``(first, second)`` or ``{"text", "text_pair"}``."""
        if isinstance(value, cls):
            return value
        first, second = _two(value, ("text", "text_pair"), "a pair of texts")
        return cls(Text.accept(first), Text.accept(second))


@dataclasses.dataclass(frozen=True, slots=True)
class AudioPair:
    """Two recordings to compare."""

    WIRE: ClassVar[Mapping[str, Any]] = {"audio": Audio, "audio_pair": Audio}
    """Keys of the mapping that stands for it, and what each holds."""
    first: Audio
    second: Audio
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> AudioPair:
        """Take ``(first, second)`` or ``{"audio", "audio_pair"}``."""
        if isinstance(value, cls):
            return value
        first, second = _two(value, ("audio", "audio_pair"), "a pair of recordings")
        return cls(Audio.accept(first), Audio.accept(second))


@dataclasses.dataclass(frozen=True, slots=True)
class ImagePair:
    """Two images to compare, such as two views of a place or two frames of a video."""

    WIRE: ClassVar[Mapping[str, Any]] = {"image": Image, "image_pair": Image}
    """Keys of the mapping that stands for it, and what each holds."""
    first: Image
    second: Image
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> ImagePair:
        """Take ``(first, second)`` or ``{"image", "image_pair"}``."""
        if isinstance(value, cls):
            return value
        first, second = _two(value, ("image", "image_pair"), "a pair of images")
        one = Image.accept(first)
        return cls(one, Image.accept(second), one.name)


@dataclasses.dataclass(frozen=True, slots=True)
class ImageTrimap:
    """An image, and a map of what is foreground (white), background (black) and unknown (grey) in it."""

    WIRE: ClassVar[Mapping[str, Any]] = {"image": Image, "trimap": Image}
    """Keys of the mapping that stands for it, and what each holds."""
    image: Image
    trimap: Image
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> ImageTrimap:
        """Take ``(image, trimap)`` or ``{"image", "trimap"}``."""
        if isinstance(value, cls):
            return value
        image, trimap = _two(value, ("image", "trimap"), "an image and its trimap")
        one = Image.accept(image)
        return cls(one, Image.accept(trimap), one.name)


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """One text and the texts to compare it with."""

    WIRE: ClassVar[Mapping[str, Any]] = {"source": Text, "sentences": list[Text]}
    """Keys of the mapping that stands for it, and what each holds."""
    source: Text
    sentences: tuple[Text, ...]
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> Comparison:
        """Take ``(source, [sentence, …])`` or ``{"source", "sentences"}``."""
        if isinstance(value, cls):
            return value
        source, sentences = _two(value, ("source", "sentences"), "a text and a list of texts")
        texts = list(sentences) if isinstance(sentences, Iterable) and not isinstance(sentences, str) else []
        if not texts:
            raise BadInput("sentences must be a list of at least one text", fix='("a cat", ["a kitten", "a lorry"])')
        return cls(Text.accept(source), tuple(Text.accept(each) for each in texts))


@dataclasses.dataclass(frozen=True, slots=True)
class Candidates:
    """A query, and the texts that may answer it."""

    WIRE: ClassVar[Mapping[str, Any]] = {"query": Text, "texts": list[Text]}
    """Keys of the mapping that stands for it, and what each holds."""
    query: Text
    texts: tuple[Text, ...]
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> Candidates:
        """Take ``(query, [text, …])`` or ``{"query", "texts"}``."""
        if isinstance(value, cls):
            return value
        query, texts = _two(value, ("query", "texts"), "a query and a list of texts")
        parts = list(texts) if isinstance(texts, Iterable) and not isinstance(texts, str | bytes | Mapping) else []
        if not parts:
            raise BadInput("texts must be a list of at least one text", fix='("who won?", ["we won", "it rained"])')
        return cls(Text.accept(query), tuple(Text.accept(each) for each in parts))


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """A question, and the text that answers it."""

    WIRE: ClassVar[Mapping[str, Any]] = {"question": Text, "context": Text}
    """Keys of the mapping that stands for it, and what each holds."""
    question: Text
    context: Text
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> Question:
        """Take ``(question, context)`` or ``{"question", "context"}``."""
        if isinstance(value, cls):
            return value
        question, context = _two(value, ("question", "context"), "a question and a text")
        return cls(Text.accept(question), Text.accept(context))


@dataclasses.dataclass(frozen=True, slots=True)
class ImageQuestion:
    """A question about an image."""

    WIRE: ClassVar[Mapping[str, Any]] = {"question": Text, "image": Image}
    """Keys of the mapping that stands for it, and what each holds."""
    question: Text
    image: Image
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> ImageQuestion:
        """Take ``(question, image)`` or ``{"question", "image"}``."""
        if isinstance(value, cls):
            return value
        question, image = _two(value, ("question", "image"), "a question and a picture")
        picture = Image.accept(image)
        return cls(Text.accept(question), picture, picture.name)


@dataclasses.dataclass(frozen=True, slots=True)
class PageQuestion:
    """A question, and the image of a page that answers it."""

    WIRE: ClassVar[Mapping[str, Any]] = {"question": Text, "image": Image}
    """Keys of the mapping that stands for it, and what each holds."""
    question: Text
    image: Image
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> PageQuestion:
        """Take ``(question, image)`` or ``{"question", "image"}``."""
        if isinstance(value, cls):
            return value
        question, image = _two(value, ("question", "image"), "a question and the picture of a page")
        page = Image.accept(image)
        return cls(Text.accept(question), page, page.name)


@dataclasses.dataclass(frozen=True, slots=True)
class TextOrImage:
    """A text or an image, for models that hold both in one space. Exactly one part is set."""

    text: Text | None = None
    image: Image | None = None
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> TextOrImage:
        """Take ``{"text": …}`` or ``{"image": …}``; alone, a ``str`` is a text and everything else an image."""
        if isinstance(value, cls):
            return value
        if isinstance(value, Image):
            return cls(image=value, name=value.name)
        if isinstance(value, Mapping):
            if ("text" in value) == ("image" in value):
                raise BadInput("give either a text or an image", fix='{"text": "a cat"} or {"image": "cat.jpg"}')
            if "image" in value:
                return cls.accept(Image.accept(value["image"]))
            value = value["text"]
        if isinstance(value, str) and not isinstance(value, os.PathLike):
            return cls(text=Text.accept(value))
        return cls.accept(Image.accept(value))


def _two(value: object, keys: tuple[str, str], what: str) -> tuple[Any, Any]:
    if isinstance(value, Mapping) and all(key in value for key in keys):
        return value[keys[0]], value[keys[1]]
    if isinstance(value, tuple | list) and len(value) == 2:
        return value[0], value[1]
    raise BadInput(
        f"{what} is expected, not {value!r:.60}", fix=f'pass a tuple of two, or {{"{keys[0]}": …, "{keys[1]}": …}}'
    )
