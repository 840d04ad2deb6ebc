"""The wheels in an environment of their own: what is imported is what was built, and a plugin is fit from there.

The libraries beneath (torch, pytest ...) are those of this environment, read through a path file: to download them
again would prove nothing about our wheels.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ["duomo", *sorted(f"duomo_{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml"))]
pytestmark = pytest.mark.slow

SUITE = """
from pathlib import Path

import duomo_nlp
from duomo.testing import PluginConformance


class TestNlp(PluginConformance):
    plugin = "nlp"

    def test_it_is_the_installed_one(self):
        assert Path(duomo_nlp.__file__).is_relative_to({site!r})
"""

WHERE = """
import importlib, sys
for name in sys.argv[1:]:
    print(importlib.import_module(name).__file__)
"""


class Installed:
    """A virtual environment with all wheels, which knows nothing of the checkout."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        self.folder = folder
        venv.create(folder / "env", symlinks=True)
        self.python = folder / "env" / "bin" / "python"
        self.site = next((folder / "env" / "lib").glob("python*")) / "site-packages"
        beneath = [path for path in sys.path if Path(path).name == "site-packages"]
        # A folder named in a path file comes last on sys.path, and path files in it are not read: the editable
        # installation of the checkout stays outside.
        (self.site / "beneath.pth").write_text("\n".join(beneath), "utf-8")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("DUOMO", "PYTHON"))
        }
        self.environment |= {"DUOMO_CONFIG": os.devnull, "DUOMO_OFFLINE": "1", "HF_HUB_OFFLINE": "1"}
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--no-deps", "--no-index"]
        subprocess.run([*pip, "--quiet", *map(str, wheels)], check=True, capture_output=True)

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [str(self.python), *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), sorted(distributions.glob("*.whl")))


def test_what_is_imported_comes_from_the_wheels(installed):
    found = installed.run("-c", WHERE, *PACKAGES).splitlines()
    assert [Path(path) for path in found] == [installed.site / name / "__init__.py" for name in PACKAGES]


def test_every_plugin_is_found_once_and_is_well(installed):
    said = installed.run("-m", "duomo", "plugins", "list", "-o", "jsonl")
    assert said.count('"state": "ok"') + said.count('"state":"ok"') == len(PACKAGES) - 1, said


def test_a_plugin_passes_the_conformance_suite_from_its_wheel(installed):
    (installed.folder / "test_nlp.py").write_text(SUITE.format(site=str(installed.site)), "utf-8")
    said = installed.run("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "test_nlp.py")
    assert " passed" in said
    assert "skipped" not in said
