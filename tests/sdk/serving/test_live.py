"""The websocket: partials and finals of speech, parts of a text, and messages of the wrong kind."""

import asyncio
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

import duomo
from duomo.outcome import outcome_of
from duomo.serving.hosted import Hosted
from duomo.serving.live.socket import Hearing, LiveRoutes
from duomo.serving.live.turns import FRAME_S, Turns
from duomo.serving.monitoring.metrics import Metrics
from duomo.serving.wire import WireLimits
from duomo.tasks.results import Classification
from duomo.tasks.speech import Transcript
from duomo.testing import EchoModel, echo_spec, fake_catalog
from duomo.testing.samples import voice

RATE = 16_000


class HearingModel(EchoModel):
    """Writes down how long a recording is."""

    @staticmethod
    def estimate(item):
        return 1

    def preprocess(self, items, options):
        return [{"text": f"{len(each.samples(RATE)) / RATE:.1f}"} for each in items]

    def collate(self, features):
        return [each["text"] for each in features]

    def postprocess(self, output, features, options):
        return [Transcript(text=text, segments=[]) for text in output]


@pytest.fixture
def socket(serve):
    """Opens a websocket of a task; speech is heard by the fake above."""
    hearing = echo_spec("fake/ear", task="automatic-speech-recognition", loader=f"{__name__}:HearingModel")
    catalog = fake_catalog(echo_spec(), hearing)
    runners = [
        duomo.load("text-classification", "fake/echo", catalog=catalog),
        duomo.load("automatic-speech-recognition", "fake/ear", catalog=catalog),
    ]
    client = serve(*runners)

    def connect(task):
        return client.websocket_connect(f"/v1/live/{task}", headers={"host": "localhost"})

    connect.client = client  # type: ignore[attr-defined]
    return connect


def recording() -> np.ndarray:
    """Silence, 1.5 s of speech, a pause of a second, 0.8 s of speech, silence."""
    quiet = 0.001 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    return np.concatenate([quiet, voice(120, 1.5), quiet, voice(200, 0.8), quiet])


