"""A candidate is compared on a share of the traffic, takes over, and goes again, and nobody's request is lost."""

import asyncio
import itertools
import json
import random
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from starlette.testclient import TestClient

import duomo
from duomo import serving
from duomo.errors import UsageProblem
from duomo.nearest import edits
from duomo.serving.hosted import Hosted
from duomo.serving.monitoring.drift import Windows
from duomo.serving.monitoring.metrics import Metrics
from duomo.serving.upgrading.compare import Differences, cosine
from duomo.serving.upgrading.shadow import MOST_FLYING, Leisure, Shadow
from duomo.tasks.results import Classification, Embedding
from duomo.testing import EchoModel, echo_spec, fake_catalog, faulty_spec
from tests.sdk.serving import fakes

ONE = "/v1/tasks/text-classification"
PLACE = "/-/models/text-classification"
WRITING = "text-generation"
ADMIN = {"authorization": "Bearer operator"}


class LoudModel(EchoModel):
    """Another head: what is loud comes back in capitals."""

    def forward(self, batch):
        return [text.upper() if "loud" in text else text for text in super().forward(batch)]


CATALOG = fake_catalog(faulty_spec(), echo_spec("fake/loud", loader=f"{__name__}:LoudModel"))


@pytest.fixture
def client(serve):
    runner = duomo.load("text-classification", "fake/echo", catalog=CATALOG)
    return serve(runner, admin_token="operator", catalog=CATALOG, candidates=["text-classification=fake/loud"])


def ask(client, text: str) -> str:
    reply = client.post(ONE, json={"input": text})
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]["labels"][0]["name"]


