"""The metadata we read ourselves agrees with the libraries that would read it for us."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from duomo.plugins.distributions import canonical, distributions, find_distribution
from duomo.plugins.requirements import missing_requirements


def test_every_distribution_has_the_name_and_version_that_importlib_metadata_gives():
    theirs: dict[str, str] = {}
    for each in importlib.metadata.distributions():
        if each.metadata["Name"]:
            theirs.setdefault(canonical(each.metadata["Name"]), each.version)
    ours: dict[str, str] = {}
    for found in distributions():
        ours.setdefault(canonical(found.name), found.version)
    assert ours == theirs


def test_fields_of_the_metadata_come_whole():
    found = find_distribution("duomo")
    assert found is not None
    assert found.header("Requires-Dist") == importlib.metadata.requires("duomo")


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("duomo_birds-1.0.dist-info", "duomo-birds"),
        ("Duomo.Birds-1.0.post1.dist-info", "duomo-birds"),
        ("duomo_birds.egg-info", "duomo-birds"),
        ("duomo_birds-1.0-py3.11.egg-info", "duomo-birds"),
    ],
)
def test_a_folder_bears_the_name_of_its_distribution(tmp_path: Path, monkeypatch, folder: str, name: str):
    (tmp_path / folder).mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/no/such/folder", ""])
    assert next(distributions()).key == name


def test_a_distribution_that_is_installed_later_is_seen(tmp_path: Path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_distribution("duomo-late") is None
    (tmp_path / "duomo_late-1.dist-info").mkdir()
    (tmp_path / "duomo_late-1.dist-info" / "METADATA").write_text("Name: duomo-late\nVersion: 1\n\ntext\nVersion: 2\n")
    found = find_distribution("Duomo_Late")
    assert found is not None
    assert (found.name, found.version) == ("duomo-late", "1")


@pytest.mark.parametrize(
    "version", ["1", "1.0", "1.2", "1.2.0", "1.2.3", "1.10", "2.0", "2.1+cu130", "2.0rc1", "1.2.post1"]
)
def test_plain_requirements_are_judged_as_packaging_judges_them(tmp_path: Path, monkeypatch, version: str):
    (tmp_path / "some_thing-0.dist-info").mkdir()
    (tmp_path / "some_thing-0.dist-info" / "METADATA").write_text(f"Name: some-thing\nVersion: {version}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    bounds = (
        "",
        ">=1",
        ">=1.2",
        ">=1.2.0",
        ">=1.10",
        "<2",
        "<2.0",
        "<1.2",
        ">=1.2,<2",
        "<2,>=1.10",
        "==1.2",
        "!=1.2",
        "~=1.2",
    )
    for bound in bounds:
        text = f"some-thing{bound}"
        good = Requirement(text).specifier.contains(version, prereleases=True)
        assert (missing_requirements([text]) == []) is good, (text, version)


def test_an_extra_that_nobody_asked_for_is_not_missing():
    assert missing_requirements(["no-such-thing>=1; extra == 'all'", "no-such-thing; sys_platform == 'none'"]) == []
    assert missing_requirements(["no-such-thing", "not a requirement!"]) == ["no-such-thing", "not a requirement!"]


@pytest.mark.parametrize(
    "line",
    [
        "nosuch-library>=1.5; (python_version < '3.99') and extra == 'codecs'",
        "nosuch-library[series,tables]; extra == 'series'",
    ],
)
def test_a_line_for_an_extra_is_not_asked_for_and_wakes_no_packaging(line: str) -> None:
    """As the metadata of a wheel writes it."""
    code = (
        "import sys; from duomo.plugins.requirements import missing_requirements\n"
        f"print(missing_requirements([{line!r}]), 'packaging' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False"]
