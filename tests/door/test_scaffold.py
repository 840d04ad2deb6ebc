"""``duomo plugins new``: every kind of package works as it is written."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import duomo
from duomo.errors import UsageProblem
from duomo.scaffold import KINDS, create

TEMPLATES = Path(duomo.__file__).parent / "scaffold" / "templates"


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_has_all_its_files_and_nothing_left_to_fill_in(kind, tmp_path):
    paths = {str(path.relative_to(tmp_path / "duomo-garden-birds")) for path in create("garden-birds", kind, tmp_path)}
    needed = {"pyproject.toml", "README.md", "duomo_garden_birds/plugin.py", f"duomo_garden_birds/{kind}.py"}
    assert needed | {"duomo_garden_birds/__init__.py", f"tests/test_{kind}.py"} <= paths
    for path in paths:
        text = (tmp_path / "duomo-garden-birds" / path).read_text()
        assert "$" not in text, path
        if path.endswith(".py"):
            compile(text, path, "exec")


@pytest.mark.parametrize("kind", ["model", "task"])
def test_a_model_has_no_public_method_that_the_contract_does_not_know(kind, tmp_path, monkeypatch):
    create(f"contract-{kind}", kind, tmp_path)
    monkeypatch.syspath_prepend(tmp_path / f"duomo-contract-{kind}")
    module = importlib.import_module(f"duomo_contract_{kind}.model")
    models = [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]
    assert any(issubclass(each, duomo.Model) for each in models)
    for each in models:
        if issubclass(each, duomo.Model):
            own = {name for name in vars(each) if not name.startswith("_")}
            assert own <= set(dir(duomo.Model)), each


def test_the_package_requires_this_duomo_within_bounds(tmp_path):
    create("birds", "model", tmp_path)
    project = tomllib.loads((tmp_path / "duomo-birds" / "pyproject.toml").read_text())["project"]
    assert project["dependencies"][0] == "duomo>=0.1,<0.2"
    assert project["entry-points"]["duomo.plugins.v1"] == {"birds": "duomo_birds.plugin:plugin"}


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("Garden Birds", "new garden-birds"),
        ("birds!", "new birds"),
        ("9lives", "new birds"),
        ("a--b", "new a-b"),
        ("core", "new birds"),
        ("duomo-birds", "new birds"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_one_that_can(name, fix, tmp_path):
    with pytest.raises(UsageProblem) as caught:
        create(name, "model", tmp_path)
    assert caught.value.fix.endswith(fix)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path):
    create("birds", "model", tmp_path)
    with pytest.raises(UsageProblem, match="exists already"):
        create("birds", "task", tmp_path)


CLEAN = """
import importlib.metadata as metadata, os, sys
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

def closure(texts):
    todo, found = [Requirement(text) for text in texts], {}
    while todo:
        need = todo.pop()
        name, extras = canonicalize_name(need.name), need.extras | {""}
        if need.marker and not need.marker.evaluate({"extra": ""}) or found.get(name, set()) >= extras:
            continue
        found[name] = found.get(name, set()) | extras
        for text in metadata.requires(name) or ():
            inner = Requirement(text)
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in extras):
                inner.marker = None
                todo.append(inner)
    return set(found)

allowed = closure(os.environ["ONLY_WITH"].split(";"))
owners = metadata.packages_distributions()
hidden = {top for top, dists in owners.items() if not allowed & set(map(canonicalize_name, dists))}

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""
"""Hides every package that the requirements do not ask for, as in an environment where nothing else is installed."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_tests_of_a_kind_pass_where_only_its_requirements_are_installed(kind, lay, tmp_path):
    site = tmp_path / "site"
    name = f"my-{kind}"
    create(name, kind, tmp_path)
    project = tomllib.loads((tmp_path / f"duomo-{name}" / "pyproject.toml").read_text())["project"]
    lay(site, name, version=project["version"], requires=tuple(project["dependencies"]))
    (site / f"duomo_my_{kind}").symlink_to(tmp_path / f"duomo-{name}" / f"duomo_my_{kind}")
    (site / "sitecustomize.py").write_text(CLEAN)
    needs = ";".join([*project["dependencies"], *project["optional-dependencies"]["test"], f"duomo-{name}"])
    alone = {"PYTHONPATH": str(site), "ONLY_WITH": needs, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, **alone},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in done.stdout


@pytest.mark.slow
def test_the_tests_of_every_kind_pass_side_by_side(lay, tmp_path):
    site = tmp_path / "site"
    for kind in KINDS:
        name = f"my-{kind}"
        create(name, kind, tmp_path)
        project = tomllib.loads((tmp_path / f"duomo-{name}" / "pyproject.toml").read_text())["project"]
        lay(site, name, version=project["version"], requires=tuple(project["dependencies"]))
        (site / f"duomo_my_{kind}").symlink_to(tmp_path / f"duomo-{name}" / f"duomo_my_{kind}")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["adapter", "command", "task"])
def test_the_commands_of_the_readme_work_as_they_stand(kind, lay, tmp_path):
    name = f"my-{kind}"
    create(name, kind, tmp_path)
    package = tmp_path / f"duomo-{name}"
    lay(package, name)
    commands = [line[4:] for line in (package / "README.md").read_text().splitlines() if line.startswith("    ")]
    assert commands[0].startswith("pip install")
    assert commands[-1] == "pytest"
    here = {"PYTHONPATH": str(package), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    script = "\n".join(["set -e", *commands[1:-1]])
    done = subprocess.run(
        ["bash", "-c", script], env={**os.environ, **here}, cwd=package, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if kind == "adapter":
        assert ['"unusual":true' in line for line in done.stdout.splitlines()[-4:]] == [False, False, False, True]


def test_the_adapter_gives_no_verdict_before_it_is_fitted(tmp_path, monkeypatch):
    create("unfitted", "adapter", tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "duomo-unfitted")
    limits = importlib.import_module("duomo_unfitted.adapter").Limits()
    with pytest.raises(UsageProblem, match="was not fitted"):
        limits({"machine": "press", "value": 9.9})
