"""The Open Inference Protocol, version 2, over HTTP: tensors in and tensors out, for clients that know nothing else.

A task is a model of its own name. Texts are tensors of BYTES; images and audio clips are BYTES with base64 in them.
Every model gives a tensor ``result`` with one JSON text an item; labels, vectors and texts come as plain tensors,
too. The protocol has no error of a single item: one that fails fails its request.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from duomo.counting import counted
from duomo.errors import BadInput, BadOption, DuomoError, UnknownModel, did_you_mean
from duomo.inputs import Audio, Image
from duomo.inputs.seal import sealed
from duomo.outcome import Outcome, result_json
from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.observe import GONE, seen
from duomo.serving.monitoring.signals import size_of
from duomo.serving.remedy import for_client
from duomo.serving.replies import JsonReply, headers_of, status_of
from duomo.serving.routes import caller_of, check_names, deadline_of, until_gone
from duomo.serving.wire import WireLimits, decode_base64, header, read_request, to_options
from duomo.version import __version__

Tensor = dict[str, object]
_NAMES = ("inputs", "outputs", "parameters", "id")


class InferenceRoutes:
    """Handlers of ``/v2``.

    Args:
        hosted: models by the name of their task.
        limits: what one request may ask for.
    """

    def __init__(self, hosted: Mapping[str, Hosted[Any]], limits: WireLimits) -> None:
        self._hosted = hosted
        self._limits = limits

    async def server(self, _: Request) -> Response:
        """``GET /v2``."""
        return _json({"name": "duomo", "version": __version__, "extensions": []})

    async def live(self, _: Request) -> Response:
        """``GET /v2/health/live``."""
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        """``GET /v2/health/ready``."""
        is_ready = not any(each.why_not_ready() for each in self._hosted.values())
        return _json({"ready": is_ready}, 200 if is_ready else 503)

    async def model(self, request: Request) -> Response:
        """``GET /v2/models/{name}``, also with ``/versions/{version}``."""
        try:
            hosted = self._named(request)
        except DuomoError as error:
            return _error(error)
        inputs = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in _parts(hosted)]
        outputs = [{"name": name, "datatype": kind, "shape": shape} for name, kind, shape in _outputs(hosted)]
        revision = _revision(hosted)
        return _json({"name": hosted.task.name, "versions": [revision], "platform": "duomo",
                      "inputs": inputs, "outputs": outputs})  # fmt: skip

    async def model_ready(self, request: Request) -> Response:
        """``GET /v2/models/{name}/ready``."""
        try:
            hosted = self._named(request)
        except DuomoError as error:
            return _error(error)
        is_ready = not hosted.why_not_ready()
        return _json({"name": hosted.task.name, "ready": is_ready}, 200 if is_ready else 503)

    async def infer(self, request: Request) -> Response:
        """``POST /v2/models/{name}/infer``."""
        try:
            hosted = self._named(request)
            check_binary(request)
            body = await read_request(request, self._limits)
            check_names(body, _NAMES, '{"inputs": [{"name", "shape", "datatype", "data"}]}')
            if not isinstance(body.get("id", ""), str):
                raise BadOption("id must be a text", why="it comes back in the answer", fix='"id": "1"')
            with sealed():
                options = to_options(body.get("parameters"))
                hosted.task.Options.parse(options)
            items = self._items(hosted, body)
            wanted = _wanted(hosted, body)
            hosted.admit(size_of(items), caller_of(request))
            outcomes = await until_gone(request, self._run(request, hosted, items, options))
            if outcomes is None:
                return Response(status_code=GONE)
            results = [outcome.unwrap() for outcome in outcomes]
        except DuomoError as error:
            return _error(error)
        answer: dict[str, object] = {"model_name": hosted.task.name, "model_version": _revision(hosted)}
        if "id" in body:
            answer["id"] = body["id"]
        answer["outputs"] = [_tensor(name, kind, results) for name, kind, _ in _outputs(hosted) if name in wanted]
        return _json(answer)

    async def _run(
        self, request: Request, hosted: Hosted[Any], items: list[object], options: Mapping[str, object]
    ) -> list[Outcome[Any]]:
        deadline_s, caller = deadline_of(request, {}), caller_of(request)
        running = (hosted.run(item, options, deadline_s=deadline_s, caller=caller) for item in items)
        return await asyncio.gather(*running)

    def _items(self, hosted: Hosted[Any], body: Mapping[str, Any]) -> list[object]:
        given = body.get("inputs")
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            raise BadInput(
                "the body has no list of 'inputs'", fix='{"inputs": [{"name", "shape", "datatype", "data"}]}'
            )
        parts = _parts(hosted)
        tensors = {str(each.get("name")): each for each in given}
        if len(tensors) < len(given):
            raise BadInput("an input comes twice", why="only one of them would count", fix="send each once")
        unknown = [name for name in tensors if name not in parts]
        missing = [name for name in parts if name not in tensors]
        if unknown or missing:
            near = did_you_mean(unknown[0], parts) if unknown else ""
            said = f"the input '{unknown[0]:.40}' is not known" if unknown else f"the input '{missing[0]}' is missing"
            raise BadInput(said, why=near, fix=f"inputs: {', '.join(parts)}")
        columns = {name: _values(tensors[name], is_media) for name, is_media in parts.items()}
        num = len(next(iter(columns.values())))
        if any(len(column) != num for column in columns.values()):
            raise BadInput("the inputs differ in their number of items", fix="one value of each for every item")
        self._limits.check_items(num)
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return [row["input"] if list(parts) == ["input"] else row for row in rows]

    def _named(self, request: Request) -> Hosted[Any]:
        name = request.path_params["name"]
        version = request.path_params.get("version")
        hosted = self._hosted.get(name)
        if hosted is None:
            why = did_you_mean(name, self._hosted)
            raise UnknownModel(f"this server has no model '{name:.80}'", why=why, fix="GET /v1/tasks")
        if version not in (None, _revision(hosted)):
            why = f"it is version '{_revision(hosted)}'"
            raise UnknownModel(f"this server has no version '{version:.80}' of '{name}'", why=why, fix="leave it out")
        seen().task = name
        return hosted


def _revision(hosted: Hosted[Any]) -> str:
    return hosted.runner.meta.revision or "1"


def _parts(hosted: Hosted[Any]) -> dict[str, bool]:
    """Return the input tensors of a task: name → whether files are in it."""
    kind = hosted.task.Input
    wire = getattr(kind, "WIRE", None)
    parts = wire if wire is not None else {"input": kind}
    optional = getattr(kind, "OPTIONAL", ())
    return {
        name: isinstance(cls, type) and issubclass(cls, Image | Audio)
        for name, cls in parts.items()
        if name not in optional
    }


def _outputs(hosted: Hosted[Any]) -> list[tuple[str, str, list[int]]]:
    fields = hosted.task.Result.model_fields
    found = [("result", "BYTES", [-1])]
    if "labels" in fields:
        found += [("label", "BYTES", [-1]), ("score", "FP32", [-1])]
    if "vector" in fields:
        found.append(("vector", "FP32", [-1, -1]))
    if "text" in fields:
        found.append(("text", "BYTES", [-1]))
    return found


def _wanted(hosted: Hosted[Any], body: Mapping[str, Any]) -> set[str]:
    known = [name for name, _, _ in _outputs(hosted)]
    given = body.get("outputs")
    if given is None:
        return set(known)
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise BadOption("outputs must be a list of objects", fix=f'"outputs": [{{"name": "{known[0]}"}}]')
    for each in given:
        asked = each.get("parameters") or {}
        check_names(asked if isinstance(asked, dict) else {str(asked): None}, ("binary_data",), "leave it out")
    names = {str(each.get("name")) for each in given}
    for name in names:
        if name not in known:
            raise BadOption(
                f"the output '{name:.40}' is not known", why=did_you_mean(name, known), fix=", ".join(known)
            )
    return names


def _values(tensor: Mapping[str, Any], is_media: bool) -> list[object]:
    name, data, shape = str(tensor.get("name")), tensor.get("data"), tensor.get("shape")
    if tensor.get("datatype") != "BYTES":
        raise BadInput(
            f"the input '{name:.40}' must be of type BYTES",
            why=f"it is {tensor.get('datatype')!r:.40}",
            fix='"datatype": "BYTES"',
        )
    flat = list(_leaves(data)) if isinstance(data, list) else []
    if not flat or shape_of(data) not in ([len(flat)], shape) or not _is_shape_of_items(shape, len(flat)):
        raise BadInput(
            f"the data of '{name:.40}' do not have its shape",
            why=f"{counted(len(flat), 'value')}, {shape!r:.60}; each is an item",
            fix=f'"shape": [{len(flat)}]',
        )
    return [decode_base64(str(each)) for each in flat] if is_media else flat


def shape_of(data: object) -> list[int] | None:
    """Return the sides of lists in lists; None where they are ragged."""
    if not isinstance(data, list):
        return []
    if not any(isinstance(each, list) for each in data):
        return [len(data)]
    inner = [shape_of(each) for each in data]
    if inner[0] is None or any(each != inner[0] for each in inner):
        return None
    return [len(data), *inner[0]]


def _is_shape_of_items(shape: object, num: int) -> bool:
    """Whether a tensor of this shape is a list of `num` items: one dimension has that length, all others 1."""
    if not isinstance(shape, list) or not all(type(side) is int and side >= 0 for side in shape):
        return False
    return math.prod(shape) == num == max(shape, default=0)


def check_binary(request: Request) -> None:
    """Raise `BadInput` for tensors behind the JSON, which are an extension of the protocol."""
    if header(request, b"inference-header-content-length"):
        raise BadInput(
            "tensors in binary are not taken",
            why="this server has no extension of the protocol",
            fix="send data in the JSON: binary_data=False in Triton's client",
        )


def _leaves(data: list[object]) -> Iterator[object]:
    for each in data:
        if isinstance(each, list):
            yield from _leaves(each)  # no deeper than a body may nest
        else:
            yield each


def _tensor(name: str, kind: str, results: list[Any]) -> Tensor:
    shape = [len(results)]
    data: list[str | float]
    if name == "result":
        data = [result_json(each) for each in results]
    elif name in ("label", "score"):
        best = [each.labels[0] if each.labels else None for each in results]
        data = [
            ("" if each is None else each.name) if name == "label" else (each.score if each else 0.0) for each in best
        ]
    elif name == "vector":
        shape = [len(results), len(results[0].vector)]
        data = [number for each in results for number in each.vector.tolist()]
    else:
        data = [each.text for each in results]
    return {"name": name, "datatype": kind, "shape": shape, "data": data}


def _error(error: DuomoError) -> JsonReply:
    seen().error = error.code
    words = for_client(error)
    said = ". ".join(part for part in (words.what, words.why, words.fix) if part)
    return JsonReply(json.dumps({"error": said}, ensure_ascii=False), status_of(error), headers=headers_of(error))


def _json(value: object, status: int = 200) -> JsonReply:
    return JsonReply(json.dumps(value, ensure_ascii=False), status)
