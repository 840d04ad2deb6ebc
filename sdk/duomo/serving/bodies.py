"""What routes beside those of tasks take, as OpenAPI describes it: schemas and an example of each body."""

from __future__ import annotations

from duomo.serving.sound import SPEECH_TYPES, TEXT_FORMATS

Schema = dict[str, object]
_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 1}
_TRUTH: Schema = {"type": "boolean"}
_NULL: Schema = {"type": "null"}
_SAID: Schema = {"type": "string", "pattern": r"\S"}


def _object(required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": required.split(), "properties": properties}


def _theirs(required: str, **properties: Schema) -> Schema:
    """Describe a body of OpenAI's dialect: null is as good as nothing, and other names ask for nothing but by null."""
    needed = required.split()
    taken = {name: each if name in needed else Schema(anyOf=[each, _NULL]) for name, each in properties.items()}
    return {**_object(required, **taken), "additionalProperties": _NULL}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def _json(schema: Schema, example: object = None, *, required: bool = True) -> Schema:
    shown = {} if example is None else {"example": example}
    return {"required": required, "content": {"application/json": {"schema": schema, **shown}}}


_MESSAGE = _object("role content", role={"enum": ["system", "developer", "user", "assistant"]}, content=_TEXT)
_CHAT = _theirs(
    "messages", messages=_list(_MESSAGE), model=_TEXT, stream=_TRUTH, max_tokens=_COUNT, max_completion_tokens=_COUNT,
    temperature=_NUMBER, top_p=_NUMBER, seed={"type": "integer"}, stop={"anyOf": [_TEXT, _list(_TEXT)]},
)  # fmt: skip
_VECTORS = _theirs(
    "input", input={"anyOf": [_SAID, _list(_SAID)]}, model=_TEXT, encoding_format={"enum": ["float", "base64"]}
)
_SPEECH = _theirs("input", input=_SAID, model=_TEXT, voice=_TEXT, response_format={"enum": list(SPEECH_TYPES)},
                  speed=_NUMBER)  # fmt: skip
_HEARD = _object("file", file={"type": "string", "format": "binary"}, model=_TEXT, language=_TEXT,
                 response_format={"enum": list(TEXT_FORMATS)}, stream=_TRUTH)  # fmt: skip
_TENSOR = _object("name shape datatype data", name=_TEXT, shape=_list({"type": "integer"}), datatype={"const": "BYTES"},
                  data={"type": "array"})  # fmt: skip
_TENSORS = _object("inputs", inputs=_list(_TENSOR), outputs=_list(_object("name", name=_TEXT)),
                   parameters={"type": "object"}, id=_TEXT)  # fmt: skip
_INFER = _json(_TENSORS, {"inputs": [{"name": "input", "shape": [1], "datatype": "BYTES", "data": ["a red car"]}]})
_FORM = {"required": True, "content": {"multipart/form-data": {"schema": _HEARD}}}
BODIES: dict[str, Schema] = {
    "/v1/adapters/{industry}/{name}": _json(_object("records", records=_list({}), deadline_s=_NUMBER)),
    "/v1/chat/completions": _json(_CHAT, {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8}),
    "/v1/embeddings": _json(_VECTORS, {"input": ["a red car", "a cat"]}),
    "/v1/audio/transcriptions": _FORM,
    "/v1/audio/translations": _FORM,
    "/v1/audio/speech": _json(_SPEECH, {"input": "Good morning."}),
    "/v2/models/{name}/infer": _INFER,
    "/v2/models/{name}/versions/{version}/infer": _INFER,
    "/-/models/{task}/{act}": _json(_object("model", model=_TEXT, share=_NUMBER), required=False),
}
"""Path of a `POST` → its ``requestBody``."""
