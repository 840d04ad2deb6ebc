"""Worker processes at their start: what keeps one from starting is said by name, and a script needs no guard."""

import selectors
import subprocess
import sys
import time
from pathlib import Path

import pytest

import duomo
from duomo.errors import PluginBroken, Unavailable, UsageProblem, WorkerLost
from duomo.execution.base import Job
from duomo.execution.pools import child
from duomo.execution.pools.local import LocalExecutor
from duomo.execution.pools.placing import within
from duomo.testing import EchoModel, echo_spec, fake_catalog

pytestmark = pytest.mark.multiproc


@pytest.fixture(autouse=True)
def acting(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)


class Unlucky(EchoModel):
    """Can be imported in the driver's process and nowhere else."""


def load(spec, **changes):
    return duomo.load("text-classification", executor="local", devices="cpu,cpu", catalog=fake_catalog(spec), **changes)


def script(tmp_path, text, *args, timeout=60):
    file = tmp_path / "script.py"
    file.write_text(text, "utf-8")
    return subprocess.run([sys.executable, file, *args], capture_output=True, text=True, timeout=timeout, cwd=tmp_path)


def test_a_model_that_only_the_driver_can_import_is_refused_with_the_workers_words():
    sys.modules["duomo_nowhere"] = sys.modules[__name__]
    try:
        with pytest.raises(PluginBroken, match=r"worker \d did not start") as caught:
            load(echo_spec(loader="duomo_nowhere:Unlucky"))
    finally:
        del sys.modules["duomo_nowhere"]
    assert "duomo_nowhere" in caught.value.why
    assert "Traceback" in caught.value.why
    assert "PYTHONPATH" in caught.value.fix


def test_what_loading_raises_in_a_worker_is_told_with_its_traceback():
    with pytest.raises(Unavailable, match=r"worker \d did not start: OSError: these weights are bad") as caught:
        load(echo_spec(loader="acting:Broken"))
    assert 'acting.py", line' in caught.value.why
    assert "inline" in caught.value.fix


