"""Who ends the connection with a Ray cluster, where several runners of a process share it."""

import signal
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")

from duomo.execution.pools.cluster import connect, part  # noqa: E402 - after it is known that Ray is here


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Ray is asked to do; it keeps in mind whether it is connected."""
    made: list[str] = []
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: made[-1:] == ["init"])
    monkeypatch.setattr(ray, "init", lambda *_, **__: made.append("init"))
    monkeypatch.setattr(ray, "shutdown", lambda: made.append("shutdown"))
    return made


@pytest.mark.parametrize("address", [None, "auto"])
def test_the_last_who_uses_the_connection_ends_it(calls: list[str], address: str | None) -> None:
    """As when a server exchanges models: the one before is closed, and had connected first."""
    assert [connect(address), connect(address)] == [True, True]
    part()
    assert calls == ["init"]
    assert connect(None)
    part()
    part()
    assert calls == ["init", "shutdown"]


def test_the_caller_s_own_connection_is_left_to_him(calls: list[str]) -> None:
    calls.append("init")
    assert not connect(None)
    assert calls == ["init"]


@pytest.mark.parametrize("before", [lambda *_: None, signal.SIG_IGN, signal.SIG_DFL])
def test_a_handler_of_sigterm_that_the_program_has_stays(
    calls: list[str], monkeypatch: pytest.MonkeyPatch, before: Any
) -> None:
    def theirs(*_: object) -> None:
        """Ray's, which exits with the number of the signal."""

    monkeypatch.setattr(ray, "init", lambda *_, **__: signal.signal(signal.SIGTERM, theirs))
    usual = signal.signal(signal.SIGTERM, before)
    try:
        assert connect(None)
        assert signal.getsignal(signal.SIGTERM) is (theirs if before is signal.SIG_DFL else before)
        part()
    finally:
        signal.signal(signal.SIGTERM, usual)
