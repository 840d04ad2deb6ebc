"""``--live``: sources of the command line, outcomes with their ages, and a summary at the end."""

import contextlib
import functools
import json
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

import duomo as duomo_sdk
from tests.sdk.cli.conftest import start
from tests.sdk.inputs.live.test_growing import header
from tests.sdk.inputs.live.test_streams import save_clip

PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


@contextlib.contextmanager
def until_ctrl_c(running, code=0):
    """A command that goes on until Ctrl-C, and then tells what it received."""
    try:
        yield running
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode == code, said
        assert b"received" in said
    finally:
        running.kill()


@contextlib.contextmanager
def repeated(act):
    """Do something again and again: what comes before a source is open does not count."""
    over = threading.Event()

    def go():
        while not over.wait(0.1):
            act()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return save_clip(tmp_path_factory.mktemp("video") / "clip.mp4", frames=5)


def test_each_frame_has_an_outcome_with_its_time_and_age_and_the_end_a_summary(duomo, clip):
    done = duomo("run", "image-feature-extraction", "-m", "fake/looker", "--live", f"video:{clip}", "-o", "jsonl")
    assert done.exit_code == 0, done.stderr
    outcomes = duomo.json("run", "image-feature-extraction", "-m", "fake/looker", "--live", f"video:{clip}")
    assert [each["id"] for each in outcomes] == [f"{clip}#{at}" for at in range(5)]
    assert all(each["meta"]["age_s"] >= 0 and each["meta"]["taken"] for each in outcomes)
    assert outcomes[0]["result"]["vector"] == [64, 48]
    assert f"{clip}: 5 received" in done.stderr
    assert "s old at the median" in done.stderr


