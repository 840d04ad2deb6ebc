"""What the pages say is run: their Python, their links, and the pages made from the code."""

import ast
import contextlib
import importlib.util
import io
import re
from pathlib import Path

import pytest

from duomo.tasks import CORE_TASKS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md"), ROOT / "sdk" / "README.md"]
)
RUN = ["README.md", "docs/index.md", "docs/python.md", "sdk/README.md"]
"""Pages whose Python is one program from top to bottom."""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def python_of(page: Path) -> str:
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return "\n".join(blocks)


@pytest.fixture
def folder_with_a_cat(tmp_path, monkeypatch) -> Path:
    import PIL.Image
    import skimage.data

    PIL.Image.fromarray(skimage.data.chelsea()).save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(source: str, filename: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(source, filename, "exec"), {"__name__": "__main__"})
    return said.getvalue()


@pytest.mark.embedded
@pytest.mark.usefixtures("folder_with_a_cat")
def test_the_ten_lines_of_the_readme_do_what_they_promise():
    said = run(python_of(ROOT / "README.md"), "README.md")
    assert "cat" in said.splitlines()[0]
    assert said.splitlines()[1:4] == ["0 sport", "1 this text is empty", "2 money"]
    assert "good morning from the cathedral" in said.splitlines()[4].lower()


def test_the_readme_needs_no_more_than_ten_lines():
    lines = [line for line in python_of(ROOT / "README.md").splitlines() if line.strip()]
    assert len(lines) <= 10


@pytest.mark.embedded
@pytest.mark.usefixtures("folder_with_a_cat")
def test_the_guide_for_python_runs_from_top_to_bottom():
    said = run(python_of(ROOT / "docs" / "python.md"), "docs/python.md")
    for words in (
        "cat",
        "de\nfr\n",
        "E-INPUT-MISSING",
        "[]",
        "Did you mean 'top_k'?",
        "nlp/vader",
        "Paris",
        "hello in-process",
    ):
        assert words in said, words


@pytest.mark.embedded
@pytest.mark.usefixtures("folder_with_a_cat")
def test_the_page_of_the_package_runs():
    assert "cat" in run(python_of(ROOT / "sdk" / "README.md"), "sdk/README.md")


@pytest.mark.embedded
@pytest.mark.multiproc
def test_the_page_of_executors_runs():
    said = run(python_of(ROOT / "docs" / "executors.md"), "docs/executors.md")
    assert "0 True local cpu" in said
    assert "1 False" in said
    assert "all workers well" in said


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_python_of_every_page_is_python(page):
    compile(python_of(page), name(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{name(page)} links to {target}"


@pytest.mark.parametrize("name", ["tasks", "checkpoints", "limits", "coverage"])
def test_a_page_that_is_made_is_the_one_the_code_makes(name):
    assert maker(name).page() == (ROOT / "docs" / f"{name}.md").read_text("utf-8"), "make docs"


def test_each_task_that_transformers_has_or_had_a_pipeline_for_is_compared_with_it():
    coverage = maker("coverage")
    compared = coverage.comparisons()
    known = {task.name for task in CORE_TASKS}
    assert set(compared) <= known
    assert set(compared) >= coverage.PIPELINES | coverage.REMOVED


def maker(name):
    """The program that makes a page."""
    spec = importlib.util.spec_from_file_location(f"make_{name}", ROOT / "docs" / f"make_{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_walk_names_files_classes_and_methods_that_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    methods = {
        f"{node.name}.{each.name}"
        for path in ROOT.glob("sdk/duomo/**/*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
        for each in node.body
        if isinstance(each, ast.FunctionDef)
    }
    assert set(re.findall(r"`(\w+\.\w+)\(\)`", text)) <= methods
    for path in re.findall(r"`((?:sdk|plugins|tests)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path


def test_decisions_are_numbered_without_gaps_and_have_three_parts():
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text("utf-8")
        assert all(f"## {part}" in text for part in ("Context", "We chose", "We gave up")), page.name
        assert len(text.splitlines()) <= 45, f"{page.name}: half a page"
