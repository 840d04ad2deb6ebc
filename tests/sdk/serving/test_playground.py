"""The forms of the page for people; test_models_served.py fills them in a browser."""

from duomo.catalog import resolve
from duomo.serving.playground.page import input_fields
from duomo.tasks import CORE_TASKS


def test_every_task_has_a_form_of_known_fields():
    known = {"image", "video", "audio", "text-or-image", "chat", "text", "texts", "json"}
    for spec in CORE_TASKS:
        fields = input_fields(resolve(spec.target).Input)
        assert fields, spec.name
        assert {each["kind"] for each in fields} <= known - {"json"}, spec.name