def test_one_frame_in_two_and_the_dropped_ones_are_counted(duomo, clip):
    call = ("run", "image-feature-extraction", "-m", "fake/looker", "--live", f"video:{clip}", "--drop", "every=2")
    done = duomo(*call, "-o", "jsonl")
    assert len(done.stdout.splitlines()) == 3
    assert "5 received, 2 dropped" in done.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--live", "tail:nothing.log"), "no text file at 'nothing.log'"),
        (("--live", "folder:nothing"), "no folder at 'nothing'"),
        (("--live", "rtsp://127.0.0.1:9/x"), "cannot open 'rtsp://127.0.0.1:9/x' as a video"),
        (("--live", "mqtt://127.0.0.1:9/topic"), "no broker to be used at 127.0.0.1:9"),
        (("--live", "ws://127.0.0.1:9/x"), "no websocket at 'ws://127.0.0.1:9/x'"),
        (("--live", "nothing.mp4"), "'nothing.mp4' is not a live source"),
        (("--live", "tial:x"), "Did you mean 'tail'"),
        (("--live", "tail:x", "--drop", "oldest"), "no drop policy"),
        (("--live", "tail:x", "-t", "text"), "do not go together"),
        (("--live", "tail:x", "--dry-run"), "--live does not take --dry-run"),
        (("--live", "tail:x", "--resume", "-O", "out.jsonl"), "--live does not take --resume"),
    ],
)
def test_what_is_not_there_or_does_not_go_together_is_said(duomo, args, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = duomo("run", "text-classification", "-m", "fake/echo", *args)
    assert done.exit_code in (1, 2)
    assert said in done.stderr


@pytest.mark.multiproc
def test_lines_of_a_growing_file_come_as_they_are_written_until_ctrl_c(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("before\n")
    call = ("run", "text-classification", "-m", "fake/echo", "--live", f"tail:{log}", "-o", "jsonl")
    with (
        until_ctrl_c(start(*call, **PIPES)) as running,
        open(log, "ab", buffering=0) as writer,
        repeated(lambda: writer.write(b"a line\n")),
    ):
        assert b"a line" in running.stdout.readline()


@pytest.mark.multiproc
def test_an_adapter_judges_records_as_a_file_grows_until_ctrl_c(tmp_path):
    """Each record is a line of JSON; one that is none is an outcome with an error."""
    log = tmp_path / "readings.jsonl"
    log.write_text("")
    call = ("adapt", "fake/thermometer", "--live", f"tail:{log}", "-o", "jsonl")
    with until_ctrl_c(start(*call, **PIPES), code=3) as running:  # some records fail
        lines = b'{"machine": "m1", "celsius": 20}\nnot JSON\n{"machine": "m2", "celsius": -300}\n'
        with open(log, "ab", buffering=0) as writer, repeated(lambda: writer.write(lines)):
            judged, broken, refused = (json.loads(running.stdout.readline()) for _ in range(3))
        assert judged["result"]["payload"]["excess"] == -50
        assert judged["meta"]["age_s"] >= 0
        assert not broken["ok"]
        assert "JSON" in broken["error"]["what"] + broken["error"]["why"]
        assert refused["result"]["payload"] is None
        assert refused["result"]["findings"][0]["code"] == "UNITS.MISMATCH"


@pytest.mark.embedded
@pytest.mark.multiproc
@pytest.mark.slow
def test_a_recording_that_goes_on_has_partials_before_its_end_and_then_a_final(tmp_path):
    from duomo.testing.samples import RATE

    speech = duomo_sdk.run("text-to-speech", "The train to Manchester leaves from platform four, and it is late.")
    samples = duomo_sdk.Audio.accept(speech.wav).samples(RATE)
    half = int(0.7 * len(samples))
    data = [(part * 32767).astype("<i2").tobytes() for part in (samples[:half], samples[half:])]
    path = tmp_path / "call.wav"
    path.write_bytes(header(RATE))
    models = ("-m", "speech/whisper-tiny.en")
    call = ("run", "automatic-speech-recognition", *models, "--live", f"growing:{path}", "-o", "jsonl")
    with until_ctrl_c(subprocess.Popen([sys.executable, "-m", "duomo", *call], **PIPES)) as running:
        with open(path, "ab", buffering=0) as writer:
            writer.write(data[0])
            events = [json.loads(running.stdout.readline())]
            while events[-1]["kind"] != "partial":
                events.append(json.loads(running.stdout.readline()))
            writer.write(data[1] + bytes(4 * RATE))  # two seconds of silence end the turn
            while events[-1]["kind"] != "speech_stopped":
                events.append(json.loads(running.stdout.readline()))
        kinds = [each["kind"] for each in events]
        assert kinds[0] == "speech_started"
        assert kinds.count("final") == 1
        final = events[kinds.index("final")]
        assert "train" in final["text"]
        assert "late" in final["text"]
        partial = events[kinds.index("partial")]
        assert partial["end"] <= half / RATE + 0.01 < final["end"]
        assert "late" not in partial["text"], "it was given before that was said"


@pytest.mark.embedded
@pytest.mark.multiproc
@pytest.mark.slow
def test_an_adapter_takes_records_from_a_broker_until_ctrl_c(request):
    pytest.importorskip("amqtt.broker")
    publisher = pytest.importorskip("paho.mqtt.publish")
    from tests.sdk.inputs.live.test_broker import Broker

    broker = Broker()
    broker.start()
    request.addfinalizer(broker.stop)
    source = f"mqtt://127.0.0.1:{broker.port}/ward/%23"
    call = ("adapt", "medical/note-deid", "--live", source, "-o", "jsonl")
    with until_ctrl_c(subprocess.Popen([sys.executable, "-m", "duomo", *call], **PIPES)) as running:
        record = json.dumps({"id": "n1", "text": "Seen by Dr. Ada Lovelace on 12 May 2024."})
        message = functools.partial(publisher.single, "ward/7", record, qos=1, hostname="127.0.0.1", port=broker.port)
        with repeated(message):
            outcome = json.loads(running.stdout.readline())
        assert outcome["ok"], outcome
        assert "Lovelace" not in json.dumps(outcome["result"])
        assert outcome["id"] == "ward/7"
        assert outcome["meta"]["age_s"] >= 0
