"""The description of a server is public: it changes only together with the file beside this test.

Renew it, and say in the change what clients must do: ``python tests/contract/test_openapi.py``
"""

import json
from pathlib import Path
from typing import Any

import duomo
from duomo import serving
from duomo.serving.schemas import openapi
from duomo.testing import fake_catalog

SNAPSHOT = Path(__file__).with_name("openapi.json")


def application() -> Any:
    """A server of one task, whose schemas stand for those of all."""
    return serving.app([duomo.load("text-classification", "fake/echo", catalog=fake_catalog())])


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
    routes -= {("post", "/v1/tasks/{task}"), ("post", "/v1/tasks/{task}/map")}
    named = {(method, path) for path, each in described()["paths"].items() for method in each}
    named -= {("post", "/v1/tasks/text-classification"), ("post", "/v1/tasks/text-classification/map")}
    assert routes == named


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(described(), indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
