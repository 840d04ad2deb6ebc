"""One item through every door gives one result: in this process, as JSON, as a form, in a list, by websocket, in the
dialects of others, and by the client of the package."""

import base64
import io
import json

import numpy as np
import PIL.Image
import pytest
import soundfile
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.client.encode import encode_item
from tests.sdk.serving import fakes
from tests.sdk.test_client import listening

DICE = np.random.default_rng(0)
TEXTS = ["a", "é 😀 日本\u200b", "two\r\nlines", " spaces ", 'quotes " \\ /', "\ufeffmark", "nul \x00", "long " * 2000]
ROWS: list[dict[str, object]] = [{"a": 1, "b": 2.5, "c": None, "d": "é", "e": True}, {"big": 10**20, "small": 1e-300}]


def image(mode: str, form: str, **settings) -> bytes:
    is_deep = mode == "I;16"
    pixels = DICE.integers(0, 65535, (20, 30), np.uint16) if is_deep else DICE.integers(0, 255, (20, 30, 3), np.uint8)
    made = PIL.Image.fromarray(pixels)
    buffer = io.BytesIO()
    (made if is_deep else made.convert(mode)).save(buffer, form, **settings)
    return buffer.getvalue()


def sound(form: str, channels: int, subtype: str | None = None) -> bytes:
    buffer = io.BytesIO()
    tone = 0.4 * np.sin(np.arange(11_025)[:, None] / np.array([9, 5])[:channels])
    soundfile.write(buffer, tone, 22_050, format=form, subtype=subtype)
    return buffer.getvalue()


def turned() -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return image("RGB", "JPEG", exif=exif)


IMAGES = [
    turned(),
    image("I;16", "PNG"),
    image("RGBA", "PNG"),
    image("CMYK", "JPEG"),
    image("P", "GIF"),
    image("L", "TIFF"),
]
SOUNDS = [
    sound("WAV", 1, "PCM_16"),
    sound("WAV", 2, "PCM_24"),
    sound("WAV", 2, "FLOAT"),
    sound("MP3", 2),
    sound("FLAC", 1),
]
ITEMS: dict[str, list] = {
    "text-classification": TEXTS,
    "feature-extraction": TEXTS,
    "text-generation": ["one two", "é 😀"],
    "image-classification": IMAGES,
    "automatic-speech-recognition": SOUNDS,
    "tabular-classification": ROWS,
}


@pytest.fixture(scope="module")
def runners():
    return {task: fakes.load(task) for task in ITEMS}


@pytest.fixture(scope="module")
def doors(runners):
    """The application in this process and behind a port."""
    app = serving.app(runners.values())
    with (
        listening(app) as address,
        duomo.Client(address, catalog=fakes.CATALOG) as client,
        TestClient(app, base_url="http://localhost") as http,
    ):
        yield http, client


def one(http, task, item, form):
    path = f"/v1/tasks/{task}"
    reply = http.post(path, files={"file": ("x", item)}) if form else http.post(path, json={"input": item})
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]


def by_websocket(http, task, item):
    with http.websocket_connect(f"/v1/live/{task}", headers={"host": "localhost"}) as opened:
        opened.send_json({"input": item})
        outcome = json.loads(opened.receive_text())
        opened.send_json({"end": True})
    return outcome["result"]


def by_v2(http, task, item):
    content = item.partition(",")[2] if task in ("image-classification", "automatic-speech-recognition") else item
    tensor = {"name": "input", "shape": [1], "datatype": "BYTES", "data": [content]}
    outputs = http.post(f"/v2/models/{task}/infer", json={"inputs": [tensor]}).json()["outputs"]
    return json.loads(next(each for each in outputs if each["name"] == "result")["data"][0])


def by_openai(http, task, item):
    """The part of the result that this dialect has."""
    if task == "feature-extraction":
        [made] = http.post("/v1/embeddings", json={"input": [item]}).json()["data"]
        compact = http.post("/v1/embeddings", json={"input": item, "encoding_format": "base64"}).json()["data"][0]
        assert np.frombuffer(base64.b64decode(compact["embedding"]), "<f4").tolist() == made["embedding"]
        return {"vector": made["embedding"]}
    if task == "text-generation":
        body = {"messages": [{"role": "user", "content": item}]}
        return {"text": http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"]}
    if task == "automatic-speech-recognition":
        content = base64.b64decode(item.partition(",")[2])
        return {"text": http.post("/v1/audio/transcriptions", files={"file": ("x", content)}).json()["text"]}
    return {}


@pytest.mark.parametrize("task", ITEMS)
def test_every_door_gives_the_result_of_the_runner(task, runners, doors, tmp_path):
    http, client = doors
    cls = runners[task].task
    for at, item in enumerate(ITEMS[task]):
        expected = json.loads(runners[task](item).model_dump_json())
        sent = encode_item(cls.Input.accept(item))
        found = {
            "json": one(http, task, sent, form=False),
            "v2": by_v2(http, task, sent) if task[:7] != "tabular" else expected,
        }
        if isinstance(item, bytes):
            found["form"] = one(http, task, item, form=True)
            path = tmp_path / f"{at}"
            path.write_bytes(item)
            found["path"] = json.loads(client.run(task, path).model_dump_json())
        [line] = http.post(f"/v1/tasks/{task}/map", json={"items": [sent]}).text.splitlines()
        found["map"] = json.loads(line)["result"]
        found["client"] = json.loads(client.run(task, item).model_dump_json())
        if task not in ("text-generation", "automatic-speech-recognition"):  # these speak of parts there
            found["websocket"] = by_websocket(http, task, sent)
        assert found == dict.fromkeys(found, expected), repr(item)[:60]
        part = by_openai(http, task, sent)
        assert part == {name: expected[name] for name in part}
