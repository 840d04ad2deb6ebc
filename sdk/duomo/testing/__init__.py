"""For those who write plugins: the conformance suite, samples for every task, and fakes.

A plugin's tests are this file and whatever else its author wants to know:

    from duomo.testing import ModelConformance, PluginConformance

    class TestBirds(PluginConformance):
        plugin = "birds"

    class TestTiny(ModelConformance):
        model = "birds/tiny"

Industry adapters have a suite of their own, `AdapterConformance`, and so have models that can be trained,
`TrainableConformance`.

The same checks without a file: ``duomo plugins check birds``.
"""

from typing import TYPE_CHECKING

from duomo.lazy import face

if TYPE_CHECKING:
    from duomo.execution.pools.simulate import (
        FakeDevice as FakeDevice,
        Simulation as Simulation,
        fake_devices as fake_devices,
        simulate as simulate,
    )
    from duomo.testing.adapters import AdapterConformance as AdapterConformance
    from duomo.testing.crews import InProcessCrew as InProcessCrew, InProcessPool as InProcessPool
    from duomo.testing.executors import ExecutorConformance as ExecutorConformance
    from duomo.testing.fakes import (
        EchoModel as EchoModel,
        FakePlugin as FakePlugin,
        FaultyModel as FaultyModel,
        echo_spec as echo_spec,
        fake_catalog as fake_catalog,
        faulty_spec as faulty_spec,
    )
    from duomo.testing.models import ModelConformance as ModelConformance
    from duomo.testing.plugins import MetadataConformance as MetadataConformance, PluginConformance as PluginConformance
    from duomo.testing.ranks import ThreadGroup as ThreadGroup, difference_when_cut as difference_when_cut
    from duomo.testing.samples import Sample as Sample, sample_for as sample_for
    from duomo.testing.trainables import TrainableConformance as TrainableConformance

face(
    __name__,
    {
        "duomo.execution.pools.simulate": "FakeDevice Simulation fake_devices simulate",
        "duomo.testing.adapters": "AdapterConformance",
        "duomo.testing.crews": "InProcessCrew InProcessPool",
        "duomo.testing.executors": "ExecutorConformance",
        "duomo.testing.fakes": "EchoModel FakePlugin FaultyModel echo_spec fake_catalog faulty_spec",
        "duomo.testing.models": "ModelConformance",
        "duomo.testing.plugins": "MetadataConformance PluginConformance",
        "duomo.testing.ranks": "ThreadGroup difference_when_cut",
        "duomo.testing.samples": "Sample sample_for",
        "duomo.testing.trainables": "TrainableConformance",
    },
)
