"""A stranger's package from the first line to the last: write, build, install, use, test, uninstall.

The environment is a new one outside the checkout. It has duomo from its wheel, as users get it, so
whatever a wheel leaves out is missed here; the libraries beneath (torch, pytest …) are links to those
of this environment, because installing them again would prove nothing about us.
"""

import datetime
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


class Clean:
    """An environment with duomo's wheel in it, and nothing of this checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=True, symlinks=True)
        self.bin = folder / "env" / "bin"
        beneath = folder / "beneath"
        beneath.mkdir()
        for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
            for entry in Path(place).iterdir():
                if "duomo" not in entry.name and entry.suffix != ".pth" and not (beneath / entry.name).exists():
                    (beneath / entry.name).symlink_to(entry)
        site = next((folder / "env" / "lib").glob("python*")) / "site-packages"
        (site / "beneath.pth").write_text(f"{beneath}\n")
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("DUOMO", "PYTHON"))
        }
        self.environment |= {"DUOMO_CONFIG": str(folder / "config.toml"), "OMP_NUM_THREADS": "1"}
        self.install(ROOT / "sdk")

    def run(self, *command: str, ok: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode in ok, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def records(self, *command: str) -> list[dict]:
        return json.loads(self.run("duomo", *command, "-o", "json"))

    def install(self, source: Path) -> Path:
        """Build a wheel from a copy of `source` and install it."""
        copy = self.folder / "src" / source.name
        if not copy.exists():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", ".*cache", "dist", "build"))
        wheels = self.folder / "wheels"
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(copy)]
        subprocess.run(build, cwd=self.folder, capture_output=True, check=True)
        wheel = max(wheels.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        self.run("python", "-m", "pip", "install", "--no-deps", "--no-index", str(wheel))
        return copy


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return Clean(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def photo(tmp_path):
    pixels = np.empty((60, 80, 3), np.uint8)
    pixels[:30], pixels[30:] = (60, 110, 180), (235, 215, 80)
    Image.fromarray(pixels).save(tmp_path / "bird.png")
    return str(tmp_path / "bird.png")


def prove(clean: Clean, name: str, model: str, source: Path, photo: str) -> dict:
    """Install the package, use it from the command line, run its own tests, uninstall it; gives the result."""
    assert [each["name"] for each in clean.records("plugins", "list")] == []
    copy = clean.install(source)
    (plugin,) = clean.records("plugins", "list")
    assert (plugin["name"], plugin["state"], plugin["missing"]) == (name, "ok", [])
    assert name in {each["name"].partition("/")[0] for each in clean.records("models", "list")}
    (outcome,) = clean.records("run", "image-classification", "-m", model, photo)
    assert outcome["ok"]
    assert outcome["meta"]["plugin"] == f"duomo-{name} {plugin['version']}"
    findings = clean.records("plugins", "check", name)
    assert {each["status"] for each in findings} == {"ok"}
    assert " passed" in clean.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy / "tests"))
    clean.run("python", "-m", "pip", "uninstall", "--yes", f"duomo-{name}")
    assert clean.records("plugins", "list") == []
    gone = clean.run("duomo", "run", "image-classification", "-m", model, photo, "-o", "json", ok=(2,))
    assert f"no plugin is named '{name}'" in gone
    return outcome["result"]


def test_duomo_in_this_environment_is_the_wheel(clean):
    where = clean.run("python", "-c", "import duomo; print(duomo.__file__)").strip()
    assert where.startswith(str(clean.folder))


def test_a_scaffolded_package_works_from_first_to_last(clean, photo):
    clean.run("duomo", "plugins", "new", "sparrows", "--kind", "model", "--dir", "mine")
    result = prove(clean, "sparrows", "sparrows/tiny", clean.folder / "mine" / "duomo-sparrows", photo)
    assert {label["name"] for label in result["labels"]} == {"robin", "wren", "blackbird"}


def test_the_example_package_works_from_first_to_last(clean, photo):
    result = prove(clean, "birds", "birds/plumage", ROOT / "examples" / "duomo-birds", photo)
    assert result["labels"][0]["name"] == "blue tit"


def test_the_example_package_of_industry_adapters_works_from_first_to_last(clean, tmp_path):
    copy = clean.install(ROOT / "examples" / "duomo-industry-ops")
    listed = clean.records("adapters", "list")
    assert [each["name"] for each in listed] == ["ops/demand", "ops/sensor-anomaly"]
    days = [f"2026-{day.month:02}-{day.day:02},{9 - 4 * (day.weekday() > 4)}" for day in _days(200)]
    (tmp_path / "rides.csv").write_text("date,rides\n" + "\n".join(days) + "\n")
    report = json.loads(
        clean.run("duomo", "adapters", "eval", "ops/demand", "--data", str(tmp_path / "rides.csv"), "-o", "json")
    )
    assert report["split"].startswith("Time(")
    save = "from duomo_industry_ops.sensors import SensorAnomaly as S; S.example().save('fitted')"
    clean.run("python", "-c", save)
    (tmp_path / "readings.csv").write_text("machine,speed,heat\nm1,10,60\nm1,10,120\nm1,fast,60\n")
    adapt = ("adapt", "ops/sensor-anomaly", str(tmp_path / "readings.csv"), "-a", "fitted", "--audit", "alarms.log")
    lines = [json.loads(each) for each in clean.run("duomo", *adapt, "-o", "jsonl", ok=(3,)).splitlines()]
    assert [each["ok"] and each["result"]["decision"]["outcome"] for each in lines] == ["accept", "refer", False]
    assert clean.records("audit", "verify", "alarms.log")[0]["ok"]
    findings = clean.records("plugins", "check", "ops")
    assert {each["status"] for each in findings} == {"ok", "skip"}
    assert " passed" in clean.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy / "tests"))
    clean.run("python", "-m", "pip", "uninstall", "--yes", "duomo-industry-ops")
    assert clean.run("duomo", "adapters", "list", "-o", "json").strip() == "[]"


def _days(count):
    start = datetime.date(2026, 1, 1)
    return [start + datetime.timedelta(days=at) for at in range(count)]
