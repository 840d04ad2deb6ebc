"""A server in this process, over models that need no weights, and the bytes of an image."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import PIL.Image
import pytest
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.testing import fake_catalog, faulty_spec


@pytest.fixture
def png() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.full((8, 8, 3), 200, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def faulty() -> duomo.Runner[Any]:
    """A runner whose model does what the words of its items say."""
    return duomo.load("text-classification", "fake/echo", catalog=fake_catalog(faulty_spec()))


@pytest.fixture
def serve(faulty: duomo.Runner[Any]) -> Iterator[Callable[..., TestClient]]:
    """Make a client of a new server, over the faulty model or over what is named."""
    made = []

    def start(*tasks: Any, **settings: Any) -> TestClient:
        app = serving.app(tasks or (faulty,), **settings)
        client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
        client.__enter__()
        made.append(client)
        return client

    yield start
    for client in made:
        client.__exit__(None, None, None)
