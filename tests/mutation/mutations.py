"""Small changes of a module, each of which some test should notice."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator
from types import CodeType

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
NOT_RUN = ("annotation", "returns", "decorator_list", "type_params", "op", "ops", "ctx")
"""Fields of a node that are no code of their own: types, decorators, and operators, which their node changes."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One changed module."""

    where: str
    """Class and function in which it was changed; empty at the top of the module."""
    line: int
    before: str
    after: str
    """What was changed, as Python writes it."""
    code: CodeType = dataclasses.field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.line}: {self.where or 'module'}: {self.before}  →  {self.after}"


def mutants(source: str, path: str = "<source>") -> Iterator[Mutant]:
    """Yield every single change of a module's source, compiled."""
    tree = ast.parse(source, path)
    for owner, field, position, node, where in _sites(tree, ""):
        before = ast.unparse(node)
        for other in _variants(node):
            ast.fix_missing_locations(ast.copy_location(other, node))
            _put(owner, field, position, other)
            code = compile(tree, path, "exec", dont_inherit=True)
            after = ast.unparse(other)
            yield Mutant(where, getattr(node, "lineno", 0), before.split("\n")[0], after.split("\n")[0], code)
        _put(owner, field, position, node)


def _sites(node: ast.AST, where: str) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, str]]:
    """Every node below one that may be changed, with its place in its owner."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        where = f"{where}.{node.name}" if where else node.name
    for field, value in ast.iter_fields(node):
        if field in NOT_RUN:
            continue
        for position, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(each, ast.AST) and not _is_not_run(each):
                yield node, field, position, each, where
                yield from _sites(each, where)


def _is_not_run(node: ast.AST) -> bool:
    """Whether a node only documents, imports, or checks what cannot be otherwise (``zip(..., strict=True)``)."""
    if isinstance(node, ast.keyword):
        return node.arg == "strict"
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or isinstance(node, ast.Import | ast.ImportFrom)


def _put(owner: ast.AST, field: str, position: int | None, node: ast.AST) -> None:
    if position is None:
        setattr(owner, field, node)
    else:
        getattr(owner, field)[position] = node


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node."""
    match node:
        case ast.Compare(left, ops, comparators):
            for at, op in enumerate(ops):
                yield ast.Compare(left, [*ops[:at], COMPARISONS[type(op)](), *ops[at + 1 :]], comparators)
        case ast.BinOp(left, op, right) if type(op) in OPERATORS and not _is_text(left) and not _is_text(right):
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.AugAssign(target, op, value) if type(op) in OPERATORS:
            yield ast.AugAssign(target, OPERATORS[type(op)](), value)
        case ast.BoolOp(op, values):
            yield ast.BoolOp(ast.And() if isinstance(op, ast.Or) else ast.Or(), values)
        case ast.UnaryOp(ast.Not() | ast.USub() | ast.Invert(), operand):
            yield operand
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Call(ast.Name(name), args, keywords) if name in CALLS:
            yield ast.Call(ast.Name(CALLS[name], ast.Load()), args, keywords)
        case ast.If(test, body, orelse) if _is_bare(test):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse) if _is_bare(test):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()
        case ast.Expr(ast.Call()) | ast.Delete() | ast.Raise():
            yield ast.Pass()
        case ast.Assign([ast.Attribute() | ast.Subscript(), *_], _):
            yield ast.Pass()


def _is_bare(test: ast.expr) -> bool:
    """Whether a condition has no operator that could be changed instead."""
    return not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
