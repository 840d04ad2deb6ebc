"""The description of a server is public: it changes only together with the file beside this test.

Renew it, and say in the change what clients must do: ``python tests/contract/test_openapi.py``
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.serving.schemas import openapi
from duomo.testing import fake_catalog

SNAPSHOT = Path(__file__).with_name("openapi.json")


def application() -> Any:
    """A server of one task, whose schemas stand for those of all."""
    return serving.app([duomo.load("text-classification", "fake/echo", catalog=fake_catalog())])


def served(*tasks: str) -> Any:
    """A server of tasks, over models that need no weights."""
    from tests.sdk.serving import fakes  # pytest finds it; this file as a script does not

    return serving.app([fakes.load(task) for task in tasks or ("text-classification", *fakes.KINDS)])


def described() -> dict[str, Any]:
    found = openapi(application().state.hosted.values())
    found["info"].pop("version")
    return found


def test_the_description_is_the_one_that_was_agreed_on():
    assert described() == json.loads(SNAPSHOT.read_text("utf-8")), "see the first lines of this test"


def test_every_route_is_described_and_nothing_else():
    routes = {
        (method.lower(), route.path.replace(":path", ""))
        for route in application().routes
        for method in getattr(route, "methods", None) or ()
        if method != "HEAD"
    }
    routes -= {(method, "/v1/tasks/{task}" + rest) for method, rest in (("get", ""), ("post", ""), ("post", "/map"))}
    named = {(method, path) for path, each in described()["paths"].items() for method in each}
    task = "/v1/tasks/text-classification"  # each by its own name, so that OPTIONS allows what is described
    named -= {("get", task), ("post", task), ("post", f"{task}/map")}
    assert routes == named


def test_a_client_can_send_what_the_description_shows():
    """Each `POST` has a body with a schema; its example is of that schema and is answered."""
    with TestClient(served(), base_url="http://localhost") as client:
        paths = client.get("/openapi.json").json()["paths"]
        ids = [each["operationId"] for methods in paths.values() for each in methods.values()]
        assert len(set(ids)) == len(ids)
        assert all(re.fullmatch(r"[\w-]+", each) for each in ids)
        bodies = {path: each["post"]["requestBody"]["content"] for path, each in paths.items() if "post" in each}
        version = client.get("/v2/models/text-classification").json()["versions"][0]
        sent = {path: each["application/json"] for path, each in bodies.items() if "example" in str(each)}
        assert len(sent) == 5
        for path, body in sent.items():
            jsonschema.validate(body["example"], body["schema"])
            where = path.replace("{name}", "text-classification").replace("{version}", version)
            assert client.post(where, json=body["example"]).status_code == 200, path


BODIES = [
    ("/v1/tasks/text-classification", {"input": "fine"}, True),
    ("/v1/tasks/text-classification", {"input": "fine", "options": None, "model": None, "deadline_s": None}, True),
    ("/v1/tasks/text-classification", {"input": " "}, False),
    ("/v1/tasks/text-classification", {"input": "fine", "option": {}}, False),
    ("/v1/tasks/text-classification", {"input": "fine", "deadline_s": 86_400}, False),
    ("/v1/tasks/text-classification/map", {"items": ["fine"], "": 1}, False),
    ("/v1/embeddings", {"input": "fine", "encoding_format": None, "dimensions": None}, True),
    ("/v1/embeddings", {"input": "fine", "dimensions": 8}, False),
    ("/v1/embeddings", {"input": ""}, False),
    ("/v2/models/text-classification/infer", {"inputs": []}, False),
]


@pytest.mark.parametrize(("path", "body", "is_right"), BODIES)
def test_the_description_says_what_is_taken_and_what_an_error_looks_like(path, body, is_right):
    with TestClient(served("text-classification", "feature-extraction"), base_url="http://localhost") as client:
        description = client.get("/openapi.json").json()
        route = description["paths"][path.replace("/models/text-classification", "/models/{name}")]["post"]
        parts = {"components": description["components"]}
        wanted = route["requestBody"]["content"]["application/json"]["schema"]
        assert jsonschema.Draft202012Validator({**wanted, **parts}).is_valid(body) is is_right
        reply = client.post(path, json=body)
        assert reply.is_success is is_right
        if not is_right:
            error = route["responses"]["default"]["content"]["application/json"]["schema"]
            jsonschema.validate(reply.json(), {**error, **parts})


def test_the_description_of_a_mounted_server_says_where_it_is():
    host = Starlette(routes=[Mount("/ai", application())])
    described = TestClient(host, base_url="http://localhost").get("/ai/openapi.json").json()
    assert described["servers"] == [{"url": "/ai"}]
    lost = TestClient(host, base_url="http://localhost").get("/ai/v1/tasks/").json()["error"]
    assert (lost["why"], lost["fix"]) == ("Did you mean '/ai/v1/tasks'?", "GET /ai/openapi.json lists all")


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(described(), indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
