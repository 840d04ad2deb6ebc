"""An error that someone meets says what, why and how to go on."""

import ast
from collections.abc import Iterator
from pathlib import Path

from duomo import errors
from tests.house.imports import ROOT, modules, tree_of

KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.DuomoError)}
OTHERS = {"DuomoError"}
"""The base itself wraps what other libraries say."""


def without_a_fix(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            kind = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if kind in KINDS - OTHERS and not {each.arg for each in node.keywords} & {"fix", None}:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {kind}"


def test_every_error_says_how_to_go_on() -> None:
    places = [path for name, path in modules().items() if name.startswith("duomo")]
    assert len(places) > 400
    found = [place for path in places for place in without_a_fix(path)]
    assert not found, found
