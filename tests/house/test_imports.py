"""Imports point one way, and plugins use the front door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SDK = ROOT / "sdk" / "duomo"
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/duomo_*/plugin.py"))

LAYERS = [
    {"errors", "specs"},
    {"config", "hooks"},
    {"inputs", "discovery", "distributions", "registration", "requirements", "selection"},
    {"tasks", "model", "outcome", "weights", "parallel", "plugins"},
    {"catalog", "execution", "packs", "pretrained", "writers"},
    {"runner"},
    {"adapters"},
    {"testing", "doctor", "scaffold"},
    {"cli", "serving"},
]
"""From the ground up: a module may import from its own layer and from those below it."""
HEIGHT = {name: height for height, layer in enumerate(LAYERS) for name in layer}

ROOMS = "adapters config errors inputs model parallel pretrained tasks testing weights".split()
PUBLIC = {"duomo", *(f"duomo.{name}" for name in ROOMS)}
"""What a plugin may import from; and anything inside `duomo.tasks`."""


def imports(path: Path, *, typing_too: bool = False) -> Iterator[tuple[str, int]]:
    """Every module a file imports, wherever in it, with the line; those for type checkers only on request."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not typing_too:
            skipped.update(id(each) for each in ast.walk(node))
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module or "", node.lineno


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "templates" not in path.parts)


def layer_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_part_of_the_core_has_its_layer():
    parts = {path.stem for path in SDK.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert parts - {"__init__", "__main__"} <= set(HEIGHT), "say in LAYERS where the new part stands"


@pytest.mark.parametrize("path", modules(SDK), ids=lambda path: str(path.relative_to(SDK)))
def test_the_core_imports_downwards_and_no_plugin(path):
    part = path.relative_to(SDK).parts[0].removesuffix(".py")
    for module, line in imports(path):
        top = module.partition(".")[0]
        assert not top.startswith("duomo_"), f"{path.name}:{line}: the core imports the plugin {top}"
        if top != "duomo" or part in ("__init__", "__main__"):
            continue
        below = layer_of(module)
        if below:
            assert HEIGHT[below] <= HEIGHT[part], (
                f"{path.name}:{line}: {part} may not import {module}, which is above it"
            )


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_uses_public_names_and_no_other_plugin(folder):
    for path in modules(folder):
        for module, line in imports(path):
            top = module.partition(".")[0]
            where = f"{path.relative_to(ROOT)}:{line}"
            if top == "duomo":
                assert module in PUBLIC or module.startswith("duomo.tasks."), f"{where}: {module} is not public"
            elif top.startswith("duomo_"):
                assert top == folder.name, f"{where}: {folder.name} imports {top}; name a task instead"


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugin_says_what_it_is_without_waking_anything_heavy(folder):
    import sys

    for module, line in imports(folder / "plugin.py", typing_too=True):
        top = module.partition(".")[0]
        light = top in ("duomo", folder.name) or top in sys.stdlib_module_names
        assert light, f"{folder.name}/plugin.py:{line}: imports {module}"
