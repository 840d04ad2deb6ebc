"""What is in a source archive and in a wheel."""

import subprocess
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"duomo": ROOT / "sdk"} | {
    f"duomo_{path.parent.name}": path.parent for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))
}
pytestmark = pytest.mark.slow


def source_of(package: str) -> set[str]:
    """The files of a package that are in the repository, or will be with the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", package]
    listed = subprocess.run(command, cwd=FOLDERS[package], capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return {name for name in listed.stdout.split("\0") if name and (FOLDERS[package] / name).is_file()}


def test_every_package_has_one_source_archive_and_one_wheel(distributions):
    assert {path.name.partition("-")[0] for path in distributions.glob("*.whl")} == set(FOLDERS)
    assert {path.name.partition("-")[0] for path in distributions.glob("*.tar.gz")} == set(FOLDERS)
    assert len(list(distributions.iterdir())) == 2 * len(FOLDERS)


@pytest.mark.parametrize("package", FOLDERS)
def test_a_wheel_holds_what_users_need_and_nothing_else(package, distributions):
    [wheel] = distributions.glob(f"{package}-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == source_of(package)
    assert f"{package}/py.typed" in inside
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    if package == "duomo":
        assert any("/templates/" in name for name in inside), "`duomo plugins new` would find no templates"


@pytest.mark.parametrize("package", FOLDERS)
def test_a_source_archive_holds_its_package_and_little_else(package, distributions):
    [archive] = distributions.glob(f"{package}-*.tar.gz")
    with tarfile.open(archive) as opened:
        inside = {name.partition("/")[2] for name in opened.getnames()}
    others = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", ".gitignore"}
    assert inside - others == source_of(package)
    assert {"LICENSE", "README.md", "pyproject.toml"} <= inside


@pytest.mark.parametrize("package", FOLDERS)
def test_a_wheel_says_who_made_it_and_where_to_ask(package, distributions):
    [wheel] = distributions.glob(f"{package}-*.whl")
    opened = zipfile.ZipFile(wheel)
    [name] = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
    said = Parser().parsestr(opened.read(name).decode("utf-8"))
    assert said["License-Expression"] == "Apache-2.0"
    assert said.get_all("License-File") == ["LICENSE"]
    assert said["Author"] == "The duomo authors"
    assert {line.partition(",")[0] for line in said.get_all("Project-URL")} >= {"Homepage", "Documentation", "Issues"}
    assert "Programming Language :: Python :: 3.14" in said.get_all("Classifier")
    assert said["Description-Content-Type"] == "text/markdown"
