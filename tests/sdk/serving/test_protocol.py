"""What a connection may be made to hold: a server on loopback, and a client that writes what it likes."""

import asyncio
import signal

import pytest
import uvicorn

from duomo.serving import protocol

MOST = protocol.MOST_AROUND
LIMIT_S = 20


async def application(scope, receive, send):
    """Answers with the number of bytes of the body; at once on the path /hasty."""
    size, more = 0, scope["path"] != "/hasty"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = str(size).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def say(parts, **settings) -> tuple[bytes, int]:
    """What a server answers to these bytes until it closes the connection, and how many parts it took."""

    async def talk():
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            application, http=protocol.BoundedProtocol, lifespan="off", log_level="critical", **settings
        )
        config.load()
        state = uvicorn.server.ServerState()
        server = await loop.create_server(lambda: protocol.BoundedProtocol(config, state, {}), "127.0.0.1", 0)
        async with server, asyncio.timeout(LIMIT_S):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            sent, answered = 0, asyncio.create_task(reader.read())
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    sent += 1
                return await answered, sent
            except OSError:  # it was closed meanwhile
                return b"", sent
            finally:
                answered.cancel()
                writer.close()

    return asyncio.run(talk())


GET = b"GET / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
ENDLESS = (b"a" * 100_000,) * 1000


WISH = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize("wish", [WISH, WISH.lower(), b"upgrade: websocket\r\nconnection: upgrade\r\n", b""])
@pytest.mark.parametrize(
    "rest", [b"content-length: 5\r\n\r\nabcde", b"transfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("at", [3, 40, 150, 1000])
def test_who_asks_for_another_protocol_is_answered_in_this_one(wish, rest, at):
    """Java's client and ``curl --http2`` do so with each first request, whose body was lost."""
    request = b"POST / HTTP/1.1\r\nhost: a\r\n" + wish + rest
    said, _ = say([request[:at], request[at:] + request, LAST], ws="none")
    bodies = [each.partition(b"\r\n\r\n")[2][:1] for each in said.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [b"5", b"5", b"0"]


@pytest.mark.parametrize(
    "begins",
    [
        pytest.param((GET, b"x: ", *ENDLESS), id="one header"),
        pytest.param((GET, *(b"x-%d: %s\r\n" % (at, b"a" * 90_000) for at in range(1000))), id="many headers"),
        pytest.param((b"GET /", *ENDLESS), id="address"),
        pytest.param((CHUNKED, b"1\r\na\r\n0\r\n", b"x: ", *ENDLESS), id="trailer"),
        pytest.param((CHUNKED, b"1;x=", *ENDLESS), id="extension of a chunk"),
        pytest.param((CHUNKED, *(b"1\r\na\r\n" * 10_000,) * 1000), id="chunks of a byte"),
        pytest.param((b"\r\n" * 50_000,) * 1000, id="empty lines"),
    ],
)
def test_what_is_not_body_has_an_end(begins):
    said, taken = say(begins)
    assert taken < 100, "a hundredth of it is more than enough"
    assert b"200 OK" not in said


@pytest.mark.parametrize(
    "lengths",
    [b"content-length: 5\r\ntransfer-encoding: chunked", b"content-length: 3\r\ncontent-length: 5",
     b"content-length: -5", b"content-length: +5", b"transfer-encoding: chunked, identity"],
)  # fmt: skip
def test_a_body_of_two_lengths_is_refused_and_what_is_behind_it_is_no_request(lengths):
    said, _ = say((b"POST / HTTP/1.1\r\nhost: a\r\n" + lengths + b"\r\n\r\n0\r\n\r\n", GET + b"\r\n"))
    assert said.startswith(b"HTTP/1.1 400")
    assert b"200 OK" not in said


@pytest.mark.parametrize(
    ("address", "host", "status"),
    [
        (b"http://evil.example/", b"a", b"400"),
        (b"http://a:80/", b"a", b"400"),
        (b"http://a@evil.example/", b"a", b"400"),
        (b"http://evil.example?/a/", b"a", b"400"),
        (b"http://evil.example", b"a", b"400"),
        (b"http://a/", b"a\r\nhost: evil.example", b"400"),
        (b"http://a/", b"a", b"200"),
        (b"*", b"a", b"200"),
    ],
)
def test_an_address_of_another_host_than_the_header_is_refused(address, host, status):
    method = b"OPTIONS " if address == b"*" else b"GET "
    said, _ = say((method + address + b" HTTP/1.1\r\nhost: " + host + b"\r\nconnection: close\r\n\r\n",))
    assert said.startswith(b"HTTP/1.1 " + status)


def test_a_large_body_in_chunks_is_taken_and_the_next_request_too():
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    close = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    said, _ = say((CHUNKED, *(chunk,) * 500, b"0\r\nx: trailer\r\n\r\n", (GET + b"\r\n") * 5000, close))
    assert said.count(b"200 OK") == 5002
    assert b"\r\n\r\n2048000HTTP/1.1 200" in said


@pytest.mark.parametrize("begins", [b"", b"GET / HT", GET, CHUNKED, CHUNKED + b"5\r\nab"])
def test_who_owes_the_rest_and_is_silent_is_left(begins, monkeypatch):
    monkeypatch.setattr(protocol, "SILENT_S", 0.05)
    said, _ = say((begins,))
    assert b"200 OK" not in said


def test_a_server_ends_by_the_signal_whatever_a_library_has_put_there():
    """Ray's handler exits with 15."""
    usual = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        server = protocol.DrainingServer(uvicorn.Config("none"), lambda: asyncio.sleep(0))
        with server.capture_signals():
            assert signal.getsignal(signal.SIGTERM) == server.handle_exit
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, usual)


@pytest.mark.parametrize("last", [b"connection: close\r\n", b""])
def test_who_is_answered_before_the_whole_body_was_sent_can_read_it(last):
    """As with 413: a connection closed on bytes that were not read is reset. ``urllib`` sends the whole body first."""
    head = b"POST /hasty HTTP/1.1\r\nhost: a\r\n" + last + b"content-length: 5000000\r\n\r\n"
    said, sent = say([head, *(b"a" * 1_000_000,) * 5, *([] if last else [LAST])])
    assert (said[:15], sent) == (b"HTTP/1.1 200 OK", 6 if last else 7)
