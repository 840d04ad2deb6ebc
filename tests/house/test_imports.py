"""Imports point one way, nothing imports in a circle, and plugins use the front door."""

import re
import sys

import pytest

from tests.house.imports import ROOT, children, circles, graph, modules, python_files, statements

PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/duomo_*/plugin.py"))
PACKAGES = sorted({name for name, path in modules().items() if path.name == "__init__.py"})

LAYERS = [
    {"brief", "counting", "locking", "nearest", "threads", "version"},
    {"errors", "lazy", "npm", "replacing", "specs", "unfit"},
    {"config", "hooks", "hub", "layout"},
    {"inputs", "plugins"},
    {"decoders", "model", "outcome", "parallel", "resolving", "tasks", "tokenizing", "weights"},
    {
        "backup",
        "catalog",
        "data",
        "folders",
        "generating",
        "imaging",
        "lifecycle",
        "packs",
        "pretrained",
        "vocabulary",
        "writers",
    },
    {"converting", "execution"},
    {"references"},
    {"client", "entries", "keywords", "runner", "training"},
    {"adapters", "typed"},
    {"testing", "doctor", "live", "scaffold"},
    {"export", "serving"},
    {"cli"},
]
"""The rooms of the core from the ground up: a module imports from its own layer and from those below it."""
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}

ROOMS = (
    "adapters config decoders errors execution folders generating imaging inputs model parallel pretrained tasks "
    "testing training vocabulary weights writers".split()
)
PUBLIC = {"duomo", "duomo.adapters.statistics", *(f"duomo.{room}" for room in ROOMS)}
"""What a plugin may import from; and anything inside `duomo.tasks`."""


def test_no_files_import_each_other_in_a_circle():
    assert circles(graph()) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_the_parts_of_a_package_stand_on_floors(package):
    """Seen from their folder, files and subfolders import in one direction."""
    assert circles(children(package)) == []


def test_every_room_of_the_core_has_its_layer():
    rooms = {name.split(".")[1] for name in modules() if name.startswith("duomo.")}
    assert rooms - {"__main__"} == set(HEIGHT), "say in LAYERS where the room stands"


def test_the_pages_for_contributors_name_every_room_and_every_public_name():
    drawing = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("## The rooms")[1].split("```")[1]
    for room in HEIGHT:
        assert re.search(rf"\b{room}\b", drawing), f"ARCHITECTURE.md does not draw {room}"
    [names] = re.findall(r"public names: (.*?)\. `plugin", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
    for room in ROOMS:
        assert re.search(rf"\.{room}`", names), f"CONTRIBUTING.md does not name duomo.{room}"


@pytest.mark.parametrize("module", [name for name in modules() if name.startswith("duomo.")])
def test_the_core_imports_downwards_and_no_plugin(module):
    room = module.split(".")[1]
    if room == "__main__":
        return
    for target, line in graph()[module].items():
        where = f"{modules()[module].relative_to(ROOT)}:{line}"
        assert target.split(".")[0] == "duomo", f"{where}: the core imports the plugin {target}"
        assert HEIGHT[target.split(".")[1]] <= HEIGHT[room], (
            f"{where}: {room} may not import {target}, which is above it"
        )


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_uses_public_names_and_no_other_plugin(folder):
    for path in python_files(folder):
        for module, name, line in statements(path):
            top = module.partition(".")[0]
            where = f"{path.relative_to(ROOT)}:{line}"
            if top == "duomo":
                is_room = f"{module}.{name}" in PUBLIC
                assert module in PUBLIC or is_room or module.startswith("duomo.tasks."), (
                    f"{where}: {module} is not public"
                )
            elif top.startswith("duomo_"):
                assert top == folder.name, f"{where}: {folder.name} imports {top}; name a task instead"


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_says_what_it_is_without_waking_anything_heavy(folder):
    for module, _, line in statements(folder / "plugin.py"):
        top = module.partition(".")[0]
        light = top in ("duomo", folder.name) or top in sys.stdlib_module_names
        assert light, f"{folder.name}/plugin.py:{line}: imports {module}"
