"""The OpenAPI description of a server, made of the tasks' own classes."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from duomo.client.encode import encode_item, encode_options
from duomo.errors import DuomoError
from duomo.inputs import Audio, Image, ImageChat, Prompt, TableRow, Text, TextOrImage, Video
from duomo.serving.bodies import BODIES
from duomo.serving.forms import is_json
from duomo.serving.hosted import Hosted
from duomo.tasks.base import Task
from duomo.testing.samples import sample_for
from duomo.version import __version__

MEDIA = {
    "type": "string",
    "pattern": "^data:[^,]*;base64,",
    "description": "data:…;base64,… of the file's bytes; in a form, a file part",
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "what", "why", "fix"],
            "properties": {name: {"type": "string"} for name in ("code", "what", "why", "fix")},
        }
    },
}

ERROR_OF_TENSORS = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
"""What the Open Inference Protocol has an error look like."""
TEXT = {"type": "string", "pattern": r"\S"}
"""White space alone is refused."""
BESIDE = {
    "deadline_s": {"type": ["number", "null"], "minimum": 0, "exclusiveMaximum": 86_400,
                   "description": "seconds that an item may wait"},
    "model": {"type": ["string", "null"], "description": "refused where another one answers"},
}  # fmt: skip
"""What a body may have beside the input and the options."""
ROUTES: tuple[tuple[str, str, str], ...] = (
    ("get", "/v1/tasks", "What is served"),
    ("post", "/v1/adapters/{industry}/{name}", "Records to verdicts, one a line"),
    ("get", "/v1/models", "Models, in OpenAI's dialect"),
    ("get", "/v1/models/{name}", "One model, in OpenAI's dialect"),
    ("post", "/v1/chat/completions", "A chat goes on, in OpenAI's dialect"),
    ("post", "/v1/embeddings", "Texts as vectors, in OpenAI's dialect"),
    ("post", "/v1/audio/transcriptions", "An audio clip is written down, in OpenAI's dialect"),
    ("post", "/v1/audio/translations", "The same in English"),
    ("post", "/v1/audio/speech", "A text is spoken, in OpenAI's dialect"),
    ("get", "/v2", "The server, by the Open Inference Protocol"),
    ("get", "/v2/health/live", "Whether it lives"),
    ("get", "/v2/health/ready", "Whether it can answer"),
    ("get", "/v2/models/{name}", "The tensors of a task"),
    ("get", "/v2/models/{name}/ready", "Whether a task can be answered"),
    ("post", "/v2/models/{name}/infer", "Tensors in and tensors out"),
    ("get", "/v2/models/{name}/versions/{version}", "The tensors of a task"),
    ("get", "/v2/models/{name}/versions/{version}/ready", "Whether a task can be answered"),
    ("post", "/v2/models/{name}/versions/{version}/infer", "Tensors in and tensors out"),
    ("get", "/openapi.json", "This description"),
    ("get", "/metrics", "Numbers, in Prometheus' format"),
    ("get", "/", "A page to try the tasks"),
    ("get", "/-/status", "How the server is, as a page"),
    ("get", "/-/status.json", "How the server is"),
    ("get", "/-/models", "Which models serve, and which may"),
    ("post", "/-/models/{task}/{act}", "swap, shadow, promote or rollback"),
    ("get", "/-/models/{task}/{act}", "The report of a shadow"),
    ("delete", "/-/models/{task}/{act}", "End a shadow"),
    ("get", "/livez", "Whether the process answers"),
    ("get", "/readyz", "Whether the models can answer"),
)
"""Method, path and summary of what has no schema of a task."""


def input_schema(input_class: type[Any]) -> dict[str, Any]:
    """Describe in JSON what an input of this class looks like on the wire."""
    if issubclass(input_class, Image | Audio | Video):
        return MEDIA
    if issubclass(input_class, Text):
        return TEXT
    if issubclass(input_class, TableRow):
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean", "null"]}}
    if issubclass(input_class, Prompt):
        message = {
            "type": "object",
            "required": ["role", "content"],
            "properties": {"role": {"enum": ["system", "user", "assistant"]}, "content": {"type": "string"}},
        }
        chat = {"type": "object", "required": ["messages"], "properties": {"messages": _many(message)}}
        return {"anyOf": [{"type": "string"}, _many(message), chat]}
    if issubclass(input_class, TextOrImage):
        parts = {name: {"type": "object", "required": [name], "properties": {name: kind}}
                 for name, kind in (("text", {"type": "string"}), ("image", MEDIA))}  # fmt: skip
        return {"anyOf": [TEXT, *parts.values()]}
    if issubclass(input_class, float):
        return {"type": "number"}
    wire = getattr(input_class, "WIRE", None)
    if wire is None:
        return {}
    if issubclass(input_class, ImageChat):
        fields: dict[str, Any] = {"text": {"type": "string"}, "image": {"anyOf": [MEDIA, _many(MEDIA)]}}
        one = {"type": "object", "required": list(fields), "properties": fields}
        return {"anyOf": [one, {"type": "object", "required": ["messages"]}]}
    required = [name for name in wire if name not in getattr(input_class, "OPTIONAL", ())]
    return {"type": "object", "required": required, "properties": {name: _part(kind) for name, kind in wire.items()}}


def example_of(task: type[Task[Any, Any, Any]]) -> dict[str, object] | None:
    """Return a body that can be sent as it is; None for a task whose sample has no form on the wire."""
    sample = sample_for(task)
    if sample is None:
        return None
    options = task.Options.parse(sample.options)
    try:
        return {"input": encode_item(task.Input.accept(sample.items[0])), "options": encode_options(options)}
    except DuomoError:  # frames of a video, where PyAV is not installed
        return None


def openapi(hosted: Iterable[Hosted[Any]], root: str = "") -> dict[str, Any]:
    """Describe the whole server (OpenAPI 3.1); `root` is the path it is mounted under."""
    paths: dict[str, Any] = {}
    parts: dict[str, Any] = {"Error": ERROR, "ErrorOfTensors": ERROR_OF_TENSORS}
    for task in (each.task for each in hosted):
        for cls in (task.Options, task.Result):
            schema = cls.model_json_schema(ref_template="#/components/schemas/{model}")
            parts.update(schema.pop("$defs", {}))
            parts[cls.__name__] = schema
        paths[f"/v1/tasks/{task.name}"] = {"get": _about(task), "post": _route_of_one(task)}
        paths[f"/v1/tasks/{task.name}/map"] = {"post": _route_of_many(task)}
    for method, path, summary in ROUTES:
        names = re.findall(r"{(\w+)}", path)
        given = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
        paths.setdefault(path, {})[method] = {
            "operationId": re.sub(r"[^a-z0-9]+", "_", f"{method}{path}").strip("_"),
            "summary": summary,
            "parameters": given,
            "responses": {"200": {"description": summary}, "default": _error(path)},
            **({"requestBody": BODIES[path]} if method == "post" else {}),
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "duomo", "version": __version__},
        **({"servers": [{"url": root}]} if root else {}),
        "paths": paths,
        "components": {"schemas": parts, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],  # whether one is asked for is the operator's choice
    }


def _about(task: type[Task[Any, Any, Any]]) -> dict[str, Any]:
    said = "Its schemas, an example and limits"
    answers = {"200": {"description": said, "content": _json({"type": "object"})}, "default": _error()}
    return {"operationId": f"{task.name}-about", "summary": said, "responses": answers}


def _route_of_one(task: type[Task[Any, Any, Any]]) -> dict[str, Any]:
    answer = {"type": "object", "properties": {"result": _ref(task.Result), "meta": {"type": "object"}}}
    return {
        "operationId": task.name,
        "summary": (task.__doc__ or task.name).strip().splitlines()[0],
        "requestBody": _body(task, "input", input_schema(task.Input)),
        "responses": {
            "200": {"description": "the result", "content": _json(answer)},
            "default": _error(),
        },
    }


def _route_of_many(task: type[Task[Any, Any, Any]]) -> dict[str, Any]:
    return {
        "operationId": f"{task.name}-map",
        "summary": "Many items: one outcome a line, as each is known",
        "requestBody": _body(task, "items", _many(input_schema(task.Input))),
        "responses": {
            "200": {"description": "outcomes", "content": {"application/x-ndjson": {}}},
            "default": _error(),
        },
    }


def _body(task: type[Task[Any, Any, Any]], name: str, schema: dict[str, Any]) -> dict[str, Any]:
    is_needed = any(field.is_required() for field in task.Options.model_fields.values())
    options = _ref(task.Options) if is_needed else {"anyOf": [_ref(task.Options), {"type": "null"}]}
    required = [name, "options"] if is_needed else [name]
    given = {name: schema, "options": options, **BESIDE}
    content = _json({"type": "object", "required": required, "properties": given, "additionalProperties": False})
    if name == "input":
        content["multipart/form-data"] = {"schema": _form(task.Input)}
    return {"required": True, "content": content}


def _form(input_class: type[object]) -> dict[str, object]:
    """Describe the same request as a form: files as they are, ``options`` and lists as JSON in a field."""
    wire = getattr(input_class, "WIRE", None)
    is_row = issubclass(input_class, TableRow)
    parts = wire if wire is not None else {} if is_row else {"input": input_class}
    given = {name: _field(kind) for name, kind in parts.items()}
    required = [name for name in parts if name not in getattr(input_class, "OPTIONAL", ())]
    options = {"type": "string", "contentMediaType": "application/json"}
    properties = {**given, "options": options, **BESIDE}
    return {"type": "object", "required": required, "properties": properties, "additionalProperties": is_row}


def _field(kind: object) -> Mapping[str, object]:
    if isinstance(kind, type) and issubclass(kind, Image | Audio | Video):
        return {"type": "string", "format": "binary"}
    if is_json(kind):
        return {"type": "string", "contentMediaType": "application/json"}
    return TEXT if isinstance(kind, type) and issubclass(kind, Text) else {"type": "string"}


def _part(kind: Any) -> dict[str, Any]:
    if typing.get_origin(kind) is list:
        return _many(_part(typing.get_args(kind)[0]))
    return input_schema(kind)


def _many(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema, "minItems": 1}


def _error(path: str = "") -> dict[str, Any]:
    name = "ErrorOfTensors" if path.startswith("/v2/models/") else "Error"
    return {"description": "an error", "content": _json(_named(name))}


def _ref(cls: type[Any]) -> dict[str, Any]:
    return _named(cls.__name__)


def _named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
