"""The site is built without a warning, has a page for every public module and every example, and is found by search."""

import json
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


def text_of(page: Path) -> str:
    return unescape(re.sub(r"<[^>]+>", "", page.read_text("utf-8")))


def test_every_example_has_a_page_with_its_code(site):
    gallery = (site / "examples" / "index.html").read_text("utf-8")
    for path in ROOT.glob("examples/*.py"):
        said = text_of(site / "examples" / path.stem / "index.html")
        assert f'href="{path.stem}/"' in gallery
        assert path.read_text("utf-8").rstrip().splitlines()[-1] in said


def test_every_public_name_of_duomo_is_described_once(site):
    import duomo

    reference = [path.read_text("utf-8") for path in (site / "reference").rglob("index.html")]
    for name in duomo.__all__:  # type: ignore[attr-defined]
        if name in ("hookimpl", "FLUSH"):  # an instance, which does not know where it is defined
            anchor = rf'id="duomo[\w.]*\.{name}"'
        else:
            value = getattr(duomo, name)  # Outcome is a name of OutcomeBase, which is what is described
            anchor = re.escape(f'id="{value.__module__}.{value.__qualname__}"')
        assert sum(len(re.findall(anchor, page)) for page in reference) == 1, name


def test_tasks_and_their_results_are_described(site):
    from duomo import tasks

    said = (site / "reference" / "tasks" / "index.html").read_text("utf-8")
    for spec in tasks.CORE_TASKS:
        task = getattr(tasks, spec.target.rpartition(":")[2])
        for each in (task, task.Result):
            assert f'id="{each.__module__}.{each.__qualname__}"' in said, each


def test_the_search_finds_what_people_look_for(site):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    everything = " ".join(f"{entry['title']} {entry['text']}" for entry in index["docs"])
    for word in ("retry_failed", "PluginConformance", "BadInput", "Ray", "Parquet"):
        assert word in everything, word


@pytest.mark.parametrize(
    ("word", "page"),
    [
        ("async", "python/"),
        ("thread", "python/"),
        ("DataFrame", "python/"),
        ("progress", "python/"),
        ("logging", "python/"),
        ("URL", "python/"),
        ("NumPy", "python/"),
        ("FastAPI", "applications/"),
        ("notebook", "applications/"),
        ("pandas", "coming-from/"),
    ],
)
def test_a_word_people_search_for_is_in_a_heading_of_the_page_that_answers(site, word, page):
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    headed = [entry for entry in index["docs"] if re.search(rf"\b{word}s?\b", entry["title"], re.IGNORECASE)]
    assert page in {entry["location"].partition("#")[0] for entry in headed}
    others = {entry["location"].partition("/")[0] for entry in headed} - {page.rstrip("/")}
    assert others <= {"reference", "applications", "python", "examples"}


def test_every_link_inside_the_site_leads_to_a_file(site):
    for page in site.rglob("*.html"):
        for target in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text("utf-8")):
            if page.name != "404.html" and not re.match(r"[a-z]+:", target):
                path = (page.parent / target).resolve()
                assert (path / "index.html" if path.is_dir() else path).exists(), f"{page.relative_to(site)}: {target}"


def test_no_page_asks_another_server_or_knows_this_machine(site):
    for page in site.rglob("*.html"):
        said = page.read_text("utf-8")
        assert not re.search(r'(?:src="|<link rel="stylesheet" href=")https?:', said), page.relative_to(site)
        assert str(ROOT) not in said, page.relative_to(site)
