"""What every test shares: settings of its own, no network, and a way to write a configuration."""

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import hypothesis
import pytest
import setuptools  # noqa: F401 - torch.compile needs it, and it must come before anything wakes the old distutils

# Before duomo is imported: nobody's settings, no hub, and converted weights kept from run to run.
KEPT = ("DUOMO_CACHE", "DUOMO_TEST_AUDIO")
for name in [each for each in os.environ if each.startswith("DUOMO_") and each not in KEPT]:
    del os.environ[name]
# A test that starts a pytest of its own decides the options of it; those of this one have been read. The plugins of
# fugue stay asleep there as here (pyproject.toml).
os.environ["PYTEST_ADDOPTS"] = "-p no:fugue_test -p no:fugue_test_fixtures"
os.environ["DUOMO_OFFLINE"] = os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["DUOMO_CONFIG"] = os.devnull
os.environ.setdefault("DUOMO_CACHE", str(Path(__file__).parents[1] / ".pytest_cache" / "duomo"))

# One file runs on each core: threads of libraries that wait for one another would spin in the time of the other files
# (boosting took three times its CPU, and more of the clock).
os.environ.setdefault("OMP_NUM_THREADS", "1")

LIBC = ctypes.CDLL(None) if os.name == "posix" else None

# A busy machine is no failure, and the same examples everywhere make one that fails repeatable.
hypothesis.settings.register_profile("duomo", deadline=None, derandomize=True)
hypothesis.settings.load_profile("duomo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start processes come first: the longest are among them, and nobody waits for one at the end."""
    first = {item.path for item in items if item.get_closest_marker("multiproc")}
    items.sort(key=lambda item: item.path not in first)


def pytest_collection_finish() -> None:
    set_apart()


def set_apart() -> None:
    """Set apart what is there until the end, a million objects of libraries: no search for garbage looks at them."""
    gc.collect()
    gc.freeze()
    imported[0] = len(sys.modules)


imported = [0]
"""How many modules there were when objects were last set apart."""


@pytest.fixture(scope="module", autouse=True)
def memory() -> Iterator[None]:
    """Gives back what files of tests leave: models that `duomo.run` keeps, and free memory that glibc holds on to."""
    if len(sys.modules) > imported[0] + 200:
        set_apart()
    yield
    if resident_mb() > least_mb[0] + 200:
        if runner := sys.modules.get("duomo.runner"):
            runner._kept.cache_clear()  # nothing public forgets them before others are loaded
        gc.collect()
        if hasattr(LIBC, "malloc_trim"):
            LIBC.malloc_trim(0)
        least_mb[0] = resident_mb()


least_mb = [0]
"""What the process had when memory was last given back."""


def resident_mb() -> int:
    """Megabytes of memory that this process has; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Writes a configuration file that is in force until the end of the test."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("DUOMO_CONFIG", str(path))

    def write(text: str) -> Path:
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def opened() -> Iterator[Callable[..., IO[Any]]]:
    """Opens files as ``open`` does, until the end of the test."""
    with contextlib.ExitStack() as files:
        yield lambda *args: files.enter_context(open(*args))
