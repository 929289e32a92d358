"""The places of a source where one expression or statement can be broken, and the changes there."""

from __future__ import annotations

import ast
import copy
from itertools import pairwise
from typing import Any, NamedTuple

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.Mod: ast.Add,
}  # fmt: skip
# A swap of their first two arguments fails at once, or changes nothing at run time.
_NOT_SWAPPED = {
    "isinstance",
    "issubclass",
    "cast",
    "getattr",
    "setattr",
    "TypeVar",
    "NewType",
    "min",
    "max",
}
OTHER = "other"
OPERATORS = ("await", "bound", "finally", "guard", "link", "swap", OTHER)
_PLAIN = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete)
_LEFT_ALONE = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr)


class Mutant(NamedTuple):
    """A change of a source: the bytes from `begin` up to `end` become `new`. operator: its kind."""

    line: int
    begin: int
    end: int
    new: str
    operator: str

    def applied(self, source: str) -> str:
        data = source.encode()
        return (data[: self.begin] + self.new.encode() + data[self.end :]).decode()


def mutants(source: str) -> list[Mutant]:
    """Return all mutants of a source, each once, in their order."""
    collector = _Collector(source)
    collector.visit(ast.parse(source))
    return sorted(collector.found.values())


class _Collector(ast.NodeVisitor):
    def __init__(self, source: str) -> None:
        self.found: dict[tuple[int, int, str], Mutant] = {}
        self._source = source.encode()
        self._starts = [0]
        for line in source.encode().splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def _range(self, first: ast.stmt | ast.expr, last: ast.stmt | ast.expr) -> tuple[int, int]:
        assert last.end_lineno is not None and last.end_col_offset is not None
        return (
            self._starts[first.lineno - 1] + first.col_offset,
            self._starts[last.end_lineno - 1] + last.end_col_offset,
        )

    def _put(
        self,
        node: ast.stmt | ast.expr,
        new: ast.AST | str,
        operator: str = OTHER,
        last: ast.stmt | None = None,
    ) -> None:
        """Add the mutant that has `new` in place of a node, or of the statements up to `last`."""
        if isinstance(new, ast.AST):
            new = f"({ast.unparse(new)})" if isinstance(new, ast.expr) else ast.unparse(new)
        begin, end = self._range(node, last or node)
        self.found.setdefault((begin, end, new), Mutant(node.lineno, begin, end, new, operator))

    def _put_with(self, node: Any, **changed: object) -> None:
        new = copy.copy(node)
        for name, value in changed.items():
            setattr(new, name, value)
        self._put(node, new)

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, _LEFT_ALONE):
            return
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            if "TYPE_CHECKING" in ast.unparse(node.test):
                return
            self._negate(node.test)
        super().visit(node)

    def _negate(self, test: ast.expr) -> None:
        # Comparisons, `and` and `or` have mutants of their own.
        if not isinstance(test, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant):
            self._put(test, ast.UnaryOp(ast.Not(), test))

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Visit defaults and body, but neither decorators nor annotations."""
        defaults = [*node.args.defaults, *(one for one in node.args.kw_defaults if one)]
        for each in (*defaults, *node.body):
            self.visit(each)
        for inner in ast.walk(node):
            for field in ("body", "orelse", "finalbody"):
                if isinstance(inner, ast.stmt) and not isinstance(inner, ast.ClassDef):
                    self._swap(getattr(inner, field, []))

    def _swap(self, statements: list[ast.stmt]) -> None:
        """Swap neighbours if one is a call, or the second needs what the first sets."""
        for one, other in pairwise(statements):
            if not (isinstance(one, _PLAIN) and isinstance(other, _PLAIN)):
                continue
            # A name of the first that the second reads would not be there: every test finds that.
            if _names(one, ast.Name, ast.Store) & _names(other, ast.Name, ast.Load):
                continue
            sets = _names(one, ast.Attribute, ast.Store) & _names(other, ast.Attribute, ast.Load)
            effects = all(map(_has_effect, (one, other))) and any(map(_is_call, (one, other)))
            if sets or effects:
                (begin, end), (after, last) = self._range(one, one), self._range(other, other)
                texts = self._source[after:last], self._source[end:after], self._source[begin:end]
                self._put(one, b"".join(texts).decode(), "swap", other)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_If(self, node: ast.If) -> None:
        # `elif` has no place of its own. A bare return and a raise become `pass` anyhow.
        begin, _ = self._range(node, node)
        leaves = isinstance(node.body[-1], ast.Return | ast.Continue | ast.Break | ast.Raise)
        if leaves and not node.orelse and self._source[begin:].startswith(b"if"):
            self._put(node, "pass", "guard")
        self.generic_visit(node)

    def visit_Try(self, node: ast.Try) -> None:
        if node.finalbody:
            self._put(node.finalbody[0], "pass", "finally", node.finalbody[-1])
        self.generic_visit(node)

    def visit_Await(self, node: ast.Await) -> None:
        self._put(node, node.value, "await")
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for each in node.body:
            self.visit(each)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value:
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call):
            self._put(node, "pass")
        if not isinstance(value, ast.Constant):
            self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            self._put(node, "pass")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._put(node, "pass")
        if type(node.op) in _ARITHMETIC and not _is_text(node.value):
            self._put_with(node, op=_ARITHMETIC[type(node.op)]())
        self.visit(node.value)

    def visit_Delete(self, node: ast.Delete) -> None:
        self._put(node, "pass")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            self._put(node, "pass")
        elif not isinstance(node.value, ast.Constant):
            self._put(node, "return None")
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        """Remove the statement, but do not change what is in it: messages are for people."""
        if node.exc is None or "NotImplementedError" not in ast.unparse(node.exc):
            self._put(node, "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self._put(node, "continue")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._put(node, "break")

    def visit_Compare(self, node: ast.Compare) -> None:
        for index, op in enumerate(node.ops):
            ops = [*node.ops[:index], _COMPARE[type(op)](), *node.ops[index + 1 :]]
            self._put_with(node, ops=ops)
        if len(node.ops) > 1:
            links = [node.left, *node.comparators]
            for begin, end in ((0, -1), (1, None)):
                rest, ops = links[begin:end], node.ops[begin:end]
                self._put(node, ast.Compare(rest[0], ops, rest[1:]), "link")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        self._put_with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        for index in range(len(node.values)):
            rest = node.values[:index] + node.values[index + 1 :]
            self._put(node, rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not):
            self._put(node, node.operand)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in _ARITHMETIC and not (_is_text(node.left) or _is_text(node.right)):
            self._put_with(node, op=_ARITHMETIC[type(node.op)]())
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self._put(node, repr(not value))
        elif isinstance(value, int):
            for near in (value + 1, value - 1)[: 1 + (value > 0)]:
                self._put(node, repr(near))
        elif isinstance(value, float):
            self._put(node, repr(value * 2 + 1))
        elif isinstance(value, bytes) and 0 < len(value) <= 8:
            self._put(node, 'b""')

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if name in ("min", "max"):
            self._put_with(node, func=ast.Name("max" if name == "min" else "min"))
            if len(node.args) == 2 and not node.keywords and not _starred(node):
                for each in node.args:
                    self._put(node, each, "bound")
        first_two = node.args[:2]
        if (
            len(first_two) == 2
            and name not in _NOT_SWAPPED
            and not _starred(node)
            and ast.dump(first_two[0]) != ast.dump(first_two[1])
        ):
            self._put_with(node, args=[*reversed(first_two), *node.args[2:]])
        if name not in ("NewType", "TypeVar", "cast"):
            self.generic_visit(node)


def _starred(node: ast.Call) -> bool:
    return any(isinstance(one, ast.Starred) for one in node.args)


def _names(node: ast.stmt, kind: type[ast.expr], context: type[ast.expr_context]) -> set[str]:
    return {
        ast.unparse(one)
        for one in ast.walk(node)
        if isinstance(one, kind) and isinstance(getattr(one, "ctx", None), context)
    }


def _is_call(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)


def _has_effect(node: ast.stmt) -> bool:
    """Return whether a statement calls something, or changes what is not a local name."""
    return any(
        isinstance(one, ast.Call)
        or (isinstance(one, ast.Attribute | ast.Subscript) and not isinstance(one.ctx, ast.Load))
        for one in ast.walk(node)
    )


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
    )
