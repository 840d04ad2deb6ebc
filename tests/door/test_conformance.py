"""The conformance suite finds each fault it is there for, and cannot be silenced."""

import contextlib
import pickle
import socket
import subprocess
import sys
import types
from collections.abc import Callable

import pytest
import torch

from duomo import Model
from duomo.errors import BadOption
from duomo.tasks.results import Classification, Label
from duomo.testing import EchoModel, ModelConformance, PluginConformance, echo_spec, fake_catalog
from duomo.testing.suite import run

KEPT = []


class Unpickles(EchoModel):
    @classmethod
    def load(cls, weights, *, device, dtype):
        pickle.loads(pickle.dumps(BadOption))
        return cls()


class PhonesHome(EchoModel):
    @classmethod
    def load(cls, weights, *, device, dtype):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.1)
        return cls()


class Training(EchoModel):
    def forward(self, batch):
        self.network = torch.nn.Dropout().train()
        return batch


class Tensors(EchoModel):
    def postprocess(self, output, features, options):
        score = torch.tensor(1.0)
        labels = [[Label.model_construct(name=text, score=score)] for text in output]
        return [Classification.model_construct(labels=each) for each in labels]


class OtherClass(EchoModel):
    def postprocess(self, output, features, options):
        return [Label(name=text, score=1.0) for text in output]


class SeesItsNeighbours(EchoModel):
    def postprocess(self, output, features, options):
        return [Classification.ranked([text], [1 / len(output)]) for text in output]


class Moody(EchoModel):
    calls = 0

    def postprocess(self, output, features, options):
        type(self).calls += 1
        return [Classification.ranked([text], [1 / self.calls]) for text in output]


class Swallows(EchoModel):
    def preprocess(self, items, options):
        return [{"text": str(item).replace("poison", "")} for item in items]


class Quits(EchoModel):
    def forward(self, batch):
        print("good bye")
        raise SystemExit(3)


class Lives(EchoModel):
    def __init__(self):
        KEPT.append(self)


FAULTS: dict[type[Model], str] = {
    Unpickles: "loading opens no pickle",
    PhonesHome: "it stays off the network",
    Training: "its networks are in evaluation mode",
    Tensors: "a result is what the task promises",
    OtherClass: "a result is what the task promises",
    SeesItsNeighbours: "a batch gives what one by one gives",
    Moody: "the same input gives the same result",
    Swallows: "a bad item costs no other its result",
    Quits: "a result is what the task promises",
    Lives: "closing it gives its memory back",
}


@pytest.fixture
def suite_of(monkeypatch) -> Callable[[type[Model]], ModelConformance]:
    """The suite over one model class of this file."""

    def make(cls: type[Model]) -> ModelConformance:
        module = types.ModuleType("models_under_test")
        module.Model = cls  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "models_under_test", module)
        attributes = {
            "model": "fake/echo",
            "catalog": fake_catalog(echo_spec(loader="models_under_test:Model")),
            "samples": ["one", "two words", "three words more"],
            "broken": "poison",
        }
        return type("Suite", (ModelConformance,), attributes)()

    return make


def test_a_good_model_passes(suite_of):
    assert {finding.status for finding in run(suite_of(EchoModel))} == {"ok"}


def test_the_suite_needs_no_library_that_the_model_does_not_need():
    code = """
import sys
sys.modules |= {"numpy": None, "PIL": None, "pytest": None}
from duomo.testing import ModelConformance, fake_catalog
from duomo.testing.suite import run
suite = type("Suite", (ModelConformance,), {"model": "fake/echo", "catalog": fake_catalog()})()
assert [each for each in run(suite) if each.status != "ok"] == []
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("cls", FAULTS)
def test_a_fault_is_found_and_named(suite_of, cls, capsys):
    findings = run(suite_of(cls))
    assert capsys.readouterr().out == ""
    failed = {finding.check for finding in findings if finding.status == "fail"}
    assert FAULTS[cls] in failed, findings
    assert all(finding.detail for finding in findings if finding.status == "fail")


def test_a_model_that_changes_its_input_is_found(suite_of):
    class Greedy(EchoModel):
        def preprocess(self, items, options):
            for item in items:
                item.source.fill(0) if hasattr(item, "source") else None
            return [{"text": "seen"} for _ in items]

        def postprocess(self, output, features, options):
            return [Classification.ranked(["seen"], [1.0]) for _ in output]

    suite = type(suite_of(Greedy))
    catalog = fake_catalog(echo_spec(loader="models_under_test:Model", task="image-classification"))
    findings = run(type("OnPictures", (suite,), {"catalog": catalog, "samples": None})())
    failed = {finding.check for finding in findings if finding.status == "fail"}
    assert "inputs and options are left as they are" in failed


def test_a_check_cannot_be_overridden_in_silence():
    with pytest.raises(TypeError, match=r"overrides a check of the conformance suite.*xfail\(reason="):

        class Silenced(ModelConformance):
            def test_loading_opens_no_pickle(self):
                pass

    with pytest.raises(TypeError, match="overrides a check"):
        type("Deleted", (PluginConformance,), {"test_it_imports_nothing_heavy": None})


def test_a_known_gap_may_be_written_down():
    class Frank(ModelConformance):
        @pytest.mark.xfail(reason="its loader reads a pickle until the vendor ships safetensors")
        def test_loading_opens_no_pickle(self):
            super().test_loading_opens_no_pickle()

    assert Frank.test_loading_opens_no_pickle.pytestmark[0].kwargs["reason"]


def test_own_tests_may_be_added():
    class More(ModelConformance):
        def test_something_of_its_own(self):
            pass

    assert More.test_something_of_its_own


PLUGIN_FAULTS = {
    "import numpy\n": "it imports nothing heavy",
    "print('hello')\n": "it says nothing while it loads",
    "import os; os.write(1, b'hello\\n')\n": "it says nothing while it loads",
    "import os; TASK = 'text-classificatoin'\n": "its models do tasks that exist",
    "LICENSE = ''\n": "its models tell licence and digest",
    "LOADER = 'no_such_module_here:Model'\n": "what its specs point at exists",
    "REQUIRES = ('numpy >> 2',)\n": "its requirements can be read",
    "import os; NAME = f'faulty/m{os.getpid()}'\n": "it registers the same in every process",
}

PLUGIN = """
NAME, TASK, LOADER, LICENSE, REQUIRES = "faulty/m", "text-classification", "duomo.testing.fakes:EchoModel", "MIT", ()
{fault}
from duomo import Hooks, ModelSpec, hookimpl

class Faulty(Hooks):
    @hookimpl
    def register_models(self):
        yield ModelSpec(NAME, TASK, LOADER, "a model", LICENSE, weights="none", requires=REQUIRES)

plugin = Faulty()
"""


@pytest.mark.parametrize("fault", PLUGIN_FAULTS)
def test_a_fault_of_a_plugin_is_found_and_named(fault, lay, tmp_path, monkeypatch):
    from duomo.catalog import use_catalog
    from duomo.testing import plugins

    lay(tmp_path, "faulty", PLUGIN.format(fault=fault), module="faulty_plugin", requires=("duomo>=0.1,<0.2",))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delitem(sys.modules, "faulty_plugin.plugin", raising=False)
    monkeypatch.delitem(sys.modules, "faulty_plugin", raising=False)
    use_catalog(None)
    plugins._probe.cache_clear()  # as a new process begins
    findings = run(type("Suite", (PluginConformance,), {"plugin": "faulty"})())
    use_catalog(None)
    assert {finding.check for finding in findings if finding.status == "fail"} == {PLUGIN_FAULTS[fault]}
