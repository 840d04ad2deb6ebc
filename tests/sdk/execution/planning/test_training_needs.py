"""The memory of training: 16 bytes a trained number, 4 a frozen one, and what autograd keeps."""

import pytest

from duomo.errors import UsageProblem
from duomo.execution.planning.costs import room_on
from duomo.execution.planning.hardware import parse_devices
from duomo.execution.planning.profile import ModelProfile
from duomo.execution.planning.training import KEPT, training_needs

BERT = ModelProfile("bert", 110_000_000, 24_000_000, layers=12, width=768, heads=12, kv_heads=12, unit="token")


def needs(devices, train="all", axes=("tp",), profile=BERT):
    return {str(each.dims): each for each in training_needs(profile, parse_devices(devices), train, axes)}


def test_one_device_holds_sixteen_bytes_a_number():
    way = needs("1xA10")["dp=1"]
    assert (way.weights, way.gradients, way.optimizer) == (440e6, 440e6, 880e6)
    assert way.activations == 4 * KEPT * 768 * 12
    assert way.units == int((way.room - 1760e6) // way.activations)
    assert way.fits(128)


def test_copies_add_up_gradients_in_a_second_tensor_and_shared_layers_are_divided_but_not_embeddings():
    ways = needs("2xA10")
    assert list(ways) == ["dp=1", "dp=2", "tp=2"]
    assert ways["dp=2"].gradients == 2 * ways["dp=1"].gradients
    assert ways["tp=2"].weights == 4 * (86e6 / 2 + 24e6)
    assert ways["tp=2"].optimizer == 2 * ways["tp=2"].weights
    assert ways["tp=2"].joined == 4 * 86e6
    assert ways["dp=1"].activations / 2 < ways["tp=2"].activations < ways["dp=1"].activations


def test_what_is_frozen_has_neither_gradients_nor_activations():
    head, two = needs("1xA10", "head")["dp=1"], needs("1xA10", 2)["dp=1"]
    assert head.weights == two.weights == 440e6
    assert head.gradients == 4 * 768 * 769
    assert head.units is None
    assert two.gradients == pytest.approx(4 * (86e6 / 6 + 768 * 769))
    assert two.activations == 4 * KEPT * 768 * 2


def test_layers_that_are_computed_again_keep_what_goes_into_each_and_all_of_one():
    profile, device = BERT, parse_devices("1xA10")
    for train, layers in (("all", 12), (2, 2), ("head", 0)):
        kept, again = (training_needs(profile, device, train, ("tp",), recompute=each)[0] for each in (False, True))
        assert again.activations == 4 * 768 * (layers + KEPT) * (layers > 0)
        assert (again.weights, again.gradients, again.optimizer) == (kept.weights, kept.gradients, kept.optimizer)


def test_a_model_that_one_device_cannot_hold_fits_on_eight_that_share_its_layers():
    large = ModelProfile("7b", 7_000_000_000, 260_000_000, layers=32, width=4096, heads=32, kv_heads=8, unit="token")
    ways = needs("8xA100", profile=large)
    assert room_on(parse_devices("1xA100")[0]) < 16 * 7e9
    assert [name for name, each in ways.items() if each.fits(128)] == ["dp=2,tp=4", "tp=8"]


def test_processes_on_a_cpu_share_its_memory():
    ways = needs("cpu:4")
    assert set(ways) == {"dp=1", "dp=2", "tp=2", "dp=4", "dp=2,tp=2", "tp=4"}
    assert ways["tp=4"].room == ways["dp=1"].room / 4


def test_heads_that_do_not_divide_and_models_without_a_plan_are_not_shared():
    assert list(needs("5xA10")) == ["dp=1", "dp=5"]
    assert list(needs("2xA10", axes=())) == ["dp=1", "dp=2"]


@pytest.mark.parametrize("train", [13, "lora"])
def test_what_cannot_be_planned_is_refused(train):
    with pytest.raises(UsageProblem, match="1 to 12"):
        needs("1xA10", train)
