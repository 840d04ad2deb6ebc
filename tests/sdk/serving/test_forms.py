"""Forms: what they hold counts, or they are refused."""

import json
import typing

import pytest

import duomo
import duomo.inputs
import duomo.tasks
from duomo import serving
from duomo.serving.forms import task_body

ONE = "/v1/tasks/text-classification"
FILE = b'name="file"; filename="a.txt"'
NESTED = b"--c\r\nContent-Disposition: form-data\r\n\r\na\r\n--c--"


def part(name: bytes, content: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"--b", b"Content-Disposition: form-data; " + name, *headers, b"", content, b""])


def send(client, *parts: bytes, end: bytes = b"--b--\r\n", kind: str = "multipart/form-data; boundary=b", path=ONE):
    return client.post(path, content=b"".join(parts) + end, headers={"content-type": kind})


@pytest.mark.parametrize(
    "parts",
    [
        [part(FILE, b"good")],
        [part(b'name="anything"; filename="../../etc/passwd"', b"good")],
        [part(b'name="input"', b"good")],
        [part(b'name="text"', b"good")],
        [part(FILE, b"good"), part(b'name="options"', b'{"top_k": 2}')],
        [part(FILE, b"good"), part(b'name="options"; filename="o.json"', b'{"top_k": 2}')],
        [part(FILE, b"good"), part(b'name="deadline_s"', b"30"), part(b'name="model"', b"fake/echo")],
        [part(FILE, b"good", b"Content-Transfer-Encoding: binary")],
    ],
)
def test_a_form_is_what_the_same_request_is_as_json(serve, parts):
    client = serve()
    reply = send(client, *parts)
    assert reply.json()["result"] == client.post(ONE, json={"input": "good"}).json()["result"]


@pytest.mark.parametrize(
    ("parts", "settings", "status", "words"),
    [
        ([part(FILE, b"a"), part(FILE, b"b")], {}, 422, "'file' comes twice"),
        ([part(FILE, b"a"), part(b'name="options"', b"{}"), part(b'name="options"', b"{}")], {}, 422, "comes twice"),
        ([part(FILE, b"a"), part(b'name="top_k"', b"1")], {}, 400, "a field 'top_k', which is an option"),
        ([part(FILE, b"a"), part(b'name="options"', b"{")], {}, 422, "not valid JSON"),
        ([part(FILE, b"a"), part(b'name="deadline_s"', b"0")], {}, 504, "before its deadline"),
        ([part(FILE, b"a"), part(b'name="model"', b"other")], {}, 404, "'fake/echo' answers"),
        ([part(FILE, b"a"), part(b'name="other"', b"x")], {}, 422, "a text is expected"),
        ([part(b'name="text"', "caf\u00e9".encode("latin-1"))], {}, 422, "not UTF-8"),
        ([part(b'name="text"', "\u65e5".encode("shift-jis"))], {}, 422, "not UTF-8"),
        ([part(b'name="text"', "a".encode("utf-16"))], {}, 422, "not UTF-8"),
        ([part(b'name="text"', b"a")], {"kind": "multipart/form-data; boundary=b; charset=utf-16"}, 422, "'utf-16'"),
        ([part(FILE, b"YQ==", b"Content-Transfer-Encoding: base64")], {}, 422, "encoded by 'base64'"),
        ([part(FILE, b"a"), part(b'name="options"', b'{"top_k": 1}')], {"end": b""}, 422, "last boundary is missing"),
        ([part(FILE, b"a"), part(b'name="options"', b'{"top_')[:-2]], {"end": b""}, 422, "last boundary is missing"),
        ([part(FILE, b"a")], {"kind": "multipart/form-data"}, 422, "Missing boundary"),
        ([part(FILE, b"a")], {"kind": "multipart/form-data; boundary=c"}, 422, "Invalid multipart"),
        ([part(b"", b"a")], {}, 422, "must be provided"),
        ([part(b'name="file"', NESTED, b"Content-Type: multipart/mixed; boundary=c")], {}, 422, "a text is expected"),
        ([], {}, 422, "this text is empty"),
        ([part(FILE, b"a")], {"path": ONE + "/map"}, 415, "takes application/json"),
        ([part(b'name="messages"', b"a")], {"path": "/v2/models/text-classification/infer"}, 415, "application/json"),
    ],
)
def test_what_a_form_holds_and_would_not_count_is_refused(serve, parts, settings, status, words):
    reply = send(serve(), *parts, **settings)
    assert reply.status_code == status
    assert words in reply.text


def test_a_text_of_a_form_may_be_of_any_letters(serve):
    reply = send(serve(), part(b'name="text"', "日本 é 😀".encode()))
    assert reply.json()["result"]["labels"][0]["name"] == "日本 é 😀"


def test_what_is_neither_text_nor_file_is_json_in_a_field():
    """An image and a list of texts, in one form."""

    def body(texts):
        fields = {"image": b"bytes", "texts": texts, "options": "{}"}
        return task_body(fields, duomo.tasks.ImageTextRetrieval, serving.WireLimits())["input"]

    assert body('["a cat", "a dog"]') == {"image": b"bytes", "texts": ["a cat", "a dog"]}
    with pytest.raises(duomo.DuomoError, match="the field 'texts' of the form is not valid JSON"):
        body("a cat, a dog")


CHATTED = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("task", "fields", "wanted"),
    [
        (duomo.tasks.TextGeneration, {"messages": json.dumps(CHATTED)}, {"messages": CHATTED}),
        (duomo.tasks.TextGeneration, {"input": "[1]"}, "[1]"),
        (duomo.tasks.TextClassification, {"input": '{"a": 1}'}, '{"a": 1}'),
        (duomo.tasks.ImageTextToText, {"messages": json.dumps(CHATTED)}, {"messages": CHATTED}),
        (duomo.tasks.TimeSeriesForecasting, {"input": "[1, 2]"}, [1, 2]),
        (duomo.tasks.QuestionAnswering, {"input": ' {"question": "a"}'}, {"question": "a"}),
        (duomo.tasks.TabularClassification, {"input": '{"age": 3}'}, {"age": 3}),
    ],
)  # fmt: skip
def test_a_field_is_json_where_the_input_is_no_text(task, fields, wanted):
    """A chat was read as the text of its JSON, and answered."""
    assert task_body({**fields}, task, serving.WireLimits())["input"] == wanted


def test_a_plugin_s_input_of_a_video_and_a_prompt_comes_as_a_file_and_a_text():
    class Asked:
        WIRE: typing.ClassVar = {"video": duomo.inputs.Video, "prompt": duomo.inputs.Prompt, "times": list[float]}

    class Ask(duomo.tasks.ImageTextRetrieval):
        Input = Asked

    fields: dict[str, str | bytes] = {
        "video": b"\0bytes",
        "prompt": "What is shown?",
        "times": "[0.5]",
        "options": "{}",
    }
    wanted = {"video": b"\0bytes", "prompt": "What is shown?", "times": [0.5]}
    assert task_body(fields, Ask, serving.WireLimits())["input"] == wanted


def test_a_form_without_a_length_is_counted_while_it_is_read(serve):
    client = serve(limits=serving.WireLimits(body_bytes=100_000))
    kind = {"content-type": "multipart/form-data; boundary=b"}

    def of(size):
        yield part(FILE, b"a" * size)
        yield b"--b--"

    assert client.post(ONE, content=of(90_000), headers=kind).status_code == 200
    assert client.post(ONE, content=of(110_000), headers=kind).status_code == 413
