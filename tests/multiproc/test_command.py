"""``duomo run -x local``: several devices on the command line, Ctrl-C among processes, and what it says of all this."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing import fake_catalog, faulty_spec

pytestmark = pytest.mark.multiproc
LOCAL = ("run", "text-classification", "-x", "local", "-d", "cpu,cpu", "--top-k", "1")
MAIN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
from duomo.cli import cli
from duomo.cli.app import App
from duomo.testing import fake_catalog, faulty_spec
cli.main(sys.argv[1:], obj=App(fake_catalog(faulty_spec())))
"""


def texts(*words):
    return [part for word in words for part in ("-t", word)]


def run(*args):
    return CliRunner().invoke(cli, args, obj=App(fake_catalog(faulty_spec())))


def test_a_run_on_two_workers_survives_a_crash_and_tells_what_each_did(tmp_path):
    stats = tmp_path / "stats.json"
    done = run(*LOCAL, *texts("one", "exits", "two", "poison"), "-o", "jsonl", "--stats", str(stats))
    assert done.exit_code == 3, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["ok"] for row in rows] == [True, False, True, False]
    assert rows[1]["error"]["code"] == "E-WORKER-LOST"
    assert rows[0]["meta"]["executor"] == "local"
    told = json.loads(stats.read_text())
    assert told["batches"]["lost"] >= 2
    assert told["restarts"] >= 1
    assert sum(worker["items"] for worker in told["workers"]) == 3


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("-d", "cpu,cpu"), 2, "'inline' runs on one device, and parallel=dp=2 needs 2"),
        (("--parallel", "tp=2"), 2, "-x local"),
        (("-x", "local", "-d", "cpu,cpu", "--parallel", "tp=3"), 2, "parallel=tp=3 is for 3 devices, and 2 are named"),
        (("-x", "local", "-d", "cpu,cpu", "--parallel", "tpp=2"), 2, "Did you mean 'pp' or 'tp'"),
        (("-x", "local", "-d", "cpu,tpu"), 4, "no device 'tpu' here"),
        (("-x", "local", "-d", "0"), 2, "0 devices are too few"),
        (("-x", "local", "-d", "cpu,"), 2, "a device has no name"),
        (("-x", "lokal",), 4, "Did you mean 'local'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words_before_anything_starts(args, code, words):
    refused = run("run", "text-classification", *texts("one"), *args)
    assert refused.exit_code == code
    assert words in refused.stderr
    assert "fix:" in refused.stderr
    assert json.loads(refused.stdout)["error"]["fix"]


def test_a_dry_run_shows_where_it_would_run():
    [row] = [json.loads(line) for line in run(*LOCAL, *texts("one"), "--dry-run", "-o", "jsonl").stdout.splitlines()]
    assert (row["executor"], row["device"], row["parallel"]) == ("local", "cpu,cpu", None)


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of POSIX")
def test_on_a_terminal_a_second_line_tells_how_busy_each_worker_is():
    from tests.sdk.cli.test_terminal import on_terminal, plain

    code, screen = on_terminal(*LOCAL, *texts(*(f"text {i}" for i in range(30))), "-b", "1")
    assert code == 0
    assert re.search(r"cpu \d+% · cpu \d+% · \d batch(es)? out", screen)
    assert "batches out" not in plain(screen).split("INPUT")[1], "nothing of it is left behind"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_reaches_only_the_driver_which_ends_the_workers_and_can_be_carried_on(tmp_path):
    out = tmp_path / "out.jsonl"
    gate = tmp_path / "gate"
    words = [*(f"naps {i}" for i in range(8)), *[f"waits {gate}"] * 4]  # it cannot come to its end before that
    call = [sys.executable, "-c", MAIN, *LOCAL, *texts(*words), "-O", str(out), "--resume", "-b", "1"]
    process = subprocess.Popen(call, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (out.exists() and out.read_bytes().count(b"\n") >= 5):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    said = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    assert _members(process.pid) == []
    done = out.read_bytes().splitlines()[0]
    gate.touch()
    again = subprocess.run(call, stderr=subprocess.PIPE, timeout=60, check=False)
    assert again.returncode == 0, again.stderr
    lines = out.read_bytes().splitlines()
    assert lines[0] == done
    assert [json.loads(line)["result"]["labels"][0]["name"] for line in lines] == words


STARTING = """
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: None)
sys.path.insert(0, os.getcwd())
from duomo.execution.pools.process import Child, follow_driver
child = Child(follow_driver, ((),), preload=["slow_library"])
child.join(60)
print(child.ending)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_while_workers_import_their_libraries_is_the_drivers_alone(tmp_path):
    begun = tmp_path / "begun"
    (tmp_path / "slow_library.py").write_text(
        f"import pathlib, time\npathlib.Path({str(begun)!r}).touch()\ntime.sleep(1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", STARTING],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not begun.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60) == ("it left with exit code 0\n", "")


def _members(group, seconds=30.0):
    """Processes of a process group that are still there after a while."""
    deadline = time.monotonic() + seconds
    while True:
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, pgid = stat.read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgid) == group and state != "Z":
                found.append(stat.parent.name)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)
