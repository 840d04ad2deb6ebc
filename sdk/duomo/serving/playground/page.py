"""The page: a form for each task, made of its schemas; no build step, nothing from another server."""

from __future__ import annotations

import importlib.resources
import json
import typing
from collections.abc import Iterable
from typing import Any

from duomo.inputs import Audio, Image, Prompt, Table, TableRow, Text, TextOrImage, Video
from duomo.serving.hosted import Hosted

PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src data: blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_KINDS = (
    (Image, "image"),
    (Video, "video"),
    (Audio, "audio"),
    (TextOrImage, "text-or-image"),
    (Prompt, "chat"),
    (TableRow, "row"),
    (Text, "text"),
    (Table, "text"),  # as CSV
    (TableRow, "row"),
)


def playground(hosted: Iterable[Hosted[Any]]) -> str:
    """Write the page for these models."""
    tasks = [
        {
            "name": each.task.name,
            "model": each.runner.meta.model,
            "summary": (each.task.__doc__ or "").strip().partition("\n")[0],
            "input": input_fields(each.task.Input),
            "options": each.task.Options.model_json_schema(),
        }
        for each in hosted
    ]
    html = importlib.resources.files(__package__).joinpath("page.html").read_text("utf-8")
    # "<" could end the script element, wherever it stands in a description.
    return html.replace("/*TASKS*/[]", json.dumps(tasks, ensure_ascii=False).replace("<", "\\u003c"), 1)


def input_fields(input_class: type[Any]) -> list[dict[str, str]]:
    """List the fields of an input: name (empty where the input is one value) and kind."""
    wire = getattr(input_class, "WIRE", None)
    if wire is None:
        return [{"name": "", "kind": _kind(input_class)}]
    optional = getattr(input_class, "OPTIONAL", ())
    return [{"name": name, "kind": "marks" if name in optional else _kind(kind)} for name, kind in wire.items()]


def _kind(input_class: object) -> str:
    if not isinstance(input_class, type):
        [part] = typing.get_args(input_class) or (None,)
        return {float: "numbers", str: "texts", Text: "texts"}.get(part, "json")
    return next((kind for cls, kind in _KINDS if issubclass(input_class, cls)), "json")
