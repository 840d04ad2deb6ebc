"""The distributions of the workspace, built once for all tests of them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "sdk", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


@pytest.fixture(scope="session")
def distributions(tmp_path_factory) -> Path:
    """A folder with a source archive and a wheel of every package; the wheel is built from the archive."""
    made = tmp_path_factory.mktemp("dist")
    for folder in FOLDERS:
        build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(folder)]
        done = subprocess.run(build, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return made
