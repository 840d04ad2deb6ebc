"""The public names, and what it costs to come in."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import duomo
from duomo.tasks.base import Options, Result, Task

HEAVY = ("torch", "transformers", "torchvision", "torchaudio", "numpy", "pydantic", "rich", "lzma")


def test_every_public_name_is_there_and_described():
    for name in duomo.__all__:  # type: ignore[attr-defined]
        assert getattr(duomo, name).__doc__, name


@pytest.mark.parametrize(
    "name", ["duomo", "duomo.adapters", "duomo.adapters.statistics", "duomo.execution", "duomo.testing"]
)
def test_a_type_checker_sees_the_names_that_are_handed_out(name):
    """Names stand twice in a face: under TYPE_CHECKING, and in the table that loads them."""
    face = importlib.import_module(name)
    tree = ast.parse(Path(face.__file__).read_text("utf-8"))
    imports = [
        (alias.asname, node.module)
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    ]
    typed = {
        each: module
        for asname, module in imports
        for each in ([asname] if asname else importlib.import_module(module).__all__)  # ``import *``: another face
    }
    assert sorted(typed) == face.__all__
    assert set(face.__all__) <= set(dir(face))
    for each, module in typed.items():
        assert getattr(face, each) is getattr(importlib.import_module(module), each), each


@pytest.mark.parametrize("name", ["multimodal", "nlp", "speech", "tabular", "vision"])
def test_a_package_of_tasks_hands_out_what_its_files_define(name):
    """To a type checker all of it is there, as ``from file import *``; the table that loads the names says them."""
    package = importlib.import_module(f"duomo.tasks.{name}")
    tree = ast.parse(Path(package.__file__).read_text("utf-8"))
    starred = {
        node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    }
    files = Path(package.__file__).parent.glob("*.py")
    for module in map(importlib.import_module, starred):
        defined = {
            each.__name__
            for each in vars(module).values()
            if isinstance(each, type)
            and issubclass(each, (Task, Options, Result))
            and each.__module__ == module.__name__
        }
        named = {each for each in defined if each[0] != "_" and each.isidentifier()}  # not ``ListOf[Label]``
        assert named <= set(package.__all__), module.__name__
    with_tasks = {f"{package.__name__}.{file.stem}" for file in files if "(Task[" in file.read_text("utf-8")}
    assert with_tasks <= starred


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'pipeline'") as error:
        duomo.pipeline  # type: ignore[attr-defined]  # noqa: B018
    assert (error.value.name, error.value.obj) == ("pipeline", duomo), "Python adds the nearest name with these"


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
