"""What only real processes show: terminals, pipes that close, Ctrl-C, standard input that is not there."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.cli.conftest import start

CLASSIFY = ("run", "text-classification", "--top-k", "1")
pytestmark = pytest.mark.multiproc


def on_terminal(*args: str, env: dict[str, str] | None = None, stdin: Any = None) -> tuple[int, str]:
    """Exit code and screen of a process whose three streams are one terminal of 60 columns."""
    parent, child = pty.openpty()
    size = {"COLUMNS": "60", "TERM": "xterm", "CI": "", "NO_COLOR": "", **(env or {})}
    process = start(*args, stdin=child if stdin is None else stdin, stdout=child, stderr=child, env=size)
    os.close(child)
    screen = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([parent], [], [], 1)[0]:
            try:
                part = os.read(parent, 65536)
            except OSError:  # Linux says EIO when the last writer is gone
                break
            if not part:
                break
            screen += part
    os.close(parent)
    return process.wait(timeout=30), screen.decode().replace("\r\n", "\n")


def plain(screen: str) -> str:
    """The screen without colours, cursor movements and lines that were overwritten."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    return "\n".join(line.rpartition("\r")[2] for line in text.split("\n"))


def test_a_terminal_gets_a_table_and_a_pipe_json_lines(shell: Callable[..., Any]) -> None:
    code, screen = on_terminal(*CLASSIFY, "-t", "a cat", "--top-k", "1")
    assert code == 0
    assert "INPUT  NAME   SCORE" in plain(screen)
    piped = shell(*CLASSIFY, "-t", "a cat")
    assert json.loads(piped.stdout)["result"]["labels"][0]["name"] == "a cat"
    assert piped.stderr == ""


def test_colour_follows_the_terminal_and_its_owner() -> None:
    assert "\x1b[1m" in on_terminal("tasks", "list")[1]
    assert "\x1b" not in on_terminal("tasks", "list", env={"NO_COLOR": "1"})[1]
    assert "\x1b" not in on_terminal("tasks", "list", env={"TERM": "dumb"})[1]


def test_no_line_is_wider_than_the_terminal() -> None:
    _, screen = on_terminal("tasks", "list")
    assert max(len(line) for line in plain(screen).splitlines()) <= 60


def test_without_input_a_terminal_gets_an_answer_and_not_a_wait() -> None:
    code, screen = on_terminal(*CLASSIFY)
    assert code == 2
    assert "there is nothing to run on" in screen


def test_progress_shows_on_a_terminal_and_leaves_nothing_behind() -> None:
    texts = [word for number in range(6) for word in ("-t", f"slow {number}")]
    _, screen = on_terminal(*CLASSIFY, *texts, "-b", "1")
    assert re.search(r"\d of 6", screen)
    assert " done" not in plain(screen).split("INPUT")[1]
    _, screen = on_terminal("--progress", "never", *CLASSIFY, *texts)
    assert "done" not in screen


@pytest.mark.parametrize("stdin", [None, ""])
def test_standard_input_that_is_closed_or_empty_ends_at_once(shell: Callable[..., Any], stdin: str | None) -> None:
    redirected = {} if stdin is not None else {"preexec_fn": lambda: os.close(0)}
    for args in (CLASSIFY, (*CLASSIFY, "-")):
        done = shell(*args, stdin=stdin, **redirected)
        assert done.code in (1, 2)
        assert "standard input" in done.stderr or "nothing to run on" in done.stderr
        assert "Traceback" not in done.stderr
    named = shell(*CLASSIFY, "-t", "named", stdin=stdin, **redirected)
    assert named.code == 0


def test_standard_input_that_never_ends_is_not_waited_for_when_an_input_is_named() -> None:
    reader, writer = os.pipe()
    process = start(*CLASSIFY, "-t", "named", stdin=reader, stdout=subprocess.PIPE)
    assert b"named" in process.communicate(timeout=60)[0]
    os.close(writer)
    os.close(reader)


