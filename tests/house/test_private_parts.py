"""Private names of libraries are used only where decision 13 lists them, with a guard, a fallback and a test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.imports import ROOT, python_files, tree_of

PUBLIC = {"_replace", "_asdict", "_fields", "_field_defaults", "_make", "_exit", "_repr_html_"}
"""Documented in spite of their underscore: those of named tuples, `os._exit`, and what notebooks ask for."""
PAGE = (ROOT / "docs" / "decisions" / "0013-private-parts.md").read_text("utf-8")
ROWS = [re.findall(r"[^|]+", line) for line in PAGE.splitlines() if line.startswith("| `")]
LISTED = {(row[0].strip(" `"), row[1].strip(" `")) for row in ROWS}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def own_names(trees: list[ast.Module]) -> set[str]:
    """Every name that our code defines: functions, classes, variables, arguments and attributes of ``self``."""
    names = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case (
                ast.FunctionDef(name)
                | ast.AsyncFunctionDef(name)
                | ast.ClassDef(name)
                | ast.arg(name)
                | ast.Name(name, ast.Store())
            ):
                names.add(name)
            case ast.Attribute(ast.Name("self" | "cls"), name, ast.Store()):
                names.add(name)
            case ast.Assign([ast.Name("__slots__")], slots):
                names.update(str(each.value) for each in ast.walk(slots) if isinstance(each, ast.Constant))
    return names


def reaches(tree: ast.Module, own: set[str]) -> Iterator[str]:
    """Private names of others: attributes that are not ours, asked for by a text too, and private modules."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(_, name) if is_private(name) and name not in own | PUBLIC:
                yield name
            case ast.Call(ast.Name("getattr" | "hasattr" | "setattr"), [_, ast.Constant(str(name)), *_]) if (
                is_private(name) and name not in own | PUBLIC
            ):
                yield name
            case ast.ImportFrom(str(module), names) if not module.startswith("duomo"):
                whole = [f"{module}.{each.name}" for each in names if is_private(each.name)]
                yield from whole or ([module] if any(map(is_private, module.split("."))) else [])
            case ast.Import(names):
                yield from (each.name for each in names if any(map(is_private, each.name.split("."))))


def found() -> set[tuple[str, str]]:
    files = [path for room in ("sdk/duomo", "plugins") for path in python_files(ROOT / room)]
    trees = {path: tree_of(path) for path in files}
    own = own_names(list(trees.values()))
    return {(str(path.relative_to(ROOT)), name) for path, tree in trees.items() for name in reaches(tree, own)}


def test_private_parts_of_others_are_those_of_the_list():
    assert found() == LISTED, "add a row to docs/decisions/0013-private-parts.md, or find a public way"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1].strip(" `"))
def test_a_row_says_why_what_guards_it_and_which_test_fails_first(row: list[str]):
    path, _, why, guard, test = (each.strip() for each in row)
    assert (ROOT / path.strip("`")).is_file()
    assert why
    assert guard
    named = re.compile(rf"^def {test.strip('`')}\(", re.MULTILINE)
    assert any(named.search(each.read_text("utf-8")) for each in Path(ROOT / "tests").rglob("test_*.py")), test


def test_a_new_reach_is_seen():
    source = (
        "import ray._private\nfrom torch.utils import _pytree\nfrom a._b import c\nx._new\nself._mine\ny._replace()\n"
        'getattr(z, "_asked", None)\nhasattr(z, "_mine")'
    )
    found = ["ray._private", "torch.utils._pytree", "a._b", "_asked", "_new"]
    assert sorted(reaches(ast.parse(source), {"_mine"})) == sorted(found)
