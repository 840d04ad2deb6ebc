"""An error that someone meets says what, why and how to go on."""

import ast
from collections.abc import Iterator
from pathlib import Path

from duomo import errors
from tests.house.imports import ROOT, modules, tree_of

KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.DuomoError)}
OTHERS = {"DuomoError"}
"""The base itself wraps what other libraries say."""


REASONED = (
    "duomo.inputs",
    "duomo.tasks",
    *(f"duomo_{name}" for name in "vision nlp speech multimodal tabular".split()),
)
"""What refuses items and options says why, too."""


def without(part: str, path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            kind = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if kind in KINDS - OTHERS and not {each.arg for each in node.keywords} & {part, None}:
                yield f"{path.relative_to(ROOT)}:{node.lineno} {kind}"


def test_every_error_says_how_to_go_on() -> None:
    places = [path for name, path in modules().items() if name.startswith("duomo")]
    assert len(places) > 400
    found = [place for path in places for place in without("fix", path)]
    assert not found, found


def test_every_error_about_an_item_or_an_option_says_why() -> None:
    places = [path for name, path in modules().items() if name.startswith(REASONED)]
    assert len(places) > 200
    found = [place for path in places for place in without("why", path)]
    assert not found, found
