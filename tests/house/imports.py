"""Who imports whom: a graph of the files of this repository, typing imports included."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "sdk", *sorted(path for path in (ROOT / "plugins").iterdir() if path.is_dir()), ROOT / "benchmarks"]
"""Folders that imports start from."""


def python_files(folder: Path) -> list[Path]:
    """The modules of a folder; templates of the scaffold are not ours to import."""
    return sorted(
        path
        for path in folder.rglob("*.py")
        if not {"templates", "build", "dist", "tests"} & set(path.relative_to(folder).parts)
    )


def name_of(path: Path, source: Path) -> str:
    """The dotted name that a file is imported by."""
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def modules() -> dict[str, Path]:
    """Every module of the sdk, the plugins and the benchmarks, by its dotted name."""
    return {name_of(path, source): path for source in SOURCES for path in python_files(source)}


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def statements(path: Path) -> Iterator[tuple[str, str, int]]:
    """Every import of a file, wherever in it: module, name (empty for ``import module``) and line."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((node.module or "", alias.name, node.lineno) for alias in node.names)


def is_face(name: str) -> bool:
    """Whether a module is the ``__init__`` of a package that hands out names which live elsewhere."""
    path = modules()[name]
    return path.name == "__init__.py" and not any(isinstance(node, ast.ClassDef) for node in tree_of(path).body)


@functools.cache
def home(module: str, name: str) -> str:
    """The module in which an imported name is defined; a face is looked through."""
    if name and f"{module}.{name}" in modules():
        return f"{module}.{name}"
    if module in modules() and is_face(module):
        for inner, given, _ in statements(modules()[module]):
            if given == name and inner in modules():
                return home(inner, given)
    return module


@functools.cache
def graph() -> dict[str, dict[str, int]]:
    """Module → the modules it imports, each with the line. The imports of a face are its list of names, not a need."""
    found: dict[str, dict[str, int]] = {}
    for module, path in modules().items():
        targets = {home(inner, name): line for inner, name, line in statements(path)}
        found[module] = {} if is_face(module) else {to: at for to, at in targets.items() if to in modules()}
        found[module].pop(module, None)
    return found


def circles(edges: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of nodes that reach each other (Tarjan's strongly connected components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in edges:
        if node not in index:
            visit(node)
    return sorted(found)


def children(package: str) -> dict[str, set[str]]:
    """The imports between the files and folders directly inside a package, as one sees them from there."""
    inside = f"{package}." if package else ""

    def child(module: str) -> str:
        return module.removeprefix(inside).partition(".")[0] if module.startswith(inside) else ""

    edges: dict[str, set[str]] = {}
    for module, targets in graph().items():
        start = child(module)
        if start:
            edges.setdefault(start, set()).update(to for target in targets if (to := child(target)) not in ("", start))
    return edges
