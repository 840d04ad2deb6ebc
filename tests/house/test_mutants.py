"""`make mutants`: what is changed, and that its list of targets and of survivors is about code that is there."""

import tomllib

import pytest

from tests.house.imports import ROOT
from tests.mutation.mutations import mutants

TARGETS = tomllib.loads((ROOT / "tests" / "mutation" / "targets.toml").read_text("utf-8"))


def changes(source):
    return [(each.where, each.before, each.after) for each in mutants(source)]


@pytest.mark.parametrize(("source", "expected"), [
    ("x = a < b", [("a < b", "a <= b")]),
    ("x = a < b <= c", [("a < b <= c", "a <= b <= c"), ("a < b <= c", "a < b < c")]),
    ("x = a + b", [("a + b", "a - b")]),
    ("x = 'a' + b", []),
    ("x += a", [("x += a", "x -= a")]),
    ("x = a and b", [("a and b", "a or b")]),
    ("x = not a", [("not a", "a")]),
    ("x = 3", [("3", "4")]),
    ("x = True", [("True", "False")]),
    ("x = min(a, b)", [("min(a, b)", "max(a, b)")]),
    ("if a: b", [("if a:", "if not a:")]),
    ("f(a)", [("f(a)", "pass")]),
    ("a.b = c", [("a.b = c", "pass")]),
    ("'a docstring'", []),
    ("import a", []),
    ("x = zip(a, b, strict=True)", []),
    ("if TYPE_CHECKING: f()", []),
    ("@f(1)\ndef g(a: h(2) = 3) -> i(4): pass", [("3", "4")]),
])  # fmt: skip
def test_code_is_changed_and_types_texts_and_imports_are_not(source, expected):
    assert [(before, after) for _, before, after in changes(source)] == expected


def test_a_change_is_compiled_alone_and_knows_its_place():
    source = "class A:\n    def f(self):\n        return 1\nclass B:\n    def f(self):\n        return 10\n"
    results = []
    for mutant in mutants(source):
        space = {}
        exec(mutant.code, space)
        results.append((mutant.where, mutant.line, space["A"]().f(), space["B"]().f()))
    assert results == [("A.f", 3, 2, 10), ("B.f", 6, 1, 11)]


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_has_its_module_its_tests_and_reasons_for_survivors(name):
    target = TARGETS[name]
    assert target["path"].removesuffix(".py").replace("/", ".").endswith(target["module"])
    assert all((ROOT / each).is_file() for each in target["tests"])
    made = changes((ROOT / target["path"]).read_text("utf-8"))
    for listed in target.get("unseen", ()):
        assert (listed["in"], listed["before"], listed["after"]) in made, "remove what is no longer made"
        assert listed["why"]
