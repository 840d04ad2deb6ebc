"""Adapters of manufacturing and transport take records from a broker, as a stranger's package has them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from duomo.inputs.live import Feed, Mqtt
from duomo.live import follow

pytest.importorskip("amqtt.broker")

from tests.sdk.inputs.live.test_broker import port, publish, running  # noqa: F401 - fixtures of what may not be here

EXAMPLE = Path(__file__).parents[3] / "examples" / "duomo-industry-ops"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield
    for name in [each for each in sys.modules if each.startswith("duomo_industry_ops")]:
        del sys.modules[name]


def outcomes_of(adapter, port, publish, messages):  # noqa: F811 - the values of the fixtures
    """One outcome a message, in order; each is published when the one before has come back."""
    with adapter, Feed([Mqtt("127.0.0.1", "line/#", port=port)]) as feed:
        publish("line/1", messages[0])

        def arrivals():
            for arrival in feed:
                payload: Any = arrival and arrival.value
                yield arrival if arrival is None else arrival._replace(value=json.loads(payload))

        found = []
        for outcome in follow(adapter, arrivals()):
            found.append(outcome)
            if len(found) == len(messages):
                return found
            publish("line/1", messages[len(found)])
    return found


def test_readings_of_a_machine_alarm_as_they_come(port, publish):  # noqa: F811 - fixtures
    from duomo_industry_ops.sensors import SensorAnomaly

    normal = {"machine": "m0", "time": "2026-05-01T00:00:00", "speed": 10.0, "heat": 60.0}
    readings = [
        normal,
        {**normal, "heat": 95.0},
        {"machine": "m0", "time": "2026-05-01T00:10:00", "speed": 10.0},
        normal,
    ]
    found = outcomes_of(SensorAnomaly.example(), port, publish, [json.dumps(each) for each in readings])
    assert [each.ok and each.result.payload is not None and each.result.payload.alarm for each in found] == [
        *(False, True, False, False)
    ]
    assert found[1].id == "line/1"
    assert found[1].meta.age_s is not None


def test_passengers_are_forecast_from_counts_that_a_broker_sends(port, publish):  # noqa: F811 - fixtures
    from duomo_industry_ops.demand import Demand

    day = {"date": "2025-12-01", "line": "", "past": [9.0, 9.1, 9.0, 8.9, 9.0]}
    found = outcomes_of(Demand.example(), port, publish, [json.dumps(day), json.dumps({**day, "past": [9.0]})])
    assert found[0].ok
    assert found[0].result.payload.low < found[0].result.payload.expected < found[0].result.payload.high
    assert not found[1].ok
