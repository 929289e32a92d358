"""`let share = errors / count`: a column of figures that is computed from others, behind a table.

    let        = "let" NAME "=" sum
    sum        = product { ( "+" | "-" ) product }
    product    = factor { ( "*" | "/" ) factor }
    factor     = { "-" } ( NUMBER | AMOUNT | COLUMN | "(" sum ")" )

AMOUNT is a size, in bytes, or a time, in seconds: `1MiB`, `500ms`. `a-b` and `a/b` are names of fields,
too: of such a word the longest beginning that is a column is taken. Where a part is missing, or the
division is by zero, the cell is empty. If its columns are compared with an earlier range, so is the new
one.

The unit of the new column, where it is clear: of `s + s` and `s - s` it is s, of `s * PURE` and `s / PURE`
too, of `s / s` PURE. PURE are numbers of lines and values, written numbers, and what is made of these.
A figure of some lines, divided by the same one of all, is a SHARE; so is what a share lacks of a number.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from logsrv.errors import QueryError
from logsrv.kit.text.words import shown
from logsrv.linelog.query.field_names import FIELD, read_field
from logsrv.linelog.query.question import PURE, SHARE, Cell, Column, ColumnKind
from logsrv.linelog.query.stage import Completion, Stage
from logsrv.linelog.query.stage_words import StageWords, find_column
from logsrv.linelog.query.units import number_in_field_unit, parse_amount
from logsrv.linelog.read.figures.numbers import AtLeast
from logsrv.value import Value

MOST_TOKENS = 100
"""Numbers, names, operators and brackets of an expression."""

_EQUALS = re.compile(r"=(?!=)\s*")
_NUMBER = re.compile(
    r"(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,3}(?![\w.]))?", re.ASCII
)
_AMOUNT = re.compile(r"[0-9.]+[A-Za-zµμ][0-9A-Za-zµμ.]*")
_NAME = re.compile(FIELD)
_CUTS = re.compile(r"[-/]")
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2}
# A whole number beyond this is no longer exact in JSON's readers: it becomes a double.
_LARGEST = 1 << 63


class WithUnit(NamedTuple):
    """A size in bytes, or a time in seconds."""

    number: float
    unit: str


Token: TypeAlias = int | float | WithUnit | str
"""A number; the name of a column after `$`; or an operator, `~` for the sign."""
_COLUMN = "$"


class Computed(Value):
    """A column `name` of numbers. steps: what to do, the operands before their operator."""

    name: str
    steps: tuple[Token, ...]

    def columns_behind(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Return the columns of the table with this one; if its parts are compared, with all three."""
        new = Column(self.name, self.name, unit=self._unit(columns))
        if not self._is_compared(columns):
            return *columns, new
        before, change = (
            Column(f"{self.name}_{one}", "", unit=new.unit) for one in ("before", "change")
        )
        return *columns, new._replace(is_compared=True), before, change

    def apply(
        self, rows: Sequence[tuple[Cell, ...]], columns: Sequence[Column], *, utc: bool
    ) -> list[tuple[Cell, ...]]:
        at = {one.name: index for index, one in enumerate(columns)}
        if not self._is_compared(columns):
            return [(*row, self._value(row, at)) for row in rows]
        earlier = at | {one.name: at[one.name] + 1 for one in columns if one.is_compared}
        found = []
        for row in rows:
            now, before = self._value(row, at), self._value(row, earlier)
            change = None if now is None or before is None else now - before
            found.append((*row, now, before, change))
        return found

    def _is_compared(self, columns: Sequence[Column]) -> bool:
        used = {one for one in self.steps if isinstance(one, str) and one[0] == _COLUMN}
        return any(one.is_compared for one in columns if _COLUMN + one.name in used)

    def _unit(self, columns: Sequence[Column]) -> str | None:
        """Return the unit of its numbers; None if it is unknown."""
        known = {one.name: one for one in columns}
        stack: list[Column] = []
        for one in self.steps:
            if isinstance(one, WithUnit):
                stack.append(Column("", "", unit=one.unit))
            elif not isinstance(one, str):
                stack.append(Column("", "", unit=PURE))
            elif one[0] == _COLUMN:
                stack.append(known[one[1:]])
            elif one != "~":
                right, left = stack.pop(), stack.pop()
                is_share = one == "/" and "" != left.whole == right.name
                unit = SHARE if is_share else _joined_unit(one, left.unit, right.unit)
                stack.append(Column("", "", unit=unit))
        [found] = stack
        return found.unit

    def _value(self, row: Sequence[Cell], at: dict[str, int]) -> float | None:
        """Return the number of a row; None where a part is missing, a bound, or beyond all numbers."""
        stack: list[float] = []
        for one in self.steps:
            if isinstance(one, WithUnit):
                stack.append(one.number)
            elif not isinstance(one, str):
                stack.append(one)
            elif one[0] == _COLUMN:
                cell = row[at[one[1:]]]
                if not isinstance(cell, int | float) or isinstance(cell, AtLeast):
                    return None
                stack.append(cell)
            elif one == "~":
                stack.append(-stack.pop())
            else:
                right, left = stack.pop(), stack.pop()
                try:
                    stack.append(_OPERATORS[one](left, right))
                except (ZeroDivisionError, OverflowError):
                    return None
        [found] = stack
        if isinstance(found, int):
            return found if abs(found) < _LARGEST else float(found)
        return found if math.isfinite(found) else None


def _joined_unit(operator_: str, left: str | None, right: str | None) -> str | None:
    """Return the unit of what an operator makes of two numbers; None if it is unknown."""
    if operator_ in "+-":
        return SHARE if {left, right} == {SHARE, PURE} else left if left == right else None
    # `share * 100` is in per cent already, and that is its name's business.
    left, right = (PURE if one == SHARE else one for one in (left, right))
    if right == PURE:
        return left
    if operator_ == "*":
        return right if left == PURE else None
    return PURE if left == right and left is not None else None