def test_results_come_while_input_is_still_open() -> None:
    process = start(*CLASSIFY, "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for text in ("one", "two"):
        process.stdin.write(f"{text}\n".encode())
        process.stdin.flush()
        # Without --batch-size a model waits a moment for company, but never for the end of the input.
        assert select.select([process.stdout], [], [], 30)[0]
        assert text in json.loads(process.stdout.readline())["result"]["labels"][0]["name"]
    process.stdin.close()
    assert process.wait(timeout=30) == 0


def asked(process: subprocess.Popen[bytes], text: str) -> dict[str, Any]:
    """What comes back for a text that is written alone; an empty dict when nothing does."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{text}\n".encode())
    process.stdin.flush()
    line = process.stdout.readline()
    return json.loads(line) if line else {}


def test_failures_are_counted_over_all_of_a_slow_pipe() -> None:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = start(*CLASSIFY, "-", "--max-failed", "1", **pipes)
    assert [asked(process, text)["ok"] for text in ("a", "poison", "b", "poison")] == [True, False, True, False]
    said = process.communicate(timeout=30)[1].decode()
    assert process.returncode == 1
    assert "the run was stopped: more than" in said


def test_equal_texts_are_known_over_all_of_a_slow_pipe(tmp_path: Path) -> None:
    diary = {"DIARY": str(tmp_path / "diary")}
    process = start(*CLASSIFY, "-", "--dedupe", stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=diary)
    assert process.stdin is not None
    for _ in range(3):
        process.stdin.write(b"one\n")
        process.stdin.flush()
        time.sleep(0.3)  # longer than standard input is waited for
    lines = process.communicate(timeout=30)[0].splitlines()
    assert [json.loads(line)["index"] for line in lines] == [0, 1, 2]
    assert (tmp_path / "diary").read_text() == "batch\n"


def test_a_reader_that_has_seen_enough_ends_it_quietly() -> None:
    texts = "\n".join(f"text {number}" for number in range(20_000))
    process = start(*CLASSIFY, "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    os.set_blocking(process.stdin.fileno(), False)
    process.stdin.write(texts.encode()[:60_000])
    assert b"text 0" in process.stdout.readline()
    process.stdout.close()
    os.set_blocking(process.stdin.fileno(), True)
    try:
        process.stdin.write(texts.encode()[60_000:])
        process.stdin.close()
    except BrokenPipeError:
        pass
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_an_error_in_words() -> None:
    with open("/dev/full", "wb") as full:
        process = start("tasks", "list", stdout=full, stderr=subprocess.PIPE)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"standard output could not be written" in err
    assert b"No space left on device" in err
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


def test_ctrl_c_keeps_what_is_done_and_ends_with_130() -> None:
    texts = "".join(f"slow {number}\n" for number in range(200))
    process = start(*CLASSIFY, "-b", "1", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(texts.encode())
    process.stdin.flush()
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    done = [json.loads(line) for line in [first, *out.splitlines()]]
    assert process.returncode == 130
    assert [line["index"] for line in done] == list(range(len(done)))
    assert len(done) < 200
    assert re.search(r"interrupted after \d+ input", err.decode())
    assert "Traceback" not in err.decode()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_still_prints_the_table_of_what_is_done(tmp_path: Path, how: signal.Signals) -> None:
    texts = "".join(f"slow {number}\n" for number in range(200))
    args = (*CLASSIFY, "-b", "1", "-", "-o", "table")
    diary = tmp_path / "diary"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = start(*args, env={"DIARY": str(diary)}, **pipes)
    assert process.stdin is not None
    process.stdin.write(texts.encode())
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not diary.exists() or diary.read_text().count("batch") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(how)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + how
    assert "slow 0" in out.decode()


def test_letters_that_a_terminal_does_not_have_are_escaped_and_no_error() -> None:
    code = "import sys; sys.argv = ['duomo', '--no-plugins', 'tasks', 'show', '猫']; from duomo.cli import main; main()"
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 4
    assert b"no task named '\\u732b'" in done.stderr


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_json_is_valid_on_a_terminal_that_is_not_utf_8(shell: Any, output: str) -> None:
    text = "é € \x81 猫 😀"
    done = shell(*CLASSIFY, "-t", text, "-o", output, env={"PYTHONIOENCODING": "cp1252:backslashreplace"})
    assert done.stdout.isascii()
    (outcome,) = json.loads(done.stdout) if output == "json" else map(json.loads, done.stdout.splitlines())
    assert outcome["result"]["labels"][0]["name"] == text
