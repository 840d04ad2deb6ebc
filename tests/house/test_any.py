"""How often a signature says Any: each such place is one that a type checker cannot help with."""

import ast

from tests.house.imports import ROOT, tree_of

LIMIT = 250


def _places() -> list[str]:
    found = []
    for folder in (ROOT / "sdk/duomo", *(ROOT / "plugins").glob("*/duomo_*")):
        for file in sorted(folder.rglob("*.py")):
            for node in ast.walk(tree_of(file)):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                given += [each for each in (node.args.vararg, node.args.kwarg) if each]
                hints = [*((each.arg, each.annotation) for each in given), ("->", node.returns)]
                found += [
                    f"{file.relative_to(ROOT)}:{node.lineno} {node.name}({name})"
                    for name, hint in hints
                    if isinstance(hint, ast.Name) and hint.id == "Any"
                ]
    return found


def test_signatures_say_any_rarely():
    places = _places()
    assert len(places) <= LIMIT, f"{len(places)} signatures say Any; name the type, or object:\n" + "\n".join(places)
