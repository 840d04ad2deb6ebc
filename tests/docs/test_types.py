"""What type checkers know of duomo: a user's file passes, and each mistake in another is seen."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from duomo import tasks
from duomo.keywords import MapOptions, RunOptions, SubmitOptions
from duomo.runner import Runner, run
from duomo.tasks import multimodal, nlp, speech, vision

ROOT = Path(__file__).parents[2]
PAGES = Path(__file__).parent / "typing"
EXAMPLE = ROOT / "examples" / "forty_lines.py"
UNTYPED = "# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false\n"
"""What pandas and matplotlib leave open in their own types is not asked of us."""
MYPY = """
[mypy]
strict = True
ignore_missing_imports = True
[mypy-torch.*,torchaudio.*,torchvision.*,transformers.*,tokenizers.*,huggingface_hub.*,ray.*,polars.*,hypothesis.*]
follow_imports = skip
[mypy-IPython.*,av.*,rich.*]
follow_imports = skip
"""
"""No page names anything of these, whose sources take a minute to read."""
RIGHT, WRONG, HOOKS = PAGES / "right.py", PAGES / "wrong.py", PAGES / "hooks.py"


def marked(page: Path, *words: str) -> set[int]:
    lines = enumerate(page.read_text("utf-8").splitlines(), 1)
    return {number for number, line in lines if line.endswith(tuple(f"  # {word}" for word in words))}


def by_mypy(folder: Path) -> dict[str, set[int]]:
    (folder / "mypy.ini").write_text(MYPY)
    pages = ["right.py", "wrong.py", "hooks.py", EXAMPLE.name]
    cache = Path(os.environ["DUOMO_CACHE"]) / "mypy"  # what it knows of us and our libraries is kept from run to run
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--cache-dir", str(cache), *pages]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300).stdout
    found = re.findall(r"^(\w+\.py):(\d+): error: (?!Unused|Statement)", said, re.MULTILINE)
    assert "wrong.py" in said, said
    return {name: {int(line) for of, line in found if of == name} for name in pages}


def by_pyright(folder: Path) -> dict[str, set[int]]:
    rules = {"typeCheckingMode": "strict", "reportUnusedExpression": False, "reportUnusedImport": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(rules))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable, "-p", "."]
    said = json.loads(subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300).stdout)
    found = [each for each in said["generalDiagnostics"] if each["severity"] == "error"]
    lines = [(Path(each["file"]).name, each["range"]["start"]["line"] + 1) for each in found]
    pages = ["right.py", "wrong.py", EXAMPLE.name]
    assert said["summary"]["filesAnalyzed"] == len(pages)
    return {name: {line for of, line in lines if of == name} for name in pages}


@pytest.fixture
def folder(tmp_path) -> Path:
    for page in (RIGHT, WRONG):
        shutil.copy(page, tmp_path)
    return tmp_path


@pytest.mark.slow
def test_mypy_passes_a_users_file_and_sees_each_mistake(folder):
    shutil.copy(EXAMPLE, folder)
    shutil.copy(HOOKS, folder)
    found = by_mypy(folder)
    assert found["right.py"] == found[EXAMPLE.name] == set()
    assert found["wrong.py"] == marked(WRONG, "wrong", "mypy")
    assert found["hooks.py"] == marked(HOOKS, "wrong")


def test_pyright_passes_a_users_file_and_sees_each_mistake(folder):
    pytest.importorskip("basedpyright")
    (folder / EXAMPLE.name).write_text(UNTYPED + EXAMPLE.read_text("utf-8"), "utf-8")
    found = by_pyright(folder)
    assert found["right.py"] == found[EXAMPLE.name] == set()
    assert found["wrong.py"] == marked(WRONG, "wrong")


@pytest.mark.parametrize(
    ("function", "options"), [(run, RunOptions), (Runner.map, MapOptions), (Runner.submit, SubmitOptions)]
)
def test_the_keywords_that_checkers_know_are_those_of_the_functions(function, options):
    kinds = {name for name, kind in function.__kwdefaults__.items()}
    assert kinds == set(options.__annotations__)


def test_the_types_are_those_that_the_tasks_make():
    spec = importlib.util.spec_from_file_location("make_types", ROOT / "docs" / "make_types.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.page() == module.PAGE.read_text("utf-8"), "make docs"


def test_no_two_modalities_have_different_classes_of_one_name():
    for modality in (vision, nlp, speech, multimodal):
        for name in modality.__all__:
            assert getattr(tasks, name) is getattr(modality, name), name
