"""What `duomo-edge` brings along on a device: installed anew from the registry, weighed, and run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.edge import graphs

ROOT = Path(__file__).parents[3]
MOST_MB = 300
QUIET = ["--quiet", "--disable-pip-version-check"]
RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
import duomo
with duomo.load("feature-extraction", "dir:" + sys.argv[2]) as runner:
    vector = runner("a red ball").vector.tolist()
try:
    import torch
    has_torch = True
except ImportError:
    has_torch = False
json.dump({"vector": vector, "torch": has_torch, "duomo": duomo.__file__}, sys.stdout)
"""


@pytest.mark.slow
def test_a_fresh_installation_is_below_300_megabytes_and_works_without_torch(tmp_path):
    place = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-compile", *QUIET]
    what = ["--target", str(place), "-c", str(ROOT / "constraints.txt"), str(ROOT / "sdk"), str(ROOT / "plugins/edge")]
    done = subprocess.run([*pip, *what], capture_output=True, text=True)
    if "No matching distribution" in done.stderr or "NewConnectionError" in done.stderr:
        pytest.skip("the registry cannot be reached")
    assert done.returncode == 0, done.stderr
    sizes = [(each.suffix, each.stat().st_size) for each in place.rglob("*") if each.is_file()]
    sources = sum(size for suffix, size in sizes if suffix == ".py")  # compiled, which takes long, they are 1.2 to 1.5
    megabytes = (sum(size for _, size in sizes) + 1.5 * sources) / 1e6
    assert megabytes <= MOST_MB
    (tmp_path / "model").mkdir()
    folder = graphs.text_encoder(tmp_path / "model")
    # Alone: neither the libraries of this environment nor those that it names.
    alone = [sys.executable, "-I", "-S", "-c", RUN, str(place), str(folder)]
    done = subprocess.run(alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert not said["torch"]
    assert Path(said["duomo"]).is_relative_to(place)
    assert len(said["vector"]) > 1
