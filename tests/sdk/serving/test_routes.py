"""What a client of the tasks' routes meets: results, errors by kind, and neighbours that stay alone."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from duomo import serving

ONE = "/v1/tasks/text-classification"


def test_one_item_comes_back_with_its_result_and_how_it_came_about(serve):
    reply = serve().post(ONE, json={"input": "hello", "options": {"top_k": 1}})
    assert reply.status_code == 200
    assert reply.json()["result"] == {"labels": [{"name": "hello", "score": 1.0}]}
    assert reply.json()["meta"]["model"] == reply.headers["x-duomo-model"] == "fake/echo"


def test_the_answer_equals_that_of_the_runner(serve, faulty):
    reply = serve().post(ONE, json={"input": "hello"})
    assert reply.json()["result"] == json.loads(faulty("hello").model_dump_json())


def test_many_items_come_back_as_lines_in_order(serve):
    reply = serve().post(f"{ONE}/map?order=input", json={"items": ["a", "", "poison", "b"]})
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert [(line["index"], line["ok"]) for line in lines] == [(0, True), (1, False), (2, False), (3, True)]
    assert lines[1]["error"]["code"] == "E-INPUT-UNREADABLE"
    assert "poison" in lines[2]["error"]["what"]


def test_many_items_may_come_back_in_any_order(serve):
    reply = serve().post(f"{ONE}/map", json={"items": [f"item {i}" for i in range(20)]})
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert sorted(line["index"] for line in lines) == list(range(20))
    assert all(line["result"]["labels"][0]["name"] == f"item {line['index']}" for line in lines)


@pytest.mark.parametrize(
    ("bad", "code"), [("poison", "E-MODEL-FAILED"), ("crash", "E-MODEL-FAILED"), ("mute", "E-CONTRACT")]
)
def test_one_bad_item_among_64_callers_fails_alone(serve, bad, code):
    """In preprocess, in forward and in postprocess."""
    client = serve()
    texts = [f"text {i}" for i in range(63)] + [bad]
    with ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(lambda text: client.post(ONE, json={"input": text}), texts))
    assert [reply.status_code for reply in replies[:63]] == [200] * 63
    assert replies[63].status_code == 500
    assert replies[63].json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"input": "x", "options": {"topk": 1}}, 400, "Did you mean 'top_k'?"),
        ({"input": "x", "options": {"caller": "me"}}, 400, "'caller'"),
        ({"input": "x", "options": {"deadline_s": 1}}, 400, "'deadline_s'"),
        ({"input": "x", "options": {"item": "y", "self": 1}}, 400, "'item'"),
        ({"input": "x", "options": [1]}, 422, "options are not a JSON object"),
        ({"input": ""}, 422, "this text is empty"),
        ({"inputs": "x"}, 422, "the body has no 'input'"),
        ({"input": 7}, 422, "a text is expected, not a number"),
        ({"input": "x", "deadline_s": 0}, 504, "the item was not computed before its deadline"),
        ({"input": "x", "deadline_s": -1}, 400, "deadline_s cannot be -1"),
        ({"input": "x", "deadline_s": "soon"}, 400, "deadline_s cannot be 'soon'"),
        ({"input": "x", "option": {"top_k": 1}}, 400, "Did you mean 'options'?"),
        ({"input": "x", "deadline": 1}, 400, "Did you mean 'deadline_s'?"),
        ({"input": "x", "top_k": 1}, 400, "the body has an unknown 'top_k'"),
        ({"input": "x", "model": "fake/other"}, 404, "'fake/echo' answers"),
        ({"input": "x", "form": {}}, 400, "the body has an unknown 'form'"),
        ([], 422, "the body is not a JSON object"),
    ],
)
def test_a_wrong_body_is_answered_with_what_to_change(serve, body, status, words):
    reply = serve().post(ONE, json=body)
    assert reply.status_code == status
    assert words in " ".join(reply.json()["error"].values())


def test_a_list_has_no_other_names_either(serve):
    for body, status in (({"items": ["x"], "option": {}}, 400), ({"input": "x"}, 422), ({"items": 7}, 422)):
        assert serve().post(f"{ONE}/map", json=body).status_code == status
    empty = serve().post(f"{ONE}/map", json={"items": []}).json()["error"]
    assert empty["what"] == "'items' is not a list of one item or more"


def test_a_number_of_too_many_digits_is_described_without_advice_for_a_program(serve):
    error = serve().post(ONE, content=b'{"input": 1' + b"0" * 5000 + b"}").json()["error"]
    assert "5001 digits" in error["why"]
    assert "sys." not in error["why"]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (f"{ONE}?top_k=1", {"input": "x"}, "'top_k=1'"),
        (f"{ONE}/map?order=inptu", {"items": ["x"]}, "?order=input or ?order=settled"),
        (f"{ONE}/map?order=settled&order=input", {"items": ["x"]}, "'order=settled'"),
        ("/v2/models/text-classification/infer?top_k=1", {"inputs": []}, "'top_k=1'"),
    ],
)
def test_what_stands_behind_the_address_counts_or_is_refused(serve, path, body, words):
    reply = serve().post(path, json=body)
    assert reply.status_code == 400
    assert words in reply.text


def test_a_method_that_a_route_has_not_is_answered_with_those_it_has(serve):
    client = serve()
    for method, path, allowed in (
        ("PUT", ONE, "GET, HEAD, POST"),  # of two routes
        ("DELETE", "/v1/tasks", "GET, HEAD"),
        ("GET", "/v2/models/text-classification/infer", "POST"),
        ("PATCH", "/v2/models/text-classification/versions/1", "GET, HEAD"),
    ):
        reply = client.request(method, path)
        assert (reply.status_code, reply.json()["error"]["code"]) == (405, "E-ROUTE")
        assert reply.headers["allow"] == allowed
        assert reply.json()["error"]["why"] == f"it takes {allowed}"


@pytest.mark.parametrize(
    ("path", "allowed"), [(ONE, "GET, HEAD, OPTIONS, POST"), ("/v1/embeddings", "OPTIONS, POST"), ("*", "OPTIONS")]
)
def test_options_says_what_an_address_takes(serve, path, allowed):
    """RFC 9110, 9.3.7: also of the server as a whole, which is `*`."""
    client = serve()
    reply = client.request("OPTIONS", path) if path != "*" else client.request("OPTIONS", "http://localhost/*")
    assert (reply.status_code, reply.headers.get("allow"), reply.content) == (204, allowed, b"")


@pytest.mark.parametrize("name", ["content-type", "content-encoding", "x-deadline-s", "host"])
def test_a_header_that_comes_twice_is_refused_by_name(serve, name):
    """Whatever stands before the server may have read the other one (RFC 9110, 5.3)."""
    body = b'{"input": "x"}'
    given = {"content-type": "application/json", "content-encoding": "identity", "x-deadline-s": "30"}
    heads = [*given.items(), (name, given.get(name, "localhost"))]
    if name == "host":
        heads.append((name, "localhost"))
    reply = serve().post(ONE, content=body, headers=heads)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "E-HEADER")
    assert name in reply.json()["error"]["what"]


def test_a_class_of_methods_beside_our_routes_answers_as_they_do(faulty):
    class Own(HTTPEndpoint):
        async def get(self, request):
            return PlainTextResponse("mine")

    app = serving.app([faulty])
    app.router.routes.append(Route("/own", Own))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/own").text == "mine"
        reply = client.post("/own")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET, HEAD")
    assert reply.json()["error"]["code"] == "E-ROUTE"


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v1/tasks/", 404, "Did you mean '/v1/tasks'?"),
        ("POST", f"{ONE}/", 404, f"Did you mean '{ONE}'?"),
        ("POST", f"/{ONE}/map", 404, f"Did you mean '{ONE}/map'?"),
        ("POST", "/v1/chat/completion", 404, "Did you mean '/v1/chat/completions'?"),
        ("POST", "/v1/text-classification", 404, f"Did you mean '{ONE}'?"),
        ("POST", "/predict/text-classification/", 404, f"Did you mean '{ONE}'?"),
        ("GET", "/v1/live/text-classification", 426, "this address is a websocket"),
    ],
)
def test_an_address_that_is_nearly_one_is_answered_with_what_to_change(serve, method, path, status, words):
    reply = serve().request(method, f"http://localhost{path}", follow_redirects=False)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, "E-ROUTE")
    assert words in reply.json()["error"]["why"]


def test_a_request_may_name_the_model_that_answers(serve):
    assert serve().post(ONE, json={"input": "x", "model": "fake/echo"}).status_code == 200


def test_an_unknown_task_is_answered_with_the_nearest(serve):
    reply = serve().post("/v1/tasks/text-clasification", json={"input": "x"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "E-TASK-UNKNOWN")
    assert "'text-classification'" in reply.json()["error"]["why"]


def test_an_unknown_route_is_an_error_of_the_same_shape(serve):
    reply = serve().get("/nowhere")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "E-ROUTE")


def test_the_description_has_a_schema_for_every_part_it_names(serve):
    text = serve().get("/openapi.json").text
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(json.loads(text)["components"]["schemas"])
    assert ONE in json.loads(text)["paths"]


def test_requests_outcomes_and_batches_are_counted(serve):
    client = serve()
    client.post(ONE, json={"input": "good"})
    client.post(ONE, json={"input": "poison"})
    text = client.get("/metrics").text
    assert 'duomo_requests_total{status="200",task="text-classification"} 1.0' in text
    assert 'duomo_items_total{code="ok",task="text-classification"} 1.0' in text
    assert 'duomo_items_total{code="E-MODEL-FAILED",task="text-classification"} 1.0' in text
    assert 'duomo_queue_items{task="text-classification"} 0.0' in text


def test_a_made_up_task_is_no_label_of_a_metric(serve):
    client = serve()
    client.post("/v1/tasks/secret-name", json={"input": "x"})
    assert "secret-name" not in client.get("/metrics").text


def test_a_server_that_drains_is_not_ready(serve):
    client = serve()
    fresh = {"ready": True, "why": [], "last_success": None}
    assert client.get("/readyz").json() == {"ready": True, "models": {"text-classification": fresh}}
    client.post(ONE, json={"input": "x"})
    assert client.get("/readyz").json()["models"]["text-classification"]["last_success"] == pytest.approx(
        time.time(), abs=60
    )
    client.app.state.hosted["text-classification"].draining = True
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json()["ready"]) == (503, False)
    assert reply.json()["models"]["text-classification"]["why"] == ["it is being shut down"]
    assert client.post(ONE, json={"input": "x"}).json()["error"]["what"] == "this server is being shut down"
    assert client.get("/livez").status_code == 200


def test_the_example_of_a_task_can_be_sent_as_it_is(serve):
    client = serve()
    example = client.get(ONE).json()["example"]
    assert client.post(ONE, json=example).status_code == 200
