"""Specs are plain data that cross every border."""

import json
import pickle

import pytest

from duomo import specs
from duomo.specs import AdapterSpec, Check, CommandSpec, ExecutorSpec, ModelSpec, RendererSpec, TaskSpec
from duomo.tasks import CORE_TASKS

SPECS = [
    TaskSpec("birds/count", "birds:Count", "counts birds", "vision"),
    ModelSpec("birds/tiny", "image-classification", "birds:Tiny", "two birds", "MIT", packs=("starter",)),
    ExecutorSpec("moon", "birds:Moon", "far away"),
    AdapterSpec("birds/garden", "birds:Garden", "for gardeners", "gardening"),
    CommandSpec("twitter", "birds:twitter", "sings"),
    RendererSpec("xml", "birds:xml", "angle brackets"),
    Check("seed", "warn", "the feeder is empty", "fill it"),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_a_spec_crosses_processes_and_is_json(spec):
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert json.loads(json.dumps(type(spec)(*json.loads(json.dumps(spec))))) == json.loads(json.dumps(spec))
    assert hash(spec) == hash(pickle.loads(pickle.dumps(spec)))


def test_every_spec_class_is_tried_here():
    assert {type(spec) for spec in SPECS} == {each for each in vars(specs).values() if hasattr(each, "_fields")}


def test_a_models_plugin_is_its_prefix():
    assert SPECS[1].plugin == "birds"  # type: ignore[attr-defined]
    assert not SPECS[1].is_family  # type: ignore[attr-defined]
    assert SPECS[1]._replace(weights="given").is_family  # type: ignore[attr-defined]


def test_the_core_tasks_are_named_like_the_fields_own_words():
    assert len({task.name for task in CORE_TASKS}) == len(CORE_TASKS)
    for task in CORE_TASKS:
        assert task.modality in ("vision", "nlp", "speech", "multimodal", "tabular"), task.name
        assert task.example.startswith(f"duomo run {task.name} "), task.name
        assert task.summary == task.summary.rstrip("."), task.name
