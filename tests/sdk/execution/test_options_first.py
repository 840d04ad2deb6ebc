"""Options that only the model can judge: refused before any input is read, whichever way it is called."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.cli import cli
from duomo.errors import BadOption, InputMissing
from duomo.testing import fake_catalog
from duomo.testing.crews import InProcessCrew, InProcessPool
from duomo.testing.fakes import EchoModel, echo_spec

WAIT_S = 30
GONE = Path("nobody", "wrote", "this.txt")


class Picky(EchoModel):
    """Gives at most three labels, and says so when it is asked; nothing else stops it from giving more."""

    checks: ClassVar[int] = 0

    def check_options(self, options: Any) -> None:
        type(self).checks += 1
        if (options.top_k or 0) > 3:
            raise BadOption(f"option 'top_k' cannot be {options.top_k}", why="this model has 3 labels")

    def stream(self, item: Any, options: Any) -> Iterator[str]:
        yield str(item)


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> duomo.Catalog:
    monkeypatch.setattr("duomo.testing.fakes.Picky", Picky, raising=False)
    Picky.checks = 0
    return fake_catalog(echo_spec(loader="duomo.testing.fakes:Picky"))


@pytest.fixture(params=["inline", "pool"])
def runner(request: pytest.FixtureRequest, catalog: duomo.Catalog) -> Iterator[duomo.Runner[Any]]:
    executor = InProcessPool(InProcessCrew(2)) if request.param == "pool" else request.param
    with duomo.load("text-classification", executor=executor, catalog=catalog) as runner:
        yield runner


def unread() -> Iterator[str]:
    pytest.fail("the source was read")
    yield ""


CALLS: dict[str, Callable[[duomo.Runner[Any], int], Any]] = {
    "one": lambda runner, top_k: runner(GONE, top_k=top_k),
    "many": lambda runner, top_k: runner.map(unread(), top_k=top_k),
    "parts": lambda runner, top_k: runner.stream(GONE, top_k=top_k),
    "submitted": lambda runner, top_k: runner.submit("poison", top_k=top_k).result(WAIT_S).unwrap(),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_option_is_refused_before_the_input_is_opened(runner: duomo.Runner[Any], call: str) -> None:
    with pytest.raises(BadOption, match="cannot be 4"):
        CALLS[call](runner, 4)
    assert runner("fine", top_k=3).top.name == "fine", "and the model goes on"
    with pytest.raises(InputMissing):
        runner(GONE, top_k=3)


def test_a_batch_is_not_cut_in_search_of_a_culprit(runner: duomo.Runner[Any]) -> None:
    futures = [runner.submit(f"text {at}", top_k=9) for at in range(8)]
    assert {future.result(WAIT_S).error.code for future in futures} == {"E-OPTION"}
    assert runner.submit("text", top_k=1).result(WAIT_S).ok


@pytest.mark.parametrize("kind", ["inline", "pool"])
def test_options_are_looked_at_once_a_run_and_not_once_an_item(catalog: duomo.Catalog, kind: str) -> None:
    executor = InProcessPool(InProcessCrew(1)) if kind == "pool" else kind
    with duomo.load("text-classification", executor=executor, catalog=catalog) as runner:
        assert all(outcome.ok for outcome in runner.map(map(str, range(100)), top_k=2))
        assert Picky.checks == 1
        for _ in range(10):
            runner("again")
        assert Picky.checks == 2


def test_a_process_of_its_own_is_asked_before_the_source_is_read() -> None:
    pytest.importorskip("pysbd")
    with duomo.load("sentence-splitting", executor="local", devices="cpu") as runner:
        with pytest.raises(BadOption, match="language"):
            runner.map(unread(), language="klingon")
        assert len(runner("One. Two.", language="en").sentences) == 2


def test_the_command_line_says_so_and_opens_nothing(tmp_path: Path) -> None:
    pytest.importorskip("zxingcpp")
    done = CliRunner().invoke(cli, ["run", "barcode-reading", str(tmp_path / "gone.png"), "-p", "formats=QRcode"])
    assert done.exit_code == 2
    assert "option 'formats'" in done.output
    assert "gone.png" not in done.output


def test_a_server_says_what_is_wrong_with_the_option_and_not_with_the_input(catalog: duomo.Catalog) -> None:
    runner = duomo.load("text-classification", catalog=catalog)
    with TestClient(serving.app((runner,)), base_url="http://localhost") as client:
        reply = client.post("/v1/tasks/text-classification", json={"input": "poison", "options": {"top_k": 4}})
        assert reply.status_code == 400
        assert reply.json()["error"]["code"] == "E-OPTION"
        assert client.post("/v1/tasks/text-classification", json={"input": "fine", "options": {"top_k": 3}}).is_success


class Meeting:
    """Options that, while they are compared, let another thread have its own checked."""

    top_k = 1

    def __init__(self, meets: Callable[[], None]) -> None:
        self._meets = meets

    def __eq__(self, other: object) -> bool:
        meets, self._meets = self._meets, lambda: None
        meets()
        return self is other

    __hash__ = None


def test_options_are_checked_from_many_threads_at_once(catalog: duomo.Catalog) -> None:
    with duomo.load("text-classification", executor=InProcessPool(InProcessCrew(1)), catalog=catalog) as runner:

        def meets() -> None:
            other = threading.Thread(target=runner.executor.check, args=(Meeting(lambda: None),))
            other.start()
            other.join(WAIT_S)

        runner.executor.check(Meeting(meets))
        runner.executor.check(Meeting(lambda: None))
    assert Picky.checks == 3
