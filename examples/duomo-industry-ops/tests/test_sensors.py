"""The conformance suite for the sensors, and what only they know; the shuttle's readings lie in river's package."""

import csv
import gzip
import importlib.util
import itertools
from functools import cache
from pathlib import Path

import duomo
import pytest
from duomo.adapters import AuditLog, Random, verify
from duomo.testing import AdapterConformance, PluginConformance

from duomo_industry_ops.sensors import SensorAnomaly


class TestPlugin(PluginConformance):
    plugin = "ops"


class TestSensorAnomaly(AdapterConformance):
    adapter = "ops/sensor-anomaly"


@cache
def shuttle():
    """Statlog Shuttle as river packs it: 49,097 readings of nine sensors, 7.2 % anomalies; every fourth is used."""
    found = importlib.util.find_spec("river")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the data package river is not installed (pip install --no-deps river)")
    with gzip.open(Path(found.submodule_search_locations[0]) / "datasets" / "shuttle.csv.gz", "rt") as file:
        return list(itertools.islice(csv.DictReader(file), 0, None, 4))


def test_the_shuttles_anomalies_stand_out_at_the_false_alarms_that_were_chosen():
    report = SensorAnomaly().evaluate(shuttle(), Random(share=0.5))
    assert report.metrics["auroc"] > 0.995
    assert report.metrics["false_alarms"] == pytest.approx(0.01, abs=0.006)
    assert report.metrics["detected"] > 0.9
    assert report.split.startswith("Random(")


def test_the_reasons_name_the_sensor_that_is_off():
    adapter = SensorAnomaly.example()
    result = adapter({"machine": "m1", "time": "2026-05-01T00:00:00", "speed": 10.0, "heat": 120.0})
    assert result.payload.alarm
    assert result.decision.outcome == "refer"
    assert result.payload.unusual == ["heat"]
    assert "heat is rarer than one in" in result.reasons[0].text
    usual = adapter({"machine": "m1", "speed": 10.0, "heat": 60.0})
    assert (usual.payload.alarm, usual.decision.outcome) == (False, "accept")


def test_a_reading_without_a_sensor_is_stopped_and_one_that_is_no_number_is_refused():
    stopped, refused, fine = SensorAnomaly.example().map(
        [{"speed": 10.0}, {"speed": "fast", "heat": 60}, {"speed": "10", "heat": "60"}]
    )
    assert stopped.result.decision.reason == "INPUT.MISSING_COLUMN"
    assert stopped.result.findings[0].field == "heat"
    assert refused.error.what == "record '1': 'speed' is not a number"
    assert fine.ok


def test_an_adapter_that_was_not_fitted_says_how_to():
    [outcome] = duomo.adapt("ops/sensor-anomaly").map([{"speed": 1.0}])
    assert "no normal readings were given" in outcome.error.what


def test_a_fitted_one_is_used_by_name_and_leaves_a_trail(tmp_path):
    SensorAnomaly.example().save(tmp_path / "fitted")
    with duomo.adapt("ops/sensor-anomaly", artifacts=tmp_path / "fitted") as adapter:
        with AuditLog(tmp_path / "audit.log") as log:
            outcomes = list(adapter.map(SensorAnomaly.samples(), audit=log))
    assert all(each.ok for each in outcomes)
    assert outcomes[0].result.provenance.plugin == "duomo-industry-ops 1.0.0"
    assert verify(tmp_path / "audit.log").lines == len(outcomes)


def test_machines_are_judged_by_their_own_later_readings():
    rows = [{**row, "heat": row["heat"] + 40 * (at % 50 == 0), "anomaly": int(at % 50 == 0)}
            for at, row in enumerate(SensorAnomaly.samples()[:-1] * 60)]  # fmt: skip
    report = SensorAnomaly().evaluate(
        {**row, "time": f"2026-03-{1 + at // 48:02}T00:00:00"} for at, row in enumerate(rows)
    )
    assert report.split.startswith("Time(")
    assert report.metrics["auroc"] > 0.99
