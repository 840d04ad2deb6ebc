"""For those who write plugins: the conformance suite, samples for every task, and fakes.

A plugin's tests are this file and whatever else its author wants to know:

    from duomo.testing import ModelConformance, PluginConformance

    class TestBirds(PluginConformance):
        plugin = "birds"

    class TestTiny(ModelConformance):
        model = "birds/tiny"

Industry adapters have a suite of their own, `AdapterConformance`.

The same checks without a file: ``duomo plugins check birds``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duomo.execution.simulate import FakeDevice, Simulation, fake_devices, simulate
    from duomo.testing.adapters import AdapterConformance
    from duomo.testing.crews import InProcessCrew, InProcessPool
    from duomo.testing.executors import ExecutorConformance
    from duomo.testing.fakes import EchoModel, FakePlugin, FaultyModel, echo_spec, fake_catalog, faulty_spec
    from duomo.testing.models import ModelConformance
    from duomo.testing.plugins import MetadataConformance, PluginConformance
    from duomo.testing.ranks import ThreadGroup, difference_when_cut
    from duomo.testing.samples import Sample, sample_for

_WHERE = {
    **dict.fromkeys(("InProcessCrew", "InProcessPool"), "duomo.testing.crews"),
    "ExecutorConformance": "duomo.testing.executors",
    "AdapterConformance": "duomo.testing.adapters",
    **dict.fromkeys(("MetadataConformance", "PluginConformance"), "duomo.testing.plugins"),
    **dict.fromkeys(
        ("EchoModel", "FakePlugin", "FaultyModel", "echo_spec", "fake_catalog", "faulty_spec"), "duomo.testing.fakes"
    ),
    "ModelConformance": "duomo.testing.models",
    **dict.fromkeys(("FakeDevice", "Simulation", "fake_devices", "simulate"), "duomo.execution.simulate"),
    **dict.fromkeys(("ThreadGroup", "difference_when_cut"), "duomo.testing.ranks"),
    **dict.fromkeys(("Sample", "sample_for"), "duomo.testing.samples"),
}

__all__ = [
    "AdapterConformance",
    "EchoModel",
    "ExecutorConformance",
    "FakeDevice",
    "FakePlugin",
    "FaultyModel",
    "InProcessCrew",
    "InProcessPool",
    "MetadataConformance",
    "ModelConformance",
    "PluginConformance",
    "Sample",
    "Simulation",
    "ThreadGroup",
    "difference_when_cut",
    "echo_spec",
    "fake_catalog",
    "fake_devices",
    "faulty_spec",
    "sample_for",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'duomo.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
