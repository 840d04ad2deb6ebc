"""What each task of the core has beside its types: an example, a sample, a way to run it, a word on long inputs."""

import shlex
from typing import Any

import pytest

from duomo import default_catalog
from duomo.inputs import Audio, Candidates, Prompt, Question, Text, TextPair
from duomo.resolving import resolve
from duomo.specs import TaskSpec
from duomo.tasks import CORE_TASKS
from duomo.tasks.starting import MADE, START
from duomo.testing.samples import sample_for

PLUGINS = ("vision", "nlp", "speech", "multimodal", "tabular")
TRAINED = {"audio-continuation", "tabular-classification", "tabular-regression"}
"""Their folders are what training makes."""
OF_ANY_LENGTH = {
    "language-identification", "sentence-splitting", "spelling-correction", "keyword-extraction",
    "extractive-summarization", "text-to-speech", "spoken-image-search", "voice-activity-detection",
    "speaker-embedding", "speech-enhancement", "pitch-estimation", "note-transcription", "wake-word-detection",
    "audio-continuation",
}  # fmt: skip
"""Read from end to end by every model, so there is nothing to choose."""


@pytest.mark.parametrize("spec", CORE_TASKS, ids=lambda spec: spec.name)
def test_a_task_can_be_tried(spec: TaskSpec) -> None:
    task: Any = resolve(spec.target)
    program, command, *words = shlex.split(spec.example)
    assert (program, command) == ("duomo", "run")
    assert spec.name in words
    sample = sample_for(task)
    assert sample
    assert task.Input.accept(sample.items[0])
    own = [each for each in default_catalog().models if each.plugin in PLUGINS and each.task == spec.name]
    assert own
    usual = [each for each in own if not each.is_family and "demonstration" not in each.tags]
    assert usual or spec.name in (START.keys() | MADE.keys() | TRAINED), "name a checkpoint to begin with"


@pytest.mark.parametrize("spec", CORE_TASKS, ids=lambda spec: spec.name)
def test_a_task_says_what_becomes_of_a_long_input(spec: TaskSpec) -> None:
    task: Any = resolve(spec.target)
    if task.Input in (Text, Prompt, Audio, TextPair, Question, Candidates):
        assert ("long" in task.Options.model_fields) != (spec.name in OF_ANY_LENGTH)


PACKAGED = {
    **dict.fromkeys(
        ("face-detection", "face-landmarks", "page-orientation"),
        "transformers has no class that does it alone; the networks of packages are read here",
    ),
    **dict.fromkeys(
        ("barcode-reading", "sentence-splitting", "spelling-correction", "language-identification"),
        "a library does it, without a network",
    ),
    **dict.fromkeys(
        (
            "voice-activity-detection",
            "speech-enhancement",
            "pitch-estimation",
            "note-transcription",
            "wake-word-detection",
        ),
        "transformers and torchaudio have no class with weights for it",
    ),
    **dict.fromkeys(
        ("image-anomaly-detection", "spoken-image-search", "time-series-anomaly-detection"),
        "made of the models of other tasks",
    ),
}
"""Tasks for which no checkpoint can be named, and why."""


def test_checkpoints_can_be_named_for_a_task_or_it_is_said_why_not() -> None:
    families = {each.task for each in default_catalog().models if each.is_family and each.plugin in PLUGINS}
    assert {spec.name for spec in CORE_TASKS} - families == PACKAGED.keys()