def _of_rows(words: StageWords, columns: Sequence[Column]) -> Computed:
    begin = words.at
    name = words.field("let needs a name and what it is: let share = errors / count")
    if any(name == one.name for one in columns):
        raise words.wrong(f"there is a column {shown(name)} already; choose another name", begin)
    words.skip_space()
    words.take(_EQUALS, f"= is missing here: let {name} = errors / count")
    computed = Computed(name, _Expression(words, columns).read())
    new = computed.columns_behind(columns)[len(columns) :]
    if taken := {one.name for one in columns} & {one.name for one in new}:
        raise words.wrong(
            f"there is a column {shown(min(taken))} already; choose another name", begin
        )
    return computed


class _Expression:
    """Reads an expression; operators wait on a stack for the operands behind them."""

    def __init__(self, words: StageWords, columns: Sequence[Column]) -> None:
        self._words, self._columns = words, columns
        self._steps: list[Token] = []
        self._waiting: list[tuple[str, int]] = []
        self._tokens = 0

    def read(self) -> tuple[Token, ...]:
        """Take an expression; return its steps. Raises QueryError."""
        words = self._words
        while True:
            self._operand()
            while words.text.startswith(")", words.at):
                self._close()
            sign = words.text[words.at : words.at + 1]
            if sign not in _BINDING or not sign:
                break
            self._apply_waiting(_BINDING[sign])
            self._wait(sign)
        self._apply_waiting(0)
        if self._waiting:
            raise words.wrong("this ( is never closed", self._waiting[-1][1])
        return tuple(self._steps)

    def _operand(self) -> None:
        """Take what an operator may stand behind: signs and brackets, then a number or a column."""
        words, text = self._words, self._words.text
        while text[words.at : words.at + 1] in ("-", "("):
            self._wait("~" if text[words.at] == "-" else "(")
        self._count()
        if found := _AMOUNT.match(text, words.at):
            number, amount = number_in_field_unit("", found[0]), parse_amount(found[0])
            if number is not None and amount is not None:
                self._take(WithUnit(float(number), amount.unit), found.end())
                return
        if found := _NUMBER.match(text, words.at):
            if text[found.end() : found.end() + 1].isalnum():
                raise words.wrong("this is not a number, size or time such as 1.5, 1MiB or 500ms")
            self._take(_number(found[0]), found.end())
            return
        name, end = self._column()
        self._take(_COLUMN + name, end)

    def _column(self) -> tuple[str, int]:
        words = self._words
        begin = words.at
        found = read_field(words.text, begin)
        if found is None:
            raise words.wrong("a number or the name of a figure is missing here", begin)
        names = {one.name for one in self._columns}
        for end in [found[1], *_ends(words.text, begin, found[1])]:
            written = _NAME.fullmatch(words.text, begin, end)
            known = read_field(words.text[:end], begin) if written else None
            if known is not None and known[0] in names:
                return self._number_column(known[0], begin), end
        cut = min(_ends(words.text, begin, found[1]), default=found[1])
        name = found[0] if cut == found[1] else words.text[begin:cut]
        return self._number_column(name, begin), cut

    def _number_column(self, name: str, begin: int) -> str:
        column = find_column(name, self._columns, begin)
        if not column.kind.is_number:
            kind = "a time" if column.kind is ColumnKind.TIME else "a text"
            raise QueryError(
                f"{shown(column.name)} is {kind}; let computes with numbers", begin + 1
            )
        return column.name

    def _take(self, step: Token, end: int) -> None:
        self._steps.append(step)
        self._words.at = end
        self._words.skip_space()

    def _wait(self, sign: str) -> None:
        self._count()
        self._waiting.append((sign, self._words.at))
        self._words.at += 1
        self._words.skip_space()

    def _close(self) -> None:
        self._count()
        self._apply_waiting(0)
        if not self._waiting:
            raise self._words.wrong("this ) has no ( before it")
        self._waiting.pop()
        self._words.at += 1
        self._words.skip_space()

    def _apply_waiting(self, binding: int) -> None:
        """Apply the operators that wait, down to a bracket, and that bind at least so strongly."""
        while (
            self._waiting
            and (sign := self._waiting[-1][0]) != "("
            and _BINDING.get(sign, 3) >= binding
        ):
            self._steps.append(sign)
            self._waiting.pop()

    def _count(self) -> None:
        self._tokens += 1
        if self._tokens > MOST_TOKENS:
            raise self._words.wrong(f"an expression may have {MOST_TOKENS} parts; this is one more")


def _ends(text: str, begin: int, end: int) -> list[int]:
    """Return the offsets before each `-` and `/` of a word, the last first; of a name in backticks none."""
    if text.startswith("`", begin):
        return []
    return [begin + one.start() for one in _CUTS.finditer(text[begin:end])][::-1]


def _number(text: str) -> float:
    return int(text) if text.isdigit() else float(text)


STAGE = Stage(
    ("let",),
    "table",
    parse_rows=_of_rows,
    needs="count, count if (level>=error) as errors | let share = errors / count",
    instead={"eval": "let NAME = EXPRESSION", "math": "let NAME = EXPRESSION"},
    help=(("let p = errors / count", "computed: + - * /, brackets, also 1MiB"),),
    examples=(
        (
            "… | count, count if (level>=error) as errors by app | let share = errors / count",
            "figures of some of the lines, and a share computed from them",
        ),
    ),
    completion=Completion(takes="figures"),
)
