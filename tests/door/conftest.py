"""Plugins as pip would have installed them: a package and a dist-info folder."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest


def install(
    site: Path,
    name: str,
    code: str = "",
    *,
    distribution: str = "",
    module: str = "",
    version: str = "1.0",
    requires: tuple[str, ...] = (),
    group: str = "duomo.plugins.v1",
    entry_points: str = "",
) -> None:
    """Lay a plugin named `name` into the folder `site`; without `code` only its metadata."""
    distribution = distribution or f"duomo-{name}"
    module = module or distribution.replace("-", "_")
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "entry_points.txt").write_text(entry_points or f"[{group}]\n{name} = {module}.plugin:plugin\n")
    (info / "RECORD").write_text("")
    if code:
        package = site / module
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text("")
        (package / "plugin.py").write_text(dedent(code))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed packages; put it on PYTHONPATH."""
    return tmp_path / "site"


@pytest.fixture(scope="session")
def lay() -> Callable[..., None]:
    """`install`, for tests."""
    return install
