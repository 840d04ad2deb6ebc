"""Inside the block nothing leaves this machine, and what tried to is named."""

import contextlib
import socket
import threading
import urllib.request

import pytest

from duomo.adapters import no_egress
from duomo.errors import GuardRefused


def test_a_connection_is_refused_and_named():
    with no_egress() as attempts:
        with pytest.raises(GuardRefused, match=r"NET.EGRESS: something tried to reach example\.org"):
            socket.getaddrinfo("example.org", 443)
        with pytest.raises(GuardRefused, match=r"127\.0\.0\.1"):
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        with socket.socket(type=socket.SOCK_DGRAM) as gram, pytest.raises(GuardRefused, match=r"192\.0\.2\.1"):
            gram.sendmsg([b"x"], [], 0, ("192.0.2.1", 9))
        with pytest.raises(GuardRefused, match=r"192\.0\.2\.2"):
            socket.gethostbyaddr("192.0.2.2")
    assert any("example.org" in each for each in attempts)


def test_a_library_that_swallows_the_refusal_is_still_found_out():
    def fetch():
        with contextlib.suppress(Exception):
            urllib.request.urlopen("http://suffixes.example.org/list", timeout=1)

    with no_egress() as attempts:
        thread = threading.Thread(target=fetch)
        thread.start()
        thread.join()
    assert any("suffixes.example.org" in each for each in attempts)


def test_outside_the_block_everything_is_as_before_and_blocks_nest():
    with no_egress() as outer, no_egress() as inner, pytest.raises(GuardRefused):
        socket.getaddrinfo("example.org", 1)
    assert len(outer) == len(inner) == 1
    socket.getaddrinfo("127.0.0.1", 1)


def test_pipes_of_this_machine_are_no_network():
    with no_egress() as attempts:
        a, b = socket.socketpair()
        a.send(b"x")
        assert b.recv(1) == b"x"
        a.close()
        b.close()
    assert attempts == []