def settled(client, num):
    """The report once so many items were compared."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        report = client.get(f"{PLACE}/shadow", headers=ADMIN).json()
        if report["items"] + report["skipped"] + report["failed_both"] >= num:
            return report
        time.sleep(0.01)
    raise AssertionError(report)


def test_a_candidate_is_reported_with_the_number_of_labels_that_change(client):
    reply = client.post(f"{PLACE}/shadow", json={"model": "fake/loud", "share": 1.0}, headers=ADMIN)
    assert reply.json()["compares"] == "fake/loud"
    for at in range(40):
        text = f"loud {at}" if at % 4 == 0 else f"soft {at}"
        assert ask(client, text) == text  # nobody sees the candidate's answers
    client.post(ONE, json={"input": "poison"})
    report = settled(client, 41)
    assert report["items"] == 40 - report["skipped"]
    assert report["skipped"] == 0
    assert (report["labels_changed"], report["changed_share"], report["failed_both"]) == (10, 0.25, 1)
    assert report["candidate_ms"] > 0
    assert client.delete(f"{PLACE}/shadow", headers=ADMIN).json()["compares"] is None
    assert client.get(f"{PLACE}/shadow", headers=ADMIN).status_code == 400


def test_a_share_of_the_traffic_is_that_share(client):
    client.post(f"{PLACE}/shadow", json={"model": "fake/loud", "share": 0.25}, headers=ADMIN)
    for at in range(40):
        ask(client, f"soft {at}")
    assert settled(client, 10)["items"] == 10


def test_promotion_and_rollback_change_who_answers(client):
    client.post(f"{PLACE}/shadow", json={"model": "fake/loud"}, headers=ADMIN)
    assert client.post(f"{PLACE}/promote", headers=ADMIN).json()["serves"] == "fake/loud"
    assert ask(client, "loud") == "LOUD"
    assert client.get("/v1/tasks").json()["tasks"] == [{"task": "text-classification", "model": "fake/loud"}]
    assert client.post(f"{PLACE}/rollback", headers=ADMIN).json()["serves"] == "fake/echo"
    assert ask(client, "loud") == "loud"


def test_no_request_is_lost_while_models_are_exchanged(client):
    stop, answers = threading.Event(), []

    def keep_asking() -> None:
        while not stop.is_set():
            answers.append(ask(client, "loud naps"))

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(keep_asking) for _ in range(8)]
        for name in ("fake/loud", "fake/echo") * 4:
            seen, deadline = len(answers), time.monotonic() + 60
            while len(answers) < seen + 10:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            assert client.post(f"{PLACE}/swap", json={"model": name}, headers=ADMIN).status_code == 200
        stop.set()
        for each in asking:
            each.result()
    assert {"loud naps", "LOUD NAPS"} == set(answers)


def test_a_stream_ends_on_the_model_it_began_with_and_new_requests_go_to_the_next():
    """Twelve more are asked while the models are exchanged, and none is lost."""
    gate = fakes.GATES["two"] = threading.Event()
    live = fakes.load("text-generation")
    app = serving.app([live], admin_token="operator", catalog=fakes.CATALOG, candidates=[f"{WRITING}=fake/shouter"])
    chat = {"messages": [{"role": "user", "content": "one two three"}], "stream": True}
    others = {"messages": [{"role": "user", "content": "hello"}]}

    async def exchange():
        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60)
        async with client, app.router.lifespan_context(app):

            async def ask():
                answer = (await client.post("/v1/chat/completions", json=others)).json()
                return answer["choices"][0]["message"]["content"]

            streaming = asyncio.create_task(client.post("/v1/chat/completions", json=chat))
            hosted = app.state.hosted[WRITING]
            while not hosted.lease().users:
                await asyncio.sleep(0.001)
            before = [asyncio.create_task(ask()) for _ in range(4)]
            swap = asyncio.create_task(
                client.post(f"/-/models/{WRITING}/swap", json={"model": "fake/shouter"}, headers=ADMIN)
            )
            during = [asyncio.create_task(ask()) for _ in range(4)]
            assert (await swap).status_code == 200
            after = [asyncio.create_task(ask()) for _ in range(4)]
            assert not streaming.done()
            gate.set()
            said = [json.loads(each[6:]) for each in (await streaming).text.split("\n\n") if each[6:7] == "{"]
            answers = [await asyncio.gather(*each) for each in (before, during, after)]
            return "".join(each["choices"][0]["delta"].get("content", "") for each in said), said[-1]["model"], answers

    text, model, (before, during, after) = asyncio.run(exchange())
    assert (text, model) == ("one two three", "fake/writer")
    assert after == ["hello!"] * 4
    assert {*before, *during} <= {"hello", "hello!"}
    with pytest.raises(UsageProblem, match="is closed"):
        live("x")


def test_only_models_that_were_named_at_the_start_may_take_over(client):
    for name in ("dir:/tmp", "hf:org/model", "nlp/vader", ""):
        reply = client.post(f"{PLACE}/swap", json={"model": name}, headers=ADMIN)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "E-MODEL-UNKNOWN")
    near = client.post(f"{PLACE}/swap", json={"model": "fake/lowd"}, headers=ADMIN).json()["error"]
    assert "'fake/loud'" in near["why"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"model": "fake/loud", "share": 2}, 400), ({"model": "fake/loud", "share": True}, 400),
     ({"model": "fake/loud", "shar": 0.5}, 400)],
)  # fmt: skip
def test_a_share_that_is_none_is_refused(client, body, status):
    assert client.post(f"{PLACE}/shadow", json=body, headers=ADMIN).status_code == status


def test_a_slip_in_a_name_does_not_end_what_is_compared(client):
    assert client.post(f"{PLACE}/shadow", json={"model": "fake/loud", "share": 1}, headers=ADMIN).status_code == 200
    assert client.post(f"{PLACE}/shadow", json={"model": "fake/lowd"}, headers=ADMIN).status_code == 404
    assert client.get(f"{PLACE}/shadow", headers=ADMIN).json()["model"] == "fake/loud"


def test_a_candidate_that_is_compared_at_the_end_of_the_server_is_closed():
    runner = duomo.load("text-classification", "fake/echo", catalog=CATALOG)
    app = serving.app([runner], admin_token="operator", catalog=CATALOG, candidates=["text-classification=fake/loud"])
    loaded = []
    with pytest.MonkeyPatch.context() as patch, TestClient(app, base_url="http://localhost") as client:
        patch.setattr("duomo.serving.upgrading.admin.Shadow", lambda *given: loaded.append(given) or Shadow(*given))
        client.post(f"{PLACE}/shadow", json={"model": "fake/loud"}, headers=ADMIN)
    [(candidate, *_)] = loaded
    with pytest.raises(UsageProblem, match="is closed"):
        candidate("text")


def test_a_model_that_is_named_where_none_counts_is_refused(client):
    client.post(f"{PLACE}/shadow", json={"model": "fake/loud"}, headers=ADMIN)
    for act in ("promote", "rollback"):
        reply = client.post(f"{PLACE}/{act}", json={"model": "fake/other"}, headers=ADMIN)
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "E-OPTION")
    assert client.get("/-/models", headers=ADMIN).json()["text-classification"]["serves"] == "fake/echo"


@pytest.mark.parametrize("act", ["promote", "rollback", "explode"])
def test_what_cannot_be_done_is_said(client, act):
    assert client.post(f"{PLACE}/{act}", headers=ADMIN).status_code == 400


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Bearer secret"])
def test_the_operator_has_a_token_of_his_own(serve, faulty, given):
    client = serve(faulty, token="secret", admin_token="operator")
    headers = {"authorization": given} if given else {}
    assert client.get("/-/models", headers=headers).status_code == 401
    assert client.post(f"{PLACE}/swap", json={"model": "fake/echo"}, headers=headers).status_code == 401
    assert client.get("/-/models", headers=ADMIN).status_code == 200
    assert client.get("/v1/tasks", headers=ADMIN).status_code == 401


def test_without_an_operator_nobody_exchanges_models(serve):
    assert serve().post(f"{PLACE}/swap", json={"model": "fake/echo"}).status_code == 403


def test_a_candidate_that_is_not_there_is_named_at_the_start(faulty):
    with pytest.raises(duomo.DuomoError, match="fake/lout"):
        serving.app([faulty], catalog=CATALOG, candidates=["text-classification=fake/lout"])
    with pytest.raises(duomo.DuomoError, match="fill-mask"):
        serving.app([faulty], catalog=CATALOG, candidates=["fill-mask=fake/loud"])


def test_differences_are_counted_by_the_kind_of_result():
    found = Differences()
    found.add(Embedding(vector=[1.0, 0.0]), Embedding(vector=[1.0, 0.0]))
    found.add(Embedding(vector=[1.0, 0.0]), Embedding(vector=[0.0, 1.0]))
    assert (found.record()["changed"], found.record()["cosine_least"]) == (1, 0.0)
    assert cosine([3.0, 4.0], [6.0, 8.0]) == pytest.approx(1.0)
    assert edits("the cat sat".split(), "a cat sat down".split()) == 2
    assert edits([], ["a"]) == 1
    labels = Differences()
    labels.add(Classification(labels=[]), Classification(labels=[]))
    assert labels.record()["changed"] == 0


def test_a_candidate_that_breaks_or_hangs_is_counted_and_holds_nobody_up(faulty):
    hangs = duomo.load("text-classification", "fake/echo", catalog=CATALOG)
    breaks = duomo.load("text-classification", "fake/echo", catalog=CATALOG)
    never: Future = Future()

    def fails(*_, **__):
        raise ZeroDivisionError

    breaks.submit = fails  # type: ignore[method-assign]
    hangs.submit = lambda *_, **__: never  # type: ignore[method-assign]
    outcome = faulty.submit("x").result()

    async def compare():
        broken, hung = Shadow(breaks, 1.0, 0), Shadow(hangs, 1.0, 0)
        for shadow in (broken, hung):
            shadow.answered("x", {}, outcome)
        while not broken.report()["failed_candidate_only"]:
            await asyncio.sleep(0.001)
        await asyncio.wait_for(hung.stop(), 20)
        assert hung.report()["items"] == 0

    asyncio.run(asyncio.wait_for(compare(), 60))


def mean_wait(rate, shadowed, num=10_000):
    """Seconds from a live item's coming to its answer, on a virtual clock; it takes .02 s, as a candidate's does."""
    dice, leisure, now, took, waiting, due = random.Random(0), Leisure(0.0), 0.0, 0.0, deque(), 0
    comes = list(itertools.accumulate(dice.expovariate(rate) for _ in range(num)))
    comes.reverse()
    while comes or waiting:
        while comes and comes[-1] <= now:
            waiting.append(comes.pop())
        if waiting:
            now += 0.02
            took += now - waiting.popleft()
            due = min(MOST_FLYING, due + shadowed)
        elif due and leisure.may_begin(now, len(waiting)):
            now, due = now + 0.02, due - 1
            leisure.took(0.02)
        else:
            now = min(now + 0.005, comes[-1]) if due and comes else comes[-1] if comes else now + 0.005
    return took / num


@pytest.mark.parametrize("rate", [1.0, 10.0, 25.0, 40.0])
def test_a_candidate_that_is_compared_on_every_item_costs_a_live_one_a_twentieth_of_its_time_at_most(rate):
    assert mean_wait(rate, 1) <= 1.05 * mean_wait(rate, 0)


def test_a_candidate_has_a_twentieth_of_the_time_and_only_while_nothing_waits():
    leisure, now, begun = Leisure(0.0), 0.0, 0
    assert not leisure.may_begin(0.0, 1)
    while now < 1000:
        if leisure.may_begin(now, 0):
            leisure.took(0.1)
            begun += 1
        now += 0.1
    assert begun == pytest.approx((1 + 0.05 * 1000) / 0.1, rel=0.01)


def test_drift_is_measured_against_the_windows_of_the_model_that_answers(tmp_path):
    runner = duomo.load("text-classification", "fake/echo", catalog=CATALOG)
    loud = duomo.load("text-classification", "fake/loud", catalog=CATALOG)
    hosted = Hosted(runner, Metrics(), windows=Windows("text-classification", tmp_path))
    first = hosted.drift

    async def swap():
        for _ in range(500):
            hosted.drift.observe({"input_size": 1.0})
        hosted.swap(loud)
        assert not hosted.drift.has_reference
        for _ in range(500):
            hosted.drift.observe({"input_size": 2.0})
        hosted.swap(duomo.load("text-classification", "fake/echo", catalog=CATALOG))
        assert hosted.drift is first

    asyncio.run(swap())
    assert len(list(tmp_path.iterdir())) == 2
    again = Windows("text-classification", tmp_path)
    assert again.of(runner.meta).has_reference
    assert not Windows("feature-extraction", tmp_path).of(runner.meta).has_reference
