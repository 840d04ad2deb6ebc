"""The distributions of the workspace, built once for all tests of them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "sdk", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]

BUILD = """
import os, sys, tarfile, tempfile
from hatchling import build
made, *folders = sys.argv[1:]
with tempfile.TemporaryDirectory() as place:
    for folder in folders:
        os.chdir(folder)
        archive = build.build_sdist(made)
        with tarfile.open(os.path.join(made, archive)) as opened:
            opened.extractall(place, filter="data")
        os.chdir(os.path.join(place, archive.removesuffix(".tar.gz")))
        build.build_wheel(made)
        os.chdir(made)
"""
"""What ``python -m build --no-isolation`` does in four processes for each folder; the archives are the same."""


@pytest.fixture(scope="session")
def distributions(tmp_path_factory) -> Path:
    """A folder with a source archive and a wheel of every package; the wheel is built from the archive."""
    made = tmp_path_factory.mktemp("dist")
    done = subprocess.run([sys.executable, "-c", BUILD, made, *FOLDERS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return made
