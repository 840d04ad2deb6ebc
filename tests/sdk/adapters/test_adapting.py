"""From a name to a ready adapter, or to words that say what is missing."""

import pytest

import duomo
from duomo import AdapterSpec, Hooks, hookimpl
from duomo.errors import PluginBroken, RequirementMissing, UnknownAdapter, UnknownModel, UsageProblem
from duomo.testing import fake_catalog
from duomo.testing.fakes import THERMOMETER
from duomo.testing.thermometer import Thermometer


class Shop(Hooks):
    def __init__(self, **changes):
        self.changes = changes

    @hookimpl
    def register_adapters(self):
        yield AdapterSpec("shop/prices", **{"target": "os:path", "summary": "s", "industry": "retail", **self.changes})


def test_an_adapter_is_found_by_name_and_by_the_half_of_it_that_is_unique(row):
    for name in ("fake/thermometer", "thermometer"):
        adapter = duomo.adapt(name, catalog=fake_catalog())
        assert type(adapter) is Thermometer
        assert adapter(row()).provenance.plugin == "in-process"


def test_a_name_that_nobody_has_is_answered_with_the_nearest():
    with pytest.raises(UnknownAdapter, match="no adapter named 'fake/thermometre'") as caught:
        duomo.adapt("fake/thermometre", catalog=fake_catalog())
    assert "the closest is 'fake/thermometer'" in caught.value.why
    assert "duomo adapters show fake/thermometer" in caught.value.fix
    assert caught.value.exit_code == 4


def test_a_missing_library_is_answered_with_the_line_for_pip():
    catalog = fake_catalog(shop=Shop(requires=("no-such-library>=2",)))
    with pytest.raises(RequirementMissing, match="adapter 'shop/prices' needs no-such-library") as caught:
        duomo.adapt("shop/prices", catalog=catalog)
    assert caught.value.fix == "pip install 'no-such-library>=2'"


def test_a_target_that_is_no_adapter_is_the_plugins_fault():
    with pytest.raises(PluginBroken, match="cannot be used") as caught:
        duomo.adapt("shop/prices", catalog=fake_catalog(shop=Shop()))
    assert "not a subclass of duomo.adapters.Adapter" in caught.value.why


def test_a_model_is_for_adapters_that_call_a_task():
    with pytest.raises(UsageProblem, match="takes no model"):
        duomo.adapt("fake/thermometer", model="fake/echo", catalog=fake_catalog())
    with pytest.raises(UnknownModel):
        duomo.adapt("fake/notes", model="fake/ecko", catalog=fake_catalog())


def test_fitted_artefacts_come_from_a_folder(thermometer, row, tmp_path):
    folder = thermometer.save(tmp_path)
    again = duomo.adapt("thermometer", artifacts=folder, secret=thermometer.secret, catalog=fake_catalog())
    assert again(row()).score == thermometer(row()).score
    assert duomo.adapt("thermometer", catalog=fake_catalog())(row()).score.kind == "uncalibrated"


def test_a_plugin_that_did_not_load_is_named():
    class Broken(Hooks):
        @hookimpl
        def register_adapters(self):
            raise RuntimeError("out of order")

    with pytest.raises(PluginBroken, match="plugin 'shop' is broken") as caught:
        duomo.adapt("shop/prices", catalog=fake_catalog(shop=Broken()))
    assert "out of order" in caught.value.why


def test_the_spec_has_all_that_a_person_should_know_first():
    assert THERMOMETER.not_for == ("real machines",)
    assert AdapterSpec("a/b", "c:d", "s", "retail").human_review == "advised"
