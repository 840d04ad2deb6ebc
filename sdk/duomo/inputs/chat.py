"""A chat in which images are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from duomo.brief import Short
from duomo.errors import BadInput
from duomo.inputs.image import Image
from duomo.inputs.text import Text

_ROLES = ("system", "user", "assistant")
_EXAMPLE = '[{"role": "user", "content": [{"type": "image", "image": "cat.jpg"}, {"type": "text", "text": "Who?"}]}]'


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class ImageChat(Short):
    """Messages whose parts are texts and images; the images stand in `images`, in the order of their places."""

    WIRE: ClassVar[Mapping[str, Any]] = {"text": Text, "image": Image}
    """Keys of the mapping that stands for a chat of one message."""
    messages: tuple[tuple[str, tuple[str | None, ...]], ...]
    """Role and parts of each message: a text, or None in the place of an image."""
    images: tuple[Image, ...]
    name: str = ""

    @classmethod
    def accept(cls, value: object) -> ImageChat:
        """Take ``{"text", "image"}`` or ``(text, image)``, with one image or a list; or messages as chat models have.

        A message is ``{"role", "content"}``; its content is a text, or a list of ``{"type": "text", "text": …}`` and
        ``{"type": "image", "image": …}``. A list of messages may stand alone or under ``messages``.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping) and "messages" in value:
            value = value["messages"]
        elif isinstance(value, Mapping) and {"text", "image"} <= value.keys():
            value = (value["text"], value["image"])
        if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], Mapping):
            shown = value[1] if isinstance(value[1], list | tuple) else [value[1]]
            images = tuple(Image.accept(each) for each in shown)
            parts = (*(None for _ in images), str(Text.accept(value[0])))
            return cls((("user", parts),), images, images[0].name if images else "")
        if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
            raise BadInput(
                f"a chat with images is expected, not {value!r:.60}",
                why="it is neither a text with its image nor a list of messages",
                fix=f'("Who?", "cat.jpg") or {_EXAMPLE}',
            )
        pictures: list[Image] = []
        messages = tuple(_message(each, pictures) for each in value)
        if not messages:
            raise BadInput("there are no messages in this chat", why="its length is zero", fix=_EXAMPLE)
        return cls(messages, tuple(pictures), pictures[0].name if pictures else "")


def _message(value: object, pictures: list[Image]) -> tuple[str, tuple[str | None, ...]]:
    if not isinstance(value, Mapping) or value.get("role") not in _ROLES:
        raise BadInput(
            f"not a chat message: {value!r:.80}", why=f"its role is one of {', '.join(_ROLES)}", fix=_EXAMPLE
        )
    content = value.get("content")
    if isinstance(content, str):
        return value["role"], (str(Text.accept(content)),)
    if not isinstance(content, list) or not content:
        raise BadInput(
            f"a message without content: {value!r:.80}", why="content is a text, or a list of parts", fix=_EXAMPLE
        )
    return value["role"], tuple(_part(each, pictures) for each in content)


def _part(value: object, pictures: list[Image]) -> str | None:
    if isinstance(value, Mapping) and "text" in value:
        return str(Text.accept(value["text"]))
    if isinstance(value, Mapping) and "image" in value:
        pictures.append(Image.accept(value["image"]))
        return None
    raise BadInput(
        f"a part of a message is neither text nor image: {value!r:.80}",
        why="a part has the key 'text' or the key 'image'",
        fix=_EXAMPLE,
    )
