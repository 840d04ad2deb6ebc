"""The forms of the page for people; test_models_served.py fills them in a browser."""

import json

import pytest

from duomo.client.encode import encode_item
from duomo.inputs.seal import sealed
from duomo.resolving import resolve
from duomo.serving.playground.page import input_fields
from duomo.serving.schemas import example_of
from duomo.serving.wire import to_item, to_options
from duomo.tasks import CORE_TASKS


def test_every_task_has_a_form_of_known_fields():
    known = {"image", "video", "audio", "text-or-image", "chat", "text", "texts", "numbers", "row", "marks", "json"}
    for spec in CORE_TASKS:
        fields = input_fields(resolve(spec.target).Input)
        assert fields, spec.name
        assert {each["kind"] for each in fields} <= known, spec.name


@pytest.mark.parametrize("spec", CORE_TASKS, ids=lambda spec: spec.name)
def test_the_example_of_a_task_goes_over_the_wire_and_is_accepted(spec):
    task = resolve(spec.target)
    example = json.loads(json.dumps(example_of(task)))
    with sealed():
        accepted = task.Input.accept(to_item(example["input"], task.Input))
        task.Options.parse(to_options(example["options"]))
    assert encode_item(accepted) == example["input"]
