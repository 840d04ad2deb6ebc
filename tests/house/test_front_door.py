"""The public names, and what it costs to come in."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import duomo

HEAVY = ("torch", "transformers", "torchvision", "torchaudio", "numpy", "pydantic", "rich")


def test_every_public_name_is_there_and_described():
    for name in duomo.__all__:
        assert getattr(duomo, name).__doc__, name


def test_the_list_of_public_names_is_the_front_door():
    assert set(duomo.__all__) == set(duomo._WHERE)
    assert set(duomo.__all__) <= set(dir(duomo))
    for name, module in duomo._WHERE.items():
        assert getattr(importlib.import_module(module), name) is getattr(duomo, name)


def test_the_type_checkers_list_is_the_same_one():
    source = Path(duomo.__file__).read_text("utf-8")
    for name, module in duomo._WHERE.items():
        line = next(line for line in source.splitlines() if line.strip().startswith(f"from {module} import"))
        assert name in line.replace(",", " ").split(), f"{name} is missing under TYPE_CHECKING"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'pipeline'"):
        duomo.pipeline  # noqa: B018


@pytest.mark.parametrize(
    "code",
    [
        "import duomo",
        "import duomo; duomo.Hooks, duomo.hookimpl, duomo.ModelSpec, duomo.TaskSpec",
        "import duomo; duomo.default_catalog().models",
        "import duomo.tasks; duomo.tasks.CORE_TASKS",
        "import duomo.cli",
    ],
)
def test_coming_in_wakes_nothing_heavy(code):
    report = f"{code}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_classes_of_all_tasks_are_reachable_by_name():
    from duomo import tasks

    for spec in tasks.CORE_TASKS:
        name = spec.target.rpartition(":")[2]
        assert getattr(tasks, name).name == spec.name
        assert name in dir(tasks)
