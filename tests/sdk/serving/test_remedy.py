"""What an answer over HTTP advises can be done by a client: it has no Python, no command line and no disk of ours."""

import json
import re
from pathlib import Path

import pytest

from duomo.errors import BadInput, BadOption, InputTooLarge, ModelFailed, WeightsMismatch
from duomo.serving.remedy import for_client

ROOT = Path(__file__).parents[3]
ONE = "/v1/tasks/text-classification"
REPORT = "report it to the plugin's author, or to who runs the server"
LOCAL = re.compile(
    r"duomo[ .]|pip install|\w\(|(?<!\S)--?[a-z]|pandas|numpy|PIL|[Pp]ython|executor=|device=|model=|dtype=|limits\."
    r"|\bpath|\ba str\b|\bURL\b"
)
"""What a client can do nothing with."""
TOOLS = re.compile("ffmpeg|iconv|tiffcp|qpdf|arecord")


@pytest.mark.parametrize(
    ("kind", "fix", "left"),
    [
        (InputTooLarge, "cut it up, or: duomo config set limits.text_chars 9", "cut it up"),
        (InputTooLarge, "duomo config set limits.file_bytes 9", "send less of it"),
        (BadInput, "leave its row out (pandas: frame.dropna())", "leave its row out"),
        (BadInput, "write [1, 2], or name the field: map(rows, key='x')  (--field x)", "write [1, 2]"),
        (BadInput, "numpy.nan_to_num(samples)", "send another: GET /openapi.json says what is taken"),
        (BadInput, "leave it out; or pass a str, UTF-8 bytes, a pathlib.Path or a file object", "leave it out"),
        (BadInput, 'pass {"image": path, URL, bytes}', "send another: GET /openapi.json says what is taken"),
        (BadInput, "check the path", "send another: GET /openapi.json says what is taken"),
        (BadInput, '{"text": "a cat"} or {"image": "cat.jpg"}', '{"text": "a cat"} or {"image": "cat.jpg"}'),
        (BadInput, "convert it: ffmpeg -i IN --opt OUT", "convert it: ffmpeg -i IN --opt OUT"),
        (BadOption, 'device="cpu" or "auto"  (-d cpu)', "leave it out, or write it as GET /openapi.json says"),
        (BadOption, "leave them out, or use model='a/b'  (-m a/b)", "leave them out"),
        (WeightsMismatch, "use another file", "ask again, or tell who runs this server: its log says more"),
        (ModelFailed, "", ""),
    ],
)
def test_ways_out_that_a_client_has_are_left(kind, fix, left):
    assert for_client(kind("it failed", fix=fix)).fix == left


def test_no_error_of_ours_advises_a_client_what_only_a_program_can_do():
    found = []
    for part in ("sdk/duomo/inputs", "sdk/duomo/tasks", "sdk/duomo/execution", "sdk/duomo/adapters", "plugins"):
        for path in (ROOT / part).rglob("*.py"):
            found += re.findall(r'\bfix=f?"([^"\n]*)"', path.read_text("utf-8"))
    assert len(found) > 300
    left = {fix: for_client(BadInput("it failed", fix=fix)).fix for fix in found}
    assert [each for each in left.items() if LOCAL.search(each[1]) and not TOOLS.search(each[1])] == []


def test_every_door_advises_what_a_client_can_do(serve):
    """An exception of a model's own code: here the advice is a command that shows where."""
    client = serve()
    assert client.post(ONE, json={"input": "poison"}).json()["error"]["fix"] == REPORT
    [line] = client.post(ONE + "/map", json={"items": ["poison"]}).text.splitlines()
    assert json.loads(line)["error"]["fix"] == REPORT
    tensor = {"name": "input", "shape": [1], "datatype": "BYTES", "data": ["poison"]}
    assert (
        client.post("/v2/models/text-classification/infer", json={"inputs": [tensor]}).json()["error"].endswith(REPORT)
    )
    with client.websocket_connect("/v1/live/text-classification", headers={"host": "localhost"}) as socket:
        socket.send_json({"input": "poison"})
        assert socket.receive_json()["error"]["fix"] == REPORT


@pytest.mark.parametrize("value", [None, 5, True, [], {}, {"text": None}, ["a", None]])
def test_values_that_are_no_input_are_answered_in_the_words_of_json(serve, value):
    fix = serve().post(ONE, json={"input": value}).json()["error"]["fix"]
    assert fix
    assert not LOCAL.search(fix)


def test_the_operator_is_told_the_command(serve):
    answer = serve(admin_token="secret").post(
        "/-/models/text-classification/swap", json={"model": "b/c"}, headers={"authorization": "Bearer secret"}
    )
    assert "--candidate text-classification=MODEL" in answer.json()["error"]["fix"]


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("a text is expected, not dict", "a text is expected, not an object"),
        ("the value is None, of NoneType", "the value is null"),
        ("it is one int", "it is one number"),
        ("record 3 is a list", "record 3 is an array"),
        ("a text is expected, not list", "a text is expected, not an array"),
        ("a text is expected, not bool", "a text is expected, not true or false"),
        ("cell 'a' is a dict, and 'None' an int", "cell 'a' is an object, and 'None' a number"),
        ("'x' cannot be {'True': True, 'b': [None, False]}", "'x' cannot be {'True': true, 'b': [null, false]}"),
        ("top_k: how many, best first; None for all", "top_k: how many, best first; null for all"),
        ("None of the plugin's authors has a list of them or sets an int64", None),
        ("each is a float, a bool, a tuple or a str", "each is a number, true or false, an array or a string"),
    ],
)  # fmt: skip
def test_types_and_values_have_the_names_of_json(python, words):
    found = for_client(BadInput(python, why=python, fix=python))
    assert {found.what, found.why, found.fix} == {words or python}


def test_every_door_speaks_of_json(serve):
    client = serve()
    for value, kind in ((None, "null"), (5, "number"), (True, "true or false"), ([1], "array"), ({}, "object")):
        error = client.post(ONE, json={"input": value}).json()["error"]
        assert kind in f"{error['what']} {error['why']}"
        assert not re.search("None|int|bool|list|dict", f"{error['what']} {error['why']}")
