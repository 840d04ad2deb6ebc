"""A websocket that gives items: a server that goes away is asked again, one that has said all is not."""

import threading

import pytest

from duomo.errors import InputMissing
from duomo.inputs.live import Feed, WebSocket

server = pytest.importorskip("websockets.sync.server")


@pytest.fixture
def serve():
    """Start a server that does this to its first, second … client; gives its address."""
    running = []

    def start(*acts):
        waiting = iter(acts)
        found = server.serve(lambda connection: next(waiting)(connection), "127.0.0.1", 0)
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        running.append((found, thread))
        return f"ws://127.0.0.1:{found.socket.getsockname()[1]}/items"

    yield start
    for found, thread in running:
        found.shutdown()
        thread.join(10)


def says(*messages, code=1000):
    def act(connection):
        for message in messages:
            connection.send(message)
        connection.close(code)

    return act


def breaks(connection):
    connection.send("before")
    connection.socket.close()


def values(feed):
    return [each.value for each in feed if each is not None]


def test_texts_and_bytes_come_to_the_end(serve):
    with Feed([WebSocket(serve(says("a text", b"bytes")))]) as feed:
        assert values(feed) == ["a text", b"bytes"]
        [state] = feed.states()
    assert (state.state, state.reconnects) == ("ended", 0)


@pytest.mark.parametrize("first", [breaks, says("before", code=1001), says("before", code=1011)])
def test_a_server_that_goes_away_is_asked_again_and_nothing_of_the_next_is_lost(serve, first):
    with Feed([WebSocket(serve(first, says("after", "last")))], first_pause_s=0.01) as feed:
        assert values(feed) == ["before", "after", "last"]
        [state] = feed.states()
    assert state.reconnects == 1
    assert state.error


def test_a_server_that_is_not_there_is_said_with_its_address():
    with pytest.raises(InputMissing, match=r"no websocket at 'ws://127\.0\.0\.1:9/x'"):
        WebSocket("ws://127.0.0.1:9/x").open()
