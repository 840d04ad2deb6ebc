"""What this plugin adds; nothing heavy is imported here."""

from collections.abc import Iterable

from duomo import AdapterSpec, Hooks, hookimpl

SENSOR_ANOMALY = AdapterSpec(
    name="ops/sensor-anomaly",
    target="duomo_industry_ops.sensors:SensorAnomaly",
    summary="which readings of a machine are unlike its normal ones, and by which sensors",
    industry="manufacturing",
    disclaimer="Supports the work of people who know the machine; an alarm is a reason to look, not a diagnosis.",
    intended_use="ordering readings for inspection, at a rate of false alarms that is chosen beforehand",
    not_for=("stopping or starting a machine", "safety functions", "machines it was not fitted on"),
    inputs=("csv", "jsonl", "parquet"),
    risk="limited",
)
DEMAND = AdapterSpec(
    name="ops/demand",
    target="duomo_industry_ops.demand:Demand",
    summary="passengers of a line two weeks ahead, with an interval",
    industry="transport",
    disclaimer="Supports planning; an interval covers what it promises only while things go on as they did.",
    intended_use="planning crews and cars two weeks ahead",
    not_for=("closures and events that were not entered", "new lines", "the day itself"),
    inputs=("csv", "jsonl", "parquet"),
)


class Ops(Hooks):
    """Two adapters."""

    @hookimpl
    def register_adapters(self) -> Iterable[AdapterSpec]:
        yield SENSOR_ANOMALY
        yield DEMAND


plugin = Ops()
