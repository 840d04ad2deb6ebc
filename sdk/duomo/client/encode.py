"""What goes over the wire: inputs and options as JSON, with bytes in the place of files."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
from collections.abc import Mapping
from pathlib import Path

from duomo.counting import a_type
from duomo.errors import BadInput
from duomo.inputs import Audio, Image, ImageChat, Prompt, TableRow, Text, TextOrImage, Video
from duomo.inputs.frames import lossless
from duomo.inputs.limits import limits
from duomo.inputs.source import open_source
from duomo.tasks.base import Options

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def encode_item(item: object) -> Json:
    """Write an accepted input as the JSON that a server takes.

    Raises:
        BadInput: a file cannot be read, or the value has no JSON form.
    """
    if isinstance(item, Text):
        return str(item)
    if isinstance(item, Image):
        return _data(_image_bytes(item))
    if isinstance(item, Audio):
        return _data(_audio_bytes(item))
    if isinstance(item, Video):
        return _video(item)
    if isinstance(item, ImageChat):
        return _chat(item)
    if isinstance(item, TableRow):
        return encode_value(item.fields)
    if isinstance(item, TextOrImage):
        return {"text": str(item.text)} if item.text is not None else {"image": encode_item(item.image)}
    if isinstance(item, Prompt):
        if item.text and item.max_new_tokens is None:
            return item.text  # a server's model decides whether a plain text is wrapped in its chat template
        chat: dict[str, Json] = {"text": item.text} if item.text else {"messages": [{**m} for m in item.messages]}
        return chat if item.max_new_tokens is None else {**chat, "max_new_tokens": item.max_new_tokens}
    wire = getattr(item, "WIRE", None)
    if wire is not None and dataclasses.is_dataclass(item):
        # The fields of an input of several parts stand in the order of their keys on the wire.
        parts = [getattr(item, field.name) for field in dataclasses.fields(item) if field.name != "name"]
        optional = getattr(item, "OPTIONAL", ())
        pairs = zip(wire, parts, strict=True)
        return {key: encode_item(part) for key, part in pairs if part or key not in optional}
    return encode_value(item)


def encode_value(value: object) -> Json:
    """Write any value as JSON; bytes, images and files become ``data:`` texts."""
    if isinstance(value, Image | Audio | Video | Text | Prompt | TextOrImage):
        return encode_item(value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return _data(bytes(value))
    if isinstance(value, Path):
        return _data(_read(value))
    if isinstance(value, Mapping):
        return {str(key): encode_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encode_value(each) for each in value]
    raise BadInput(
        f"{a_type(value)} cannot be sent to a server",
        why="it has no form in JSON",
        fix="pass texts, numbers, bytes, or a list or mapping of them",
    )


def encode_options(options: Options) -> dict[str, Json]:
    """Write the options that were set."""
    return {name: encode_value(getattr(options, name)) for name in options.model_fields_set}


def _video(video: Video) -> Json:
    if isinstance(video.source, str | bytes | os.PathLike):
        return _data(_read(video.source, "video"))
    most = limits().video_seconds
    clip = video.first(most)
    if clip.total > most:
        raise BadInput(
            f"these {clip.total:,} frames cannot be sent to a server",
            why=f"they go as a video of {most:,} frames at most",
            fix="send a video file, or use a model on this machine",
        )
    return _data(lossless(clip.frames))


def _chat(chat: ImageChat) -> Json:
    role, parts = chat.messages[0]
    *shown, text = parts
    if len(chat.messages) == 1 and role == "user" and text is not None and shown and not any(shown):
        encoded: list[Json] = [encode_item(each) for each in chat.images]
        return {"text": text, "image": encoded[0] if len(encoded) == 1 else encoded}
    images = iter(chat.images)
    messages: list[Json] = []
    for role, parts in chat.messages:
        content: list[Json] = [
            {"type": "image", "image": encode_item(next(images))} if part is None else {"type": "text", "text": part}
            for part in parts
        ]
        messages.append({"role": role, "content": content})
    return {"messages": messages}


def _data(content: bytes) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(content).decode()


def _read(source: str | os.PathLike[str] | bytes, what: str = "input") -> bytes:
    if isinstance(source, bytes):
        return source
    with open_source(source, what) as file:
        return file.read()


def _image_bytes(image: Image) -> bytes:
    if isinstance(image.source, str | bytes | os.PathLike):
        return _read(image.source, "image")
    buffer = io.BytesIO()
    image.pil().save(buffer, "PNG")
    return buffer.getvalue()


def _audio_bytes(audio: Audio) -> bytes:
    if isinstance(audio.source, str | bytes | os.PathLike):
        return _read(audio.source, "audio")
    import soundfile

    buffer = io.BytesIO()
    samples = audio.samples(audio.sampling_rate)
    soundfile.write(buffer, samples, audio.sampling_rate, format="WAV", subtype="FLOAT")  # as exact as the array
    return buffer.getvalue()
