"""The Open Inference Protocol, version 2: every route of the specification, and what is not of its shape."""

import pytest

MODEL = "/v2/models/text-classification"


def text(*values: object, **changes: object) -> dict[str, object]:
    return {"name": "input", "shape": [len(values)], "datatype": "BYTES", "data": list(values), **changes}


def test_the_routes_of_the_specification(serve):
    client = serve()
    server = client.get("/v2").json()
    assert (server["name"], server["extensions"]) == ("duomo", [])
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    model = client.get(MODEL).json()
    assert set(model) == {"name", "versions", "platform", "inputs", "outputs"}
    assert model["inputs"] == [{"name": "input", "datatype": "BYTES", "shape": [-1]}]
    version = model["versions"][0]
    for path in (MODEL, f"{MODEL}/versions/{version}"):
        assert client.get(path).status_code == 200
        assert client.get(f"{path}/ready").json()["ready"] is True
        reply = client.post(f"{path}/infer", json={"id": "42", "inputs": [text("a", "b")], "parameters": {"top_k": 1}})
        assert (reply.json()["id"], reply.json()["model_version"]) == ("42", version)
        outputs = {each["name"]: each for each in reply.json()["outputs"]}
        assert (outputs["label"]["data"], outputs["label"]["shape"]) == (["a", "b"], [2])
        assert outputs["score"] == {"name": "score", "datatype": "FP32", "shape": [2], "data": [1.0, 1.0]}


def test_only_the_outputs_that_are_asked_for_come(serve):
    body = {"inputs": [text("a")], "outputs": [{"name": "label"}]}
    assert [each["name"] for each in serve().post(f"{MODEL}/infer", json=body).json()["outputs"]] == ["label"]


def test_nested_data_are_flattened(serve):
    body = {"inputs": [text(shape=[2, 1], data=[["a"], ["b"]])]}
    reply = serve().post(f"{MODEL}/infer", json=body).json()
    assert reply["outputs"][1]["data"] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "no list of 'inputs'"),
        ({"inputs": [text("a", shape=[2])]}, 422, "do not have its shape"),
        ({"inputs": [text("a", shape="x")]}, 422, "do not have its shape"),
        ({"inputs": [text(data="a")]}, 422, "do not have its shape"),
        ({"inputs": [text("a", datatype="FP32")]}, 422, "must be of type BYTES"),
        ({"inputs": [text("a", name="inputt")]}, 422, "Did you mean 'input'?"),
        ({"inputs": []}, 422, "'input' is missing"),
        ({"inputs": [text("a")], "outputs": [{"name": "lable"}]}, 400, "Did you mean 'label'?"),
        ({"inputs": [text("a")], "parameters": {"topk": 1}}, 400, "Did you mean 'top_k'?"),
        ({"inputs": [text("a", "poison")]}, 500, "poison"),
        ({"inputs": [text("a"), text("b")]}, 422, "comes twice"),
        ({"inputs": [text(shape=[2, 2], data=[["a"], ["b", "c", "d"]])]}, 422, "do not have its shape"),
        ({"inputs": [text("a", "b", "c", "d", shape=[2, 2])]}, 422, "each is an item"),
        ({"inputs": [text("a", shape=[True])]}, 422, "do not have its shape"),
        ({"inputs": [text("a", 1)]}, 422, "a text is expected, not a number"),
        ({"inputs": [text("a")], "outputs": 5}, 400, "a list of objects"),
        ({"inputs": [text("a")], "outputs": ["label"]}, 400, "a list of objects"),
        ({"inputs": [text("a")], "outputs": [{"name": "label", "parameters": {"classification": 2}}]}, 400, "unknown"),
        ({"inputs": [text("a")], "parameter": {"top_k": 1}}, 400, "Did you mean 'parameters'?"),
        ({"inputs": [text("a")], "id": 5}, 400, "id must be a text"),
    ],
)
def test_what_is_wrong_is_a_text_as_the_protocol_has_it(serve, body, status, words):
    reply = serve().post(f"{MODEL}/infer", json=body)
    assert reply.status_code == status
    assert words in reply.json()["error"]


def test_a_deadline_counts_and_tensors_behind_the_json_are_refused(serve):
    client, body = serve(), {"inputs": [text("a")]}
    reply = client.post(f"{MODEL}/infer", json=body, headers={"x-deadline-s": "0"})
    assert (reply.status_code, "before its deadline" in reply.json()["error"]) == (504, True)
    binary = {"inference-header-content-length": "99", "content-type": "application/octet-stream"}
    reply = client.post(f"{MODEL}/infer", content=b'{"inputs": []}\x01\x00\x00\x00a', headers=binary)
    assert (reply.status_code, "binary_data=False" in reply.json()["error"]) == (422, True)


def test_an_unknown_model_or_version_is_not_found(serve):
    client = serve()
    assert "'text-classification'" in client.get("/v2/models/text-clasification").json()["error"]
    assert client.get(f"{MODEL}/versions/0").status_code == 404
