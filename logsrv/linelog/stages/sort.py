"""`sort ms`: the lines with the largest numbers in a field, `sort time` the newest; behind a table, its
rows by a column.

    sort = "sort" [ "by" ] FIELD [ "asc" | "desc" ]

The direction may stand before the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from logsrv.kit.text.words import counted
from logsrv.lazy_names import later_module
from logsrv.linelog.fields.values import Number, number_of_value
from logsrv.linelog.query.field_names import read_field
from logsrv.linelog.query.question import Cell, Column, Extraction
from logsrv.linelog.query.stage import ANY_FIELD, Completion, Stage
from logsrv.linelog.query.stage_words import StageWords, find_column
from logsrv.linelog.query.units import unit_of_figures
from logsrv.linelog.read.answer_kinds import LinesAnswer, OrderedLines

if TYPE_CHECKING:
    from logsrv.linelog.read.figures import chosen_lines
    from logsrv.linelog.read.search import Search
else:
    chosen_lines = later_module("logsrv.linelog.read.figures.chosen_lines")


class Sorting(LinesAnswer):
    """The lines with the largest numbers in `field`, or the smallest if `ascending`."""

    field: str
    ascending: bool = False

    adjective = "sorted"

    def find(self, search: Search, extractions: Sequence[Extraction], most: int) -> OrderedLines:
        found = chosen_lines.sort_lines(
            search, self.field, extractions, most, ascending=self.ascending
        )
        note = ""
        if self.field == "time" and not any("time" in one.names for one in extractions):
            return OrderedLines(found.hits, (), found.with_number)
        if found.lines and not found.with_number:
            note = f"{counted(found.lines, 'line')} match, none has a number in {self.field}"
        ways = chosen_lines.written_ways(found.hits, self.field, extractions)
        unit = unit_of_figures(self.field, ways)
        members = [{"number": one} | ({"unit": unit} if unit else {}) for one in found.numbers]
        return OrderedLines(found.hits, members, found.with_number, note)

    def columns_behind(self, columns: Sequence[Column]) -> Sequence[Column]:
        return columns

    def apply(
        self, rows: Sequence[tuple[Cell, ...]], columns: Sequence[Column], *, utc: bool
    ) -> list[tuple[Cell, ...]]:
        """Return rows by a column: by numbers if it has only numbers. Missing values are last."""
        column = [one.name for one in columns].index(self.field)
        known = [row for row in rows if row[column] is not None]
        numbers = [_number(row[column]) for row in known]
        keys: list[Any] = [str(row[column]) for row in known] if None in numbers else numbers
        order = sorted(range(len(known)), key=keys.__getitem__, reverse=not self.ascending)
        return [known[at] for at in order] + [row for row in rows if row[column] is None]


def _number(cell: Cell) -> Number | None:
    return None if cell is None else number_of_value(cell)


def _of_lines(words: StageWords, _: str) -> Sorting:
    return _sorting(words)[0]


def _of_rows(words: StageWords, columns: Sequence[Column]) -> Sorting:
    sorting, at = _sorting(words)
    return sorting.replace(field=find_column(sorting.field, columns, at).name)


def _sorting(words: StageWords) -> tuple[Sorting, int]:
    """Take a field and its direction; return where the field begins, too."""
    # The words as they are written: `desc` in backticks is a field.
    written: list[str] = []
    fields: list[tuple[str, int]] = []
    while len(written) < 3 and (found := read_field(words.text, words.at)):
        name, end = found
        written.append(words.text[words.at : end])
        fields.append((name, words.at))
        words.at = end
        words.skip_space()
    match written:
        case ["by", _, "asc" | "desc" as direction] | [_, "asc" | "desc" as direction]:
            name, at = fields[-2]
        case ["by", "asc" | "desc" as direction, _] | ["asc" | "desc" as direction, _]:
            name, at = fields[-1]
        case ["by", _] | [_]:
            direction = "desc"
            name, at = fields[-1]
        case []:
            raise words.wrong("sort needs a field with numbers, such as sort ms")
        case _:
            words.at = fields[-1][1]
            raise words.one_too_many(written[-1])
    return Sorting(name, direction == "asc"), at


STAGE = Stage(
    ("sort",),
    "ordered",
    parse_answer=_of_lines,
    parse_rows=_of_rows,
    filters_behind=True,
    help=(("sort ms, sort time asc", "the lines with the largest numbers, the oldest ones"),),
    examples=(("… | sort ms | limit 10", "the lines with the largest numbers; asc: the smallest"),),
    completion=Completion(words=("asc", "desc"), behind={"sort": ANY_FIELD, "by": ANY_FIELD}),
    order="Sorted by their number, the first",
    lack="number to sort by",
)
