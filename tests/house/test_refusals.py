"""An error that someone meets says what, why and how to go on."""

import ast
import re
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


def test_a_fix_that_names_an_option_of_the_command_line_is_spelled_for_python_first() -> None:
    """``device="cpu"  (-d cpu)``: what Python and the command line both reach is told to both."""
    others = re.compile(
        r"\b(ffmpeg|pip|git|ray|uv|curl|qpdf|tiffcp|iconv|duomo|llama-gguf-split|gunicorn|command line)\b|--debug"
    )
    rooms = tuple(f"duomo.{name}" for name in ("execution", "export", "inputs", "training", "writers"))
    found = []
    for path in (path for name, path in modules().items() if name.startswith(rooms)):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.keyword) and node.arg == "fix":
                parts = (each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant))
                text = "".join(each for each in parts if isinstance(each, str))
                if re.search(r"--[a-z]", text) and " (-" not in text and not others.search(text):
                    found.append(f"{path.relative_to(ROOT)}:{node.value.lineno}: {text}")
    assert not found