FORK_SERVER_DIES = """
import os, sys
os.environ.update(PYTHONPATH=os.getcwd(), DRIVER=str(os.getpid()), MARK=sys.argv[1])
sys.path.insert(0, os.getcwd())
import duomo
from duomo.testing import echo_spec, fake_catalog
catalog = fake_catalog(echo_spec(loader="fragile:Model"))
try:
    duomo.load("text-classification", executor="local", devices="cpu,cpu", catalog=catalog)
except duomo.DuomoError as error:
    print(error.code, error.what, error.why, sep="|")
"""
FRAGILE = """
import os, signal
from duomo.testing import EchoModel as Model
if os.environ["DRIVER"] != str(os.getpid()):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in Linux's /proc")
def test_a_fork_server_that_is_killed_while_it_starts_is_an_error_and_leaves_no_process(tmp_path):
    (tmp_path / "fragile.py").write_text(FRAGILE, "utf-8")
    mark = f"mark-{tmp_path.name}"
    done = script(tmp_path, FORK_SERVER_DIES, mark)
    assert done.stdout.strip().split("|") == [
        "E-UNAVAILABLE",
        "a worker process could not be started",
        "the process that starts workers ended while it started one",
    ], done.stderr
    assert not [each for each in Path("/proc").glob("[0-9]*") if mark in environment_of(each)]


def environment_of(process: Path) -> str:
    try:
        return (process / "environ").read_text("utf-8", "replace")
    except OSError:  # it has ended, or is another user's
        return ""


def test_a_worker_that_dies_while_it_loads_says_how():
    with pytest.raises(WorkerLost, match=r"worker \d did not start") as caught:
        load(echo_spec(loader="acting:Dying"))
    assert "exit code 3" in caught.value.why


def test_a_worker_that_never_finishes_loading_is_ended_and_says_where_it_hangs(monkeypatch, tmp_path):
    class Hurried(selectors.DefaultSelector):
        """Waits until both workers load, and no longer."""

        def select(self, timeout=None):
            deadline = time.monotonic() + 120
            while len(list(tmp_path.iterdir())) < 2:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            return super().select(0)

    monkeypatch.setattr("duomo.execution.pools.local.new_selector", Hurried)
    monkeypatch.setenv("DUOMO_TEST_FOLDER", str(tmp_path))
    with pytest.raises(WorkerLost, match=r"worker \d did not start") as caught:
        load(echo_spec(loader="acting:Stalling"))
    assert "more than 600 s to load the model" in caught.value.why
    assert "acting.py" in caught.value.why


def test_a_worker_with_another_version_of_the_plugin_refuses(monkeypatch):
    job = Job(echo_spec(), "text-classification", "fake/echo", None, "", "duomo 0.0.1")
    with pytest.raises(PluginBroken, match="another version of duomo") as caught:
        child.check_plugin(job)
    assert "the driver has 0.0.1, the worker" in caught.value.why
    with pytest.raises(PluginBroken, match="another version of duomo-absent"):
        child.check_plugin(job._replace(plugin="duomo-absent 1.0"))
    child.check_plugin(job._replace(plugin=f"duomo {duomo.__version__}"))
    child.check_plugin(job._replace(plugin="in-process"))


@pytest.mark.parametrize(("visible", "chosen"), [(None, "1"), ("4,6", "6"), ("GPU-a, GPU-b", "GPU-b")])
def test_a_worker_sees_its_own_gpu_only_and_knows_it_as_the_first(monkeypatch, visible, chosen):
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    name, environment = within("cuda:1", threads=3)
    assert (name, environment["CUDA_VISIBLE_DEVICES"], environment["OMP_NUM_THREADS"]) == ("cuda:0", chosen, "3")
    name, environment = within("cpu", threads=1)
    assert name == "cpu"
    assert environment.get("CUDA_VISIBLE_DEVICES") == visible


def test_an_executor_runs_one_job_and_can_start_after_a_start_that_failed():
    executor = LocalExecutor()
    with pytest.raises(Unavailable):
        duomo.load(
            "text-classification",
            executor=executor,
            catalog=fake_catalog(echo_spec(loader="acting:Broken")),
        )
    with duomo.load("text-classification", executor=executor, catalog=fake_catalog()) as runner:
        assert runner("fine").top.name == "fine"
        with pytest.raises(UsageProblem, match="already runs 'fake/echo'") as caught:
            duomo.load("text-classification", executor=executor, catalog=fake_catalog())
        assert "LocalExecutor()" in caught.value.fix


def test_workers_see_the_environment_of_now_and_each_gets_its_share_of_the_cores(monkeypatch):
    monkeypatch.setenv("DUOMO_TEST_WORD", "now")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)), raising=False)
    with load(echo_spec(loader="acting:Telling")) as runner:
        words = [outcome.unwrap().top.name for outcome in runner.map(["DUOMO_TEST_WORD", "OMP_NUM_THREADS"])]
    assert words == ["now", "3"]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with load(echo_spec(loader="acting:Telling")) as runner:
        assert runner("OMP_NUM_THREADS").top.name == "1", "what the user says goes first"


def test_a_result_that_cannot_leave_its_process_or_be_built_here_is_its_items_error():
    with load(echo_spec(loader="acting:Secretive")) as runner:
        a, sealed, b, shy, c = runner.map(["a", "sealed", "b", "shy", "c"])
        assert [outcome.unwrap().top.name for outcome in (a, b, c)] == ["a", "b", "c"]
        assert "it is sealed" in sealed.error.what
        assert "cannot be read here" in shy.error.what
        assert "it is at home elsewhere" in shy.error.why
        assert runner.executor.stats().lost == 0


def test_what_leaves_the_process_while_it_prepares_ends_it_and_not_only_a_thread_of_it():
    with load(echo_spec(loader="acting:Quitting")) as runner:
        outcomes = list(runner.map(["a", "quits", "b"]))
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert outcomes[1].error.code == "E-WORKER-LOST"
    assert "exit code 4" in outcomes[1].error.why


PLAIN = """
import duomo
from duomo.testing import fake_catalog
print("script")
runner = duomo.load("text-classification", executor="local", devices="cpu,cpu", catalog=fake_catalog())
print([outcome.unwrap().top.name for outcome in runner.map(["a", "b"])])
"""


def test_a_script_needs_no_guard_runs_once_and_ends_though_nobody_closed_the_runner(tmp_path):
    ran = script(tmp_path, PLAIN)
    assert ran.stdout.splitlines() == ["script", "['a', 'b']"], ran.stderr
    assert ran.returncode == 0
    assert ran.stderr == ""


OWN = """
import duomo
from duomo.testing import EchoModel, echo_spec, fake_catalog

class Loud(EchoModel):
    def forward(self, batch):
        print("this goes to standard error")
        return [text.upper() for text in batch]

if __name__ == "__main__":
    catalog = fake_catalog(echo_spec(loader="__main__:Loud"))
    with duomo.load("text-classification", executor="local", devices="cpu,cpu", catalog=catalog) as runner:
        print([outcome.unwrap().top.name for outcome in runner.map(["a", "b"])])
"""


def test_a_model_of_a_session_without_a_file_is_refused_in_words():
    ran = subprocess.run([sys.executable, "-c", OWN], capture_output=True, text=True, timeout=60, check=False)
    assert "did not start: model 'fake/echo' cannot be imported" in ran.stderr
    assert "a worker imports it by name" in ran.stderr


def test_a_model_of_the_script_itself_works_with_a_guard_and_prints_to_standard_error(tmp_path):
    ran = script(tmp_path, OWN)
    assert ran.stdout == "['A', 'B']\n", ran.stderr
    assert "this goes to standard error" in ran.stderr
