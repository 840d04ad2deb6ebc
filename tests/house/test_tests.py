"""What holds for every test: no private names, no sleep as "long enough", no chance equality; else a comment says why.

The comment stands on the line itself, or alone on the line above.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from fractions import Fraction
from importlib.metadata import packages_distributions

import pytest

from tests.house.imports import ROOT
from tests.house.test_private_parts import PUBLIC, is_private

CLOCKS = ("monotonic", "perf_counter", "deadline", "range(", "timeout")
"""What a loop that waits for something is bounded by."""
TO_TOOLS = re.compile(r"# (noqa|type: ignore|fmt:)[^#]*")
"""Comments that a tool reads."""
NEAR = ("approx", "allclose", "isclose", "round", "close")
"""Calls that compare or make numbers with a tolerance."""


def explained(source: str) -> set[int]:
    """The lines that a comment says something of: its own, and the next where it stands alone."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not TO_TOOLS.fullmatch(token.string):
            lines.add(token.start[0])
            if not token.line[: token.start[1]].strip():
                lines.add(token.start[0] + 1)
    return lines


def private(tree: ast.Module) -> Iterator[int]:
    """Lines that reach into what another module or object keeps to itself."""
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name("self" | "cls"), _):
                pass
            case ast.Attribute(_, name) if is_private(name) and name not in PUBLIC | own:
                yield node.end_lineno or node.lineno
            case ast.ImportFrom(_, names) if any(is_private(each.name) for each in names):
                yield node.lineno
            case ast.Call(
                ast.Attribute(_, "setattr") | ast.Name("getattr" | "setattr"), [_, ast.Constant(str(name)), *_]
            ):
                if is_private(name):
                    yield node.lineno
            case ast.Call(ast.Attribute(_, "setattr"), [ast.Constant(str(path)), *_]):
                if any(map(is_private, path.replace(":", ".").split("."))):
                    yield node.lineno


def sleeps(tree: ast.Module, bounded: bool = False) -> Iterator[int]:
    """Lines that sleep, save in a loop that has a bound: there each sleep is short, and the bound is generous."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Call(ast.Attribute(ast.Name("time"), "sleep")) if not bounded:
                yield node.lineno
        loop = isinstance(node, ast.While | ast.For) and any(clock in ast.unparse(node) for clock in CLOCKS)
        yield from sleeps(node, bounded or loop)  # type: ignore[arg-type]


def numbers(node: ast.AST) -> Iterator[float]:
    """The floats of an expression, save those it only hands to a call."""
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield node.value
    elif not isinstance(node, ast.Call):
        yield from (number for child in ast.iter_child_nodes(node) for number in numbers(child))


def chances(tree: ast.Module) -> Iterator[int]:
    """Lines that ask for equality with a fraction that no float is exactly, such as 0.1."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            calls = {ast.unparse(each.func).split(".")[-1] for each in ast.walk(node) if isinstance(each, ast.Call)}
            sides = (node.left, *node.comparators)
            fractions = [each for side in sides for each in numbers(side) if Fraction(each) != Fraction(str(each))]
            if fractions and not calls & set(NEAR):
                yield node.lineno


CHECKS = {"a private name": private, "a sleep": sleeps, "a fraction": chances}


def silent() -> Iterator[str]:
    for path in sorted((ROOT / "tests").rglob("*.py")):
        source = path.read_text("utf-8")
        tree = ast.parse(source)
        checks = CHECKS if "sleep" in source else {**CHECKS, "a sleep": lambda _: ()}
        found = {(line, kind) for kind, lines in checks.items() for line in lines(tree)}
        spoken = explained(source) if found else set()
        yield from (f"{path.relative_to(ROOT)}:{line}: {kind}" for line, kind in sorted(found) if line not in spoken)


def test_what_a_test_must_not_lean_on_has_a_comment():
    assert list(silent()) == [], "say why in a comment, or find another way"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x._inner", {"a private name"}),
        ("self._inner, x.__dict__, spec._replace()", set()),
        ("x._inner  # the only place that holds it", set()),
        ("# the only place that holds it\nx._inner", set()),
        ("x._inner  # noqa: SLF001", {"a private name"}),
        ("from a import _b", {"a private name"}),
        ("monkeypatch.setattr(module, '_b', 3)", {"a private name"}),
        ("monkeypatch.setattr('module._b', 3)", {"a private name"}),
        ("time.sleep(0.2)", {"a sleep"}),
        ("while time.monotonic() < end: time.sleep(0.2)", set()),
        ("while True: time.sleep(0.2)", {"a sleep"}),
        ("assert f(x) == 0.1", {"a fraction"}),
        ("assert f(x) == [1, 0.1]", {"a fraction"}),
        ("assert f(x) == pytest.approx(0.1)", set()),
        ("assert f(x) == 0.25", set()),
        ("assert f(x, 0.1) == 3", set()),
    ],
)
def test_the_checks_see_what_they_are_for(source: str, found: set[str]):
    spoken = explained(source)
    assert {kind for kind, lines in CHECKS.items() if set(lines(ast.parse(source))) - spoken} == found


def test_tests_are_collected_where_no_weights_are_installed():
    """`make test-fast` installs none; what comes with weights is imported where it is used."""
    listed = set(re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE))
    owners = packages_distributions()
    lost = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            named = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            named += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in named:
                packages = {re.sub(r"[-_.]+", "-", each).lower() for each in owners.get(name.partition(".")[0], ())}
                if packages and not any(each in listed or each.startswith("duomo") for each in packages):
                    lost.append(f"{path.relative_to(ROOT)}: {name}")
    assert not lost
