"""The workspace: packages that agree with one another, and files that belong in a repository."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import duomo

ROOT = Path(__file__).parents[2]
WORKSPACE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PLUGINS = {
    path.parent.name: tomllib.loads(path.read_text("utf-8")) for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))
}
SDK = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text("utf-8"))
ALL = {"sdk": SDK, **PLUGINS}


def files() -> list[Path]:
    """Everything that is in the repository, or will be with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def lines_of(name: str) -> list[str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def test_the_walk_stays_short():
    assert len((ROOT / "sdk/duomo/runner.py").read_text("utf-8").splitlines()) <= 300


def test_all_packages_ask_for_the_same_python_and_the_same_builder():
    assert {each["project"]["requires-python"] for each in ALL.values()} == {">=3.11"}
    assert {tuple(each["build-system"]["requires"]) for each in ALL.values()} == {("hatchling>=1.26",)}
    assert {each["build-system"]["build-backend"] for each in ALL.values()} == {"hatchling.build"}
    assert {each["project"]["license"] for each in ALL.values()} == {"Apache-2.0"}


def test_all_packages_say_the_same_about_authors_addresses_and_versions_of_python():
    for each in ALL.values():
        project = each["project"]
        assert project["authors"] == SDK["project"]["authors"], project["name"]
        assert project["urls"] == SDK["project"]["urls"], project["name"]
        assert {"Homepage", "Documentation", "Changelog", "Issues"} <= set(project["urls"])
        assert "Typing :: Typed" in project["classifiers"]
        versions = [line for line in project["classifiers"] if line.startswith("Programming Language")]
        assert versions == [line for line in SDK["project"]["classifiers"] if line.startswith("Programming Language")]


@pytest.mark.parametrize("name", ALL)
def test_every_package_has_the_licence_in_its_own_folder(name):
    """A builder sees only the folder of its package, so each has a copy."""
    copy = ROOT / ("sdk" if name == "sdk" else f"plugins/{name}") / "LICENSE"
    assert ALL[name]["project"]["license-files"] == ["LICENSE"]
    assert copy.read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_all_packages_have_one_version():
    assert {each["project"]["version"] for each in ALL.values()} == {duomo.__version__}
    assert f"## [{duomo.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_no_package_has_an_import_name_that_would_collide():
    names = [name for each in ALL.values() for name in each["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
    assert sorted(names) == sorted(["duomo", *(f"duomo_{name}" for name in PLUGINS)])


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_of_ours_enters_by_the_door_of_a_stranger(name):
    project = PLUGINS[name]["project"]
    assert project["name"] == f"duomo-{name}"
    assert project["entry-points"] == {"duomo.plugins.v1": {name: f"duomo_{name}.plugin:plugin"}}
    assert "duomo>=0.1,<0.2" in project["dependencies"]
    assert (ROOT / "plugins" / name / f"duomo_{name}" / "py.typed").exists()
    assert (ROOT / "plugins" / name / "README.md").exists()


@pytest.mark.parametrize("name", ALL)
def test_the_readme_of_a_package_can_be_read_away_from_the_repository(name):
    """PyPI shows it alone, and a link to a neighbour leads nowhere there."""
    page = ROOT / ("sdk" if name == "sdk" else f"plugins/{name}") / "README.md"
    assert re.findall(r"\]\((?!https://|#)[^)]*\)", page.read_text("utf-8")) == []


def test_every_plugin_is_in_the_workspace_and_in_the_requirements():
    assert "plugins/*" in WORKSPACE["tool"]["uv"]["workspace"]["members"]
    assert set(WORKSPACE["tool"]["uv"]["sources"]) == {"duomo", *(f"duomo-{name}" for name in PLUGINS)}
    paths = {line.removeprefix("-e ./").partition("[")[0] for line in lines_of("requirements.txt")}
    assert paths == {"sdk", *(f"plugins/{name}" for name in PLUGINS)}
    first, *tools = lines_of("requirements-dev.txt")
    assert first == "-r requirements.txt"
    assert WORKSPACE["dependency-groups"]["dev"] == tools, "pip and uv set up the same tools"


def test_every_requirement_has_a_tested_version():
    pinned = {re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower() for line in lines_of("constraints.txt")}
    asked = [line for line in lines_of("requirements-dev.txt") if not line.startswith("-")]
    for each in ALL.values():
        asked += each["project"].get("dependencies", [])
        asked += [line for extra in each["project"].get("optional-dependencies", {}).values() for line in extra]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", line)[0]).lower() for line in asked}
    assert {name for name in names if not name.startswith("duomo")} <= pinned


def test_constraints_are_sorted_and_exact():
    lines = lines_of("constraints.txt")
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0])
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+]+", line) for line in lines)


def test_a_pip_install_at_the_root_is_told_what_to_do():
    done = subprocess.run([sys.executable, "setup.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "pip install -r requirements.txt" in done.stderr


def test_every_module_says_in_its_first_line_what_lives_there():
    for path in files():
        if path.suffix == ".py" and path.read_text("utf-8").strip():
            doc = ast.get_docstring(ast.parse(path.read_text("utf-8")))
            assert doc, f"{path.relative_to(ROOT)} has no docstring"
            assert len(doc.splitlines()[0]) <= 120, path


def test_no_module_is_a_drawer_for_everything():
    for path in files():
        assert path.name not in ("utils.py", "helpers.py", "misc.py", "common.py"), path


TRAINED = {"plugins/multimodal/duomo_multimodal/gato/trained/model.safetensors": 2_000_000}
"""Weights that a script of this repository made, and how many bytes they may have."""


def test_no_file_is_large_or_holds_weights():
    for path in files():
        most = TRAINED.get(str(path.relative_to(ROOT)))
        if most is not None:
            assert path.stat().st_size < most
            continue
        assert path.stat().st_size < 1_000_000, f"{path.relative_to(ROOT)} has {path.stat().st_size:,} bytes"
        assert path.suffix not in (".safetensors", ".bin", ".pt", ".pth", ".onnx", ".gguf", ".whl"), path


def test_no_file_knows_the_machine_it_was_written_on():
    here = re.escape(f"{ROOT.parent}/")
    # Ada's home is made up; an address that is put together names no file.
    homes = re.compile(rf"{here}|/(?:home|Users)/(?!ada\b)\w|/root/\w|file:///(?!etc/hosts|[A-Z]:)(?![\"{{])")
    for path in files():
        if path.suffix in (".py", ".md", ".toml", ".txt", ".sh", "") and path != Path(__file__):
            found = homes.search(path.read_text("utf-8", errors="ignore"))
            assert found is None, f"{path.relative_to(ROOT)}: {found[0]}"
