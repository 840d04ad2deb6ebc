"""Lay out a new plugin package from the templates beside this file; needs no network."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from duomo.errors import UsageProblem, nearest
from duomo.plugins.host import NAME, RESERVED
from duomo.version import __version__

KINDS = {
    "model": "a model of a task that exists, with a tiny torch network",
    "task": "a task of its own, and a model that does it",
    "executor": "a place where models run",
    "adapter": "an industry adapter: records in, guarded and explained verdicts out",
    "command": "a command of duomo",
    "renderer": "an output format for duomo run -o",
}
"""What can be scaffolded. Every package is complete: it installs, runs and passes its own tests."""
_TEMPLATES = Path(__file__).parent / "templates"


def create(name: str, kind: str, folder: Path) -> list[Path]:
    """Write the package ``duomo-<name>`` into `folder` and say which files it has.

    Raises `UsageProblem` for a name that no plugin can have, or when something lies there already.
    """
    _check(name, kind)
    target = folder / f"duomo-{name}"
    if target.exists():
        raise UsageProblem(
            f"'{target}' exists already",
            why="nothing of yours is ever overwritten",
            fix="choose another name, or --dir FOLDER",
        )
    values = _values(name)
    written = []
    for source in sorted([*(_TEMPLATES / "any").rglob("*.txt"), *(_TEMPLATES / kind).rglob("*.txt")]):
        inside = source.relative_to(_TEMPLATES / source.relative_to(_TEMPLATES).parts[0]).with_suffix("")
        path = target / Template(str(inside)).substitute(values)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(source.read_text("utf-8")).substitute(values), "utf-8")
        written.append(path)
    return written


def _check(name: str, kind: str) -> None:
    if kind not in KINDS:
        near = nearest(kind, KINDS, 1)
        raise UsageProblem(
            f"no kind of plugin '{kind}'", why=f"there are: {', '.join(KINDS)}", fix=f"--kind {(near or ['model'])[0]}"
        )
    if not NAME.match(name) or name.endswith("-") or "--" in name:
        bare = re.sub(r"^-+|-+$", "", re.sub(r"[^a-z0-9]+", "-", name.lower().removeprefix("duomo-")))
        raise UsageProblem(
            f"'{name}' is not a plugin name",
            why="it begins the names of what the plugin adds: lower case, digits and single '-', a letter first",
            fix=f"duomo plugins new {bare}" if NAME.match(bare) else "duomo plugins new birds",
        )
    if name in RESERVED or name.startswith("duomo-"):
        raise UsageProblem(
            f"'{name}' cannot be a plugin's name",
            why="the package is called duomo-NAME, and some names are duomo's own: " + ", ".join(sorted(RESERVED)),
            fix=f"duomo plugins new {name.removeprefix('duomo-') if name not in RESERVED else 'birds'}",
        )


def _values(name: str) -> dict[str, str]:
    major, minor = (int(part) for part in __version__.split(".")[:2])
    bound = f"{major}.{minor + 1}" if major == 0 else str(major + 1)
    return {
        "name": name,
        "distribution": f"duomo-{name}",
        "package": f"duomo_{name.replace('-', '_')}",
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "duomo": f"duomo>={major}.{minor},<{bound}",
    }
