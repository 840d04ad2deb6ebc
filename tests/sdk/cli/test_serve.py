"""``duomo serve`` with what it cannot serve: refused before a model is loaded or an address is open."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from duomo.cli.serve import bind, url_of
from duomo.errors import UsageProblem

TASK = "text-classification"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "nothing is named to serve"),
        (("text-clasification",), "Did you mean 'text-classification'"),
        ((f"{TASK}=nope",), "no model named 'nope'"),
        ((TASK, f"{TASK}=fake/echo"), f"the task '{TASK}' is named twice"),
        ((f"{TASK}=fake/scribe",), "does not do text-classification"),
        ((TASK, "--port", "70000"), "not in the range"),
        ((TASK, "--host", "0.0.0.0"), "there is no token"),
        ((TASK, "--max-items", "0"), "--max-items"),
        ((TASK, "--max-body", "-1"), "--max-body"),
        ((TASK, "--most-wait", "-1"), "--most-wait"),
        ((TASK, "--slo", "-1"), "--slo"),
        ((TASK, "--stop-after", "-1"), "--stop-after"),
        ((TASK, "--candidate", TASK), f"--candidate {TASK}=MODEL"),
        ((TASK, "--candidate", "text-generation=fake/writer"), "serve text-generation, too"),
        ((TASK, "-x", "locall"), "Did you mean 'local'"),
        ((TASK, "-d", "cuda:99"), "no device 'cuda:99'"),
    ],
)
def test_what_cannot_be_served_is_refused_with_what_can(duomo: Any, args: tuple[str, ...], words: str) -> None:
    pytest.importorskip("uvicorn")
    done = duomo("serve", *args, "--check")
    assert done.exit_code in (2, 4)
    assert words in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("option", ["--token-file", "--admin-token-file"])
def test_an_empty_token_lets_nobody_in_unseen(duomo: Any, tmp_path: Path, option: str) -> None:
    pytest.importorskip("uvicorn")
    (tmp_path / "token").write_text("\n", "utf-8")
    done = duomo("serve", TASK, option, str(tmp_path / "token"), "--check")
    assert done.exit_code == 2
    assert f"the token file '{tmp_path / 'token'}' is empty" in done.stderr


def test_check_says_on_standard_output_what_would_be_served(duomo: Any) -> None:
    pytest.importorskip("uvicorn")
    done = duomo("serve", TASK, "--check")
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{TASK}: fake/echo on cpu\n", "")


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_of_networks_sleep_while_they_wait_unless_they_are_told_otherwise(
    duomo: Any, monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str
) -> None:
    """Beside anything else that computes they would take several times the CPU."""
    serving = pytest.importorskip("duomo.serving")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
    seen, make = [], serving.app
    monkeypatch.setattr(serving, "app", lambda *a, **k: seen.append(os.environ["OMP_WAIT_POLICY"]) or make(*a, **k))
    assert duomo("serve", TASK, "--check").exit_code == 0
    assert (seen, os.environ.get("OMP_WAIT_POLICY")) == ([expected], given)


def test_a_log_that_cannot_be_written_is_found_before_the_models_are_loaded(duomo: Any, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    done = duomo("serve", TASK, "--log", str(tmp_path / "no" / "log"), "--check")
    assert done.exit_code == 1
    assert "cannot read or write" in done.stderr
    assert "fake/echo" not in done.stdout + done.stderr


def test_an_address_that_is_taken_or_is_not_here_is_an_error_in_words() -> None:
    with bind("127.0.0.1", 0) as taken:
        taken.listen()
        assert url_of("127.0.0.1", taken) == f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert url_of("::1", taken) == f"http://[::1]:{taken.getsockname()[1]}"
        with pytest.raises(UsageProblem, match="cannot listen on") as error:
            bind("127.0.0.1", taken.getsockname()[1])
        assert "--port (0 picks a free one)" in error.value.fix
    with pytest.raises(UsageProblem, match=r"cannot listen on no\.such\.invalid"):
        bind("no.such.invalid", 0)
    if socket.has_ipv6:
        try:
            bind("::1", 0).close()
        except UsageProblem:
            pytest.skip("no IPv6 here")