def pcm(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def events_of(opened):
    found: list = []
    while not found or found[-1]["type"] not in ("done", "error"):
        found.append(json.loads(opened.receive_text()))
    return found


def test_speech_comes_back_turn_by_turn(socket):
    sent = pcm(recording())
    with socket("automatic-speech-recognition") as opened:
        opened.send_json({"sampling_rate": RATE})
        for at in range(0, len(sent), 1600):
            opened.send_bytes(sent[at : at + 1600])
        opened.send_json({"end": True})
        events = events_of(opened)
    kinds = [each["type"] for each in events if each["type"] != "partial"]
    assert sorted(kinds) == sorted([*["speech_started", "speech_stopped", "final"] * 2, "done"])
    finals = [each for each in events if each["type"] == "final"]
    assert finals[0]["start"] == pytest.approx(0.8, abs=0.35)
    assert finals[1]["start"] == pytest.approx(3.3, abs=0.35)
    assert kinds.index("speech_started") < kinds.index("speech_stopped") < kinds.index("final")


def test_turns_are_found_however_the_stream_is_cut():
    whole = recording()
    found: list = []
    for size in (160, 1000, 16_000):
        turns = Turns(RATE)
        over = [turn for at in range(0, len(whole), size) for turn in turns.feed(whole[at : at + size])]
        found.append([(turn.start, turn.end, len(turn.samples)) for turn in over])
        assert turns.end() is None
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 2


def test_noise_is_no_speech_and_a_turn_without_end_is_cut():
    dice = np.random.default_rng(1)
    turns = Turns(RATE)
    assert list(turns.feed((0.003 * dice.standard_normal(5 * RATE)).astype(np.float32))) == []
    assert turns.now() is None
    turns = Turns(RATE)
    [cut, *_] = turns.feed(np.concatenate([np.zeros(RATE, np.float32), voice(120, 40.0)]))
    assert cut.end - cut.start <= 25.0 + FRAME_S


def test_a_turn_begins_and_ends_however_much_of_it_one_message_holds(socket):
    with socket("automatic-speech-recognition") as opened:
        opened.send_json({"sampling_rate": RATE})
        opened.send_bytes(pcm(recording()))
        opened.send_json({"end": True})
        kinds = [each["type"] for each in events_of(opened) if each["type"] in ("speech_started", "speech_stopped")]
    assert kinds == ["speech_started", "speech_stopped"] * 2


def test_a_turn_is_where_it_is_at_a_rate_that_frames_do_not_divide():
    rate, at_s = 8049, 120
    turns = Turns(rate)
    quiet = np.zeros(at_s * rate, np.float32)
    [turn] = turns.feed(np.concatenate([quiet, voice(120, 1.0)[: rate // 2], quiet[: 2 * rate]]))
    assert turn.start == pytest.approx(at_s, abs=0.4)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"sampling_rate": 7}, None),
        ({"sampling_rate": "fast"}, None),
        ({}, "hello"),
        ({}, '"hello"'),
        ({}, '{"text": "hello"}'),
        ({}, b"odd"),
        ({"options": {"languag": "en"}}, None),
        ({"option": {}}, None),
    ],
)
def test_a_message_of_another_kind_is_named_and_ends_the_recording(socket, head, message):
    with socket("automatic-speech-recognition") as opened:
        opened.send_json(head)
        if isinstance(message, bytes):
            opened.send_bytes(message)
        elif message is not None:
            opened.send_text(message)
        [*_, error] = events_of(opened)
        assert set(error["error"]) == {"code", "what", "why", "fix"}
        assert error["error"]["what"] == "a text came where speech is expected" or not isinstance(message, str)
        with pytest.raises(WebSocketDisconnect) as closed:
            opened.receive_text()
        assert closed.value.code == 1003


def test_speech_that_has_come_is_written_down_when_the_server_is_shut_down(socket):
    live = socket.client.app.state.live
    with socket("automatic-speech-recognition") as opened, ThreadPoolExecutor(1) as pool:
        opened.send_json({"sampling_rate": RATE})
        opened.send_bytes(pcm(recording()[: 2 * RATE]))  # in the middle of a turn
        assert json.loads(opened.receive_text())["type"] == "speech_started"
        draining = pool.submit(opened.portal.call, live.drain)
        events = events_of(opened)
        assert [each["type"] for each in events if each["type"] != "partial"] == ["speech_stopped", "final", "done"]
        with pytest.raises(WebSocketDisconnect) as closed:
            opened.receive_text()
        assert closed.value.code == 1012
        draining.result(30)


def test_every_other_task_answers_message_by_message(socket):
    with socket("text-classification") as opened:
        for text in ("a", "", "b"):
            opened.send_json({"input": text, "options": {"top_k": 1}})
        answers = [json.loads(opened.receive_text()) for _ in range(3)]
        assert [each["ok"] for each in answers] == [True, False, True]
        assert Classification(**answers[2]["result"]).top.name == "b"
        opened.send_json({"input": "a", "options": {"topk": 1}})
        assert json.loads(opened.receive_text())["error"]["code"] == "E-OPTION"
        for more, code in (
            ({"option": {}}, "E-OPTION"),
            ({"deadline_s": 0}, "E-DEADLINE"),
            ({"model": "b"}, "E-MODEL-UNKNOWN"),
        ):
            opened.send_json({"input": "a", **more})
            assert json.loads(opened.receive_text())["error"]["code"] == code
        opened.send_bytes(b"a")
        assert "bytes came" in json.loads(opened.receive_text())["error"]["what"]


def test_an_unknown_task_is_named(socket):
    with socket("text-clasification") as opened:
        assert "'text-classification'" in json.loads(opened.receive_text())["error"]["why"]
        with pytest.raises(WebSocketDisconnect):
            opened.receive_text()


def test_what_a_client_has_left_is_taken_back_before_it_is_answered():
    """It has sent two items, and leaves while the second waits."""
    task, begun, asked, given = "text-classification", threading.Semaphore(0), [], iter("ab")
    runner = duomo.load(task, "fake/echo", catalog=fake_catalog(echo_spec()))

    def submit(item, **_):
        asked.append((item, Future()))
        begun.release()
        return asked[-1][1]

    runner.submit = submit  # type: ignore[method-assign]

    class Socket:
        path_params, scope = {"task": task}, {"headers": [], "query_string": b""}

        async def accept(self):
            pass

        async def send_text(self, text):
            assert json.loads(text)["ok"]

        async def receive(self):
            for text in given:
                return {"type": "websocket.receive", "text": json.dumps({"input": text})}
            assert await asyncio.to_thread(lambda: begun.acquire(timeout=30) and begun.acquire(timeout=30))
            return {"type": "websocket.disconnect", "code": 1001}

    async def converse():
        hosted = Hosted(runner, Metrics())
        talking = asyncio.create_task(LiveRoutes({task: hosted}, WireLimits()).live(Socket()))  # type: ignore[arg-type]
        while not asked:
            await asyncio.sleep(0.001)
        asked[0][1].set_result(outcome_of(0, "0", runner("a"), None, runner.meta))
        await asyncio.wait_for(talking, 30)
        assert hosted.metrics.value("duomo_cancelled_total", task) == 1
        assert hosted.admission.waiting_items == 0

    asyncio.run(converse())
    assert [(item, future.cancelled()) for item, future in asked] == [("a", False), ("b", True)]


def test_a_foreign_page_opens_no_websocket(serve):
    with (
        pytest.raises(WebSocketDisconnect),
        serve().websocket_connect("/v1/live/text-classification", headers={"origin": "http://evil.example"}),
    ):
        pass


def test_others_are_answered_while_a_message_of_a_minute_is_heard():
    ear = echo_spec("fake/ear", task="automatic-speech-recognition", loader=f"{__name__}:HearingModel")
    runner = duomo.load("automatic-speech-recognition", "fake/ear", catalog=fake_catalog(ear))
    given: list[dict[str, object]] = [{"text": "{}"}, {"bytes": bytes(2 * 60 * RATE)}, {"text": '{"end": true}'}]
    turns = 0

    class Socket:
        async def receive(self):
            return {"type": "websocket.receive", **given.pop(0)}

        async def send_text(self, text):
            assert text == '{"type": "done"}'

    async def hear():
        nonlocal turns
        hearing = asyncio.create_task(
            Hearing(Socket(), Hosted(runner, Metrics()), WireLimits(), asyncio.Event()).listen()  # type: ignore[arg-type]
        )
        while not hearing.done():
            turns += 1
            await asyncio.sleep(0)
        hearing.result()

    asyncio.run(hear())
    assert turns >= 60
