"""What a server says of itself: its status, metrics, log lines and spans agree, and hold nothing of the contents."""

import asyncio
import contextlib
import io
import json
import logging
import re
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from duomo.serving.monitoring.metrics import Metrics
from duomo.serving.monitoring.observe import LOG, Observed
from duomo.serving.monitoring.recent import Recent

ONE = "/v1/tasks/text-classification"


@pytest.fixture
def log():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    LOG.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    LOG.removeHandler(handler)


def number(text: str, name: str, **labels: str) -> float:
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
            return float(found[3])
    raise AssertionError(f"no {name} {labels}")


def test_every_number_of_the_status_is_that_of_the_metrics_and_of_stats(serve, faulty):
    client = serve()
    for text in ("a", "bb", "poison", ""):
        client.post(ONE, json={"input": text})
    client.post(f"{ONE}/map", json={"items": ["x"] * 9})
    text = client.get("/metrics").text
    [model] = client.get("/-/status.json").json()["models"]
    task = {"task": "text-classification"}
    for status, count in model["requests"].items():
        assert number(text, "duomo_requests_total", status=status, **task) == count
    for code, count in model["items"].items():
        assert number(text, "duomo_items_total", code=code, **task) == count
    assert model["items"] == {"ok": 11, "E-MODEL-FAILED": 1, "E-INPUT-UNREADABLE": 1}
    assert model["requests"] == {"200": 3, "500": 1, "422": 1}
    for name, field in (
        ("duomo_queue_items", "waiting_items"),
        ("duomo_batches_total", "batches"),
        ("duomo_padding_ratio", "padding"),
        ("duomo_forward_seconds_total", "compute_s"),
        ("duomo_prepare_seconds_total", "prepare_s"),
        ("duomo_last_success_timestamp_seconds", "last_success"),
    ):
        assert number(text, name, **task) == model[field], name
    stats = faulty.executor.stats()
    assert (model["batches"], model["compute_s"], model["padding"]) == (stats.batches, stats.compute_s, stats.padding)
    batches, items = (number(text, f"duomo_batch_items_{part}", **task) for part in ("count", "sum"))
    assert (batches, model["items_per_batch"]) == (stats.batches, items / batches), "each batch counts once"
    assert number(text, "duomo_batch_items_bucket", le="+Inf", **task) == batches
    assert number(text, "duomo_batch_items_bucket", le="1024.0", **task) == batches
    assert number(text, "duomo_batch_items_bucket", le="1.0", **task) < batches, "nine items of one request"
    assert 0 < model["p50_ms"] <= model["p95_ms"] <= model["p99_ms"]


def test_the_page_of_the_status_is_one_page_without_other_servers(serve):
    reply = serve().get("/-/status")
    assert reply.headers["content-type"].startswith("text/html")
    assert "http://" not in reply.text
    assert "https://" not in reply.text


def test_a_request_is_one_line_without_its_contents(serve, log):
    client = serve()
    client.post(ONE, json={"input": "my secret"}, headers={"x-request-id": "abc-1"})
    client.post(f"{ONE}/map", json={"items": ["secret", "", "secret poison"]})
    client.get("/secret-path")
    first, second, third = log()
    assert (first["id"], first["route"], first["status"], first["items"]) == ("abc-1", "/v1/tasks/{task}", 200, 1)
    assert (second["items"], second["failed"], second["task"]) == (3, 2, "text-classification")
    assert (third["status"], third["route"]) == (404, "")
    assert first["bytes_in"] > 0
    assert first["bytes_out"] > 0
    assert "secret" not in json.dumps(log())


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é"])
def test_an_id_that_is_not_one_is_replaced(serve, given):
    reply = serve().get("/livez", headers={"x-request-id": given.encode("latin-1")})
    assert re.fullmatch("[0-9a-f]{32}", reply.headers["x-request-id"])


def test_a_request_is_a_span_of_its_caller_s_trace(serve):
    trace = pytest.importorskip("opentelemetry.trace")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    processors = pytest.importorskip("opentelemetry.sdk.trace.export")
    kept = export.InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(processors.SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    client = serve()
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    client.post(ONE, json={"input": "my secret"}, headers={"traceparent": parent})
    client.post(ONE, json={"input": "poison"})
    good, bad = kept.get_finished_spans()
    assert f"{good.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert good.name == "text-classification fake/echo"
    assert good.attributes["gen_ai.operation.name"] == "text-classification"
    assert [each.name for each in good.events] == ["queued", "batched", "computed"]
    assert bad.attributes["error.type"] == "E-MODEL-FAILED"
    assert "secret" not in str(good.attributes)


def test_a_model_whose_every_item_fails_is_not_ready_until_it_works_again(serve):
    client = serve()
    for _ in range(8):
        client.post(ONE, json={"input": "poison"})
    assert client.get("/livez").status_code == 200
    [model] = client.get("/-/status.json").json()["models"]
    assert (model["state"], model["last_error"]) == ("not ready", "E-MODEL-FAILED")
    assert "the last 8 items failed" in model["reasons"][0]
    assert client.get("/readyz").status_code == 200  # it is tried on an item that is known to be good


def test_bad_items_do_not_make_a_model_unready(serve):
    client = serve()
    for _ in range(12):
        assert client.post(ONE, json={"input": ""}).status_code == 422
    assert client.get("/-/status.json").json()["models"][0]["state"] == "ready"


@pytest.mark.parametrize(("raised", "status"), [(ClientDisconnect(), 499), (ValueError("a fault of ours"), 500)])
def test_a_fault_of_ours_is_no_client_that_has_left(log, raised, status):
    async def app(scope, receive, send):
        raise raised

    async def ask():
        scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        unused: Any = app
        with contextlib.suppress(ValueError):
            await Observed(app, metrics=Metrics())(scope, unused, unused)

    asyncio.run(ask())
    assert [line["status"] for line in log()] == [status]


def test_how_long_a_conversation_lasts_is_no_time_of_a_request(serve):
    client = serve()
    with client.websocket_connect("/v1/live/text-classification", headers={"host": "localhost"}) as opened:
        opened.send_json({"input": "a"})
        assert opened.receive_json()["ok"]
        opened.send_json({"end": True})
    assert "duomo_request_seconds_count" not in client.get("/metrics").text


def test_a_browser_gives_the_token_as_a_password(serve):
    client = serve(token="secret")
    reply = client.get("/-/status")
    assert (reply.status_code, reply.headers["www-authenticate"].partition(" ")[0]) == (401, "Basic")
    assert client.get("/-/status", auth=("anybody", "secret")).status_code == 200
    assert client.get("/-/status", auth=("anybody", "wrong")).status_code == 401


def test_the_last_minute_has_a_rate_and_quantiles():
    recent = Recent()
    for second in range(100):
        recent.add(float(second), second / 100)
    assert recent.rate(99.0) == pytest.approx(61 / 60)
    assert recent.quantiles(99.0, 0.5, 1.0) == pytest.approx([0.69, 0.99])
    assert recent.rate(1000.0) == 0.0
    assert recent.quantiles(1000.0, 0.5) == [0.0]
