"""Inputs of more than one part."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

from duomo.brief import Short
from duomo.errors import BadInput, counted
from duomo.inputs.audio import Audio
from duomo.inputs.image import Image
from duomo.inputs.text import Text


class Parts(Short):
    """What inputs of two parts share: a tuple of the parts, or a mapping with a key for each, is taken apart.

    A subclass is a frozen dataclass whose fields are the parts, in the order of `WIRE`, and ``name``, that of its first
    image or audio clip.
    """

    __slots__ = ()
    WIRE: ClassVar[Mapping[str, Any]]
    """Keys of the mapping that stands for it, and what each holds: an input class, or ``list`` of one."""
    WHAT: ClassVar[str]
    """What is expected, in messages."""
    EXAMPLE: ClassVar[str] = ""
    """One that is right, where a part is a list."""

    @classmethod
    def accept(cls, value: object) -> Self:
        """Take ``(first, second)`` or a mapping with the keys of `WIRE`. Raises `BadInput`."""
        if isinstance(value, cls):
            return value
        given = _parts(value, tuple(cls.WIRE), cls.WHAT)
        parts = [cls._part(key, part) for key, part in zip(cls.WIRE, given, strict=True)]
        return cls(*parts, next((part.name for part in parts if isinstance(part, Image | Audio)), ""))  # type: ignore[call-arg]

    @classmethod
    def _part(cls, key: str, value: object) -> object:
        kind = cls.WIRE[key]
        if typing.get_origin(kind) is not list:
            return kind.accept(value)
        parts = list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else []
        if not parts:
            raise BadInput(
                f"{key} must be a list of at least one text", why=f"what was given is {value!r:.60}", fix=cls.EXAMPLE
            )
        [inner] = typing.get_args(kind)
        return tuple(inner.accept(each) for each in parts)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TextPair(Parts):
    """Two texts that belong together: ``(first, second)`` or ``{"text", "text_pair"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"text": Text, "text_pair": Text}
    WHAT = "a pair of texts"
    first: Text
    second: Text
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class AudioPair(Parts):
    """Two audio clips to compare: ``(first, second)`` or ``{"audio", "audio_pair"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"audio": Audio, "audio_pair": Audio}
    WHAT = "a pair of audio clips"
    first: Audio
    second: Audio
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class SpokenText(Parts):
    """An audio clip, and the words that are said in it: ``(audio, text)`` or ``{"audio", "text"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"audio": Audio, "text": Text}
    WHAT = "an audio clip and its text"
    audio: Audio
    text: Text
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ImagePair(Parts):
    """Two images to compare: ``(first, second)`` or ``{"image", "image_pair"}``; it is named by the first."""

    WIRE: ClassVar[Mapping[str, Any]] = {"image": Image, "image_pair": Image}
    WHAT = "a pair of images"
    first: Image
    second: Image
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ImageTrimap(Parts):
    """An image, and a map of what is foreground (white), background (black) and unknown (grey) in it.

    ``(image, trimap)`` or ``{"image", "trimap"}``.
    """

    WIRE: ClassVar[Mapping[str, Any]] = {"image": Image, "trimap": Image}
    WHAT = "an image and its trimap"
    image: Image
    trimap: Image
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Comparison(Parts):
    """One text and the texts to compare it with: ``(source, [sentence, …])`` or ``{"source", "sentences"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"source": Text, "sentences": list[Text]}
    WHAT = "a text and a list of texts"
    EXAMPLE = '("a cat", ["a kitten", "a lorry"])'
    source: Text
    sentences: tuple[Text, ...]
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Candidates(Parts):
    """A query, and the texts that may answer it: ``(query, [text, …])`` or ``{"query", "texts"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"query": Text, "texts": list[Text]}
    WHAT = "a query and a list of texts"
    EXAMPLE = '("who won?", ["we won", "it rained"])'
    query: Text
    texts: tuple[Text, ...]
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Choices(Parts):
    """A question or the beginning of a story, and what may go with it, two texts or more.

    ``(question, [choice, …])`` or ``{"question", "choices"}``.
    """

    WIRE: ClassVar[Mapping[str, Any]] = {"question": Text, "choices": list[Text]}
    WHAT = "a question and a list of choices"
    EXAMPLE = '("who came?", ["Ada", "Bob"])'
    question: Text
    choices: tuple[Text, ...]
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.choices) < 2:
            raise BadInput(
                "choices must be a list of two texts or more", why="of one there is nothing to choose", fix=self.EXAMPLE
            )


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ImageCandidates(Parts):
    """An image, and the texts that may say what it shows: ``(image, [text, …])`` or ``{"image", "texts"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"image": Image, "texts": list[Text]}
    WHAT = "an image and a list of texts"
    EXAMPLE = '("cat.jpg", ["a cat", "a lorry"])'
    image: Image
    texts: tuple[Text, ...]
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Question(Parts):
    """A question, and the text that answers it: ``(question, context)`` or ``{"question", "context"}``."""

    WIRE: ClassVar[Mapping[str, Any]] = {"question": Text, "context": Text}
    WHAT = "a question and a text"
    question: Text
    context: Text
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ImageQuestion(Parts):
    """A question about an image: ``(question, image)`` or ``{"question", "image"}``; it is named by its image."""

    WIRE: ClassVar[Mapping[str, Any]] = {"question": Text, "image": Image}
    WHAT = "a question and an image"
    question: Text
    image: Image
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class PageQuestion(ImageQuestion):
    """A question, and the image of a page that answers it."""

    WHAT = "a question and the image of a page"


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TextOrImage(Short):
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
                raise BadInput(
                    "give either a text or an image",
                    why="there are both" if "text" in value else "there is neither",
                    fix='{"text": "a cat"} or {"image": "cat.jpg"}',
                )
            if "image" in value:
                return cls.accept(Image.accept(value["image"]))
            value = value["text"]
        if isinstance(value, str) and not isinstance(value, os.PathLike):
            return cls(text=Text.accept(value))
        return cls.accept(Image.accept(value))


def _lacking(value: object, keys: tuple[str, ...]) -> str:
    if isinstance(value, Mapping):
        return f"there is no {' and no '.join(repr(key) for key in keys if key not in value)}"
    if isinstance(value, tuple | list):
        return f"it has {counted(len(value), 'part')}"
    return f"it is one {type(value).__name__}"


def _parts(value: object, keys: tuple[str, ...], what: str) -> Sequence[object]:
    if isinstance(value, Mapping) and all(key in value for key in keys):
        return [value[key] for key in keys]
    if isinstance(value, tuple | list) and len(value) == len(keys):
        return value
    raise BadInput(
        f"{what} is expected, not {value!r:.60}",
        why=_lacking(value, keys),
        fix=f'pass a tuple of two, or {{"{keys[0]}": …, "{keys[1]}": …}}',
    )
