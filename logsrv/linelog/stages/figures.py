"""`count, avg ms by app`: a table of figures of lines, by fields and by steps of time.

    figures = figure { "," figure } [ "every" STEP ] [ "by" FIELD { "," FIELD } ] [ "compare" STEP ]
    figure  = what [ "if" "(" FILTER ")" ] [ "as" NAME ]
    what    = "count" | "rate" [ STEP ] | ( "sum" | "avg" | "min" | "max" | "p50" | "p95" | "p99" ) FIELD
            | ( "count_distinct" | "first" | "last" ) FIELD | ( "min" | "max" ) "time"

`every`, `by` and `compare` may stand in any order. `read/figures` counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from logsrv.kit.text.words import listed, shown
from logsrv.lazy_names import later_module
from logsrv.linelog.query.question import Column, Extraction
from logsrv.linelog.query.stage import ANY_FIELD, Completion, Stage
from logsrv.linelog.query.stage_words import StageWords
from logsrv.linelog.query.times import check_shift
from logsrv.linelog.read.answer_kinds import TableAnswer
from logsrv.linelog.read.figures.grouping import (
    FUNCTIONS,
    OF_FIELDS,
    OF_TIME,
    PERCENTILES,
    Figure,
    Grouping,
)
from logsrv.linelog.steps.steps import Steps

if TYPE_CHECKING:
    from logsrv.linelog.read.figures import compared_groups
    from logsrv.linelog.read.figures.group_table import Rows
    from logsrv.linelog.read.search import Search
    from logsrv.linelog.read.tables import text_table
else:
    compared_groups = later_module("logsrv.linelog.read.figures.compared_groups")
    text_table = later_module("logsrv.linelog.read.tables.text_table")

MOST_FIGURES = 20
"""Figures of an answer."""
NAMES = (*FUNCTIONS,)
MOST_CONDITIONS = 10
"""Different conditions of figures: each is a search of its own."""

_PERCENTILE = re.compile(r"median|p([0-9]{2,6})", re.ASCII)


class Figures(TableAnswer):
    """A table of figures."""

    grouping: Grouping

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.grouping.columns

    @property
    def by(self) -> tuple[str, ...]:
        return self.grouping.by

    @property
    def every(self) -> Steps | None:
        return self.grouping.every

    def rows(
        self, search: Search, extractions: Sequence[Extraction], most: int | None = None
    ) -> Rows:
        return compared_groups.group(search, self.grouping, extractions, most)

    def as_text(self, found: Rows) -> Rows:
        return text_table.figures_for_text(found, self.grouping)

    def in_steps(self, steps: Steps) -> Figures:
        return Figures(self.grouping._replace(every=steps, zone=steps.zone))

    def for_reader(self, search: Search, zone: str) -> Figures:
        return Figures(compared_groups.for_reader(search, self.grouping, zone))


def figures_of(
    figures: Iterable[tuple[str, str]],
    by: tuple[str, ...],
    every: Steps | None,
    compare: float | None = None,
) -> Figures:
    """Return a table of figures, each a function and its field."""
    return Figures(Grouping(tuple(Figure(*each) for each in figures), by, every, compare))


def _figures(words: StageWords, function: str) -> Figures:
    """Take a table. function: of the first figure."""
    found = take_figures(words, function)
    every: Steps | None = None
    compare: float | None = None
    by: tuple[str, ...] = ()
    at, begin = 0, words.begin
    for part in words.parts("every", "by", "compare"):
        if part == "every":
            every = words.steps(part)
        elif part == "compare":
            at, compare = words.at, words.step(part)
        else:
            by = words.grouping_fields()
    try:
        check_shift(compare, every)
    except ValueError as error:
        raise words.wrong(str(error), at) from None
    grouping = Grouping(found, by, every, compare)
    require_different_names(words, grouping, begin)
    return Figures(grouping)


def take_figures(words: StageWords, function: str) -> tuple[Figure, ...]:
    """Take figures with commas between them. function: of the first one, which was read."""
    found = [take_figure(words, function)]
    while words.comma():
        function = words.keyword(*NAMES)
        if not function:
            raise words.wrong(f"write one of these after the comma: {listed(NAMES)}")
        found.append(take_figure(words, function))
    words.require_few(found, MOST_FIGURES, "figures")
    conditions = tuple(dict.fromkeys(one.condition for one in found if one.condition))
    words.require_few(conditions, MOST_CONDITIONS, "different conditions")
    words.skip_space()
    return tuple(found)


def require_different_names(words: StageWords, grouping: Grouping, begin: int) -> None:
    """Raise QueryError if a name that is given to a figure is that of another column, too."""
    if name := grouping.name_given_twice():
        raise words.wrong(f"there is a column {shown(name)} already; choose another name", begin)


def take_figure(words: StageWords, function: str) -> Figure:
    """Take the rest of a figure whose function was read: its field, condition, name. Raises QueryError."""
    figure = _take_measure(words, function)
    words.skip_space()
    if words.keyword("if"):
        condition = words.filter_in_brackets(
            "if needs a query in brackets: count if (level>=error)"
        )
        figure = figure._replace(condition=condition)
    if words.keyword("as"):
        begin, missing = words.at, "as needs a name: count as lines"
        if words.keyword("by", "every", "compare", "if", "as"):
            raise words.wrong(missing, begin)
        name = words.field(missing)
        words.skip_space()
        figure = figure._replace(name=name)
    return figure


def _take_measure(words: StageWords, function: str) -> Figure:
    words.skip_space()
    if function == "count":
        return Figure(function)
    if function == "rate":
        return Figure(function, per=words.step_if_any(1.0))
    needs_numbers = Figure(function, "f").kind.needs_numbers
    like, kind = ("ms", "a field with numbers") if needs_numbers else ("user", "a field")
    begin = words.at
    field = words.field(f"{function} needs {kind}, such as {function} {like}")
    figure = Figure(function, field)
    if field == "time" and figure.kind.needs_numbers:
        raise words.wrong(f"time has no {function}; it has {listed(OF_TIME)}", begin)
    if field == "position":
        raise words.wrong(f"position has no {function}: each line has another", begin)
    return figure


def _nearest_percentile(word: str) -> str:
    """Return what to write for `median` or another percentile, such as `p90`; nothing for other words."""
    found = _PERCENTILE.fullmatch(word)
    if not found:
        return ""
    part = float(f"0.{found[1] or 5}")
    return f"{min(PERCENTILES, key=lambda name: abs(PERCENTILES[name] - part))} FIELD"


_FIGURES = """a row for each value: count, rate, sum, avg, min,
max, p50, p95, p99, count_distinct, first, last"""

STAGE = Stage(
    NAMES,
    "table",
    parse_answer=_figures,
    instead={
        "compare": "count compare 1d",
        "timewrap": "count every 1h compare 1d",
        "stats": "count by FIELD, or avg FIELD by FIELD",
        "top": "count by FIELD | limit 10",
        "timechart": "count every 5m by FIELD",
        "uniq": "count_distinct FIELD",
        "dedup": "count by FIELD",
        "dc": "count_distinct FIELD",
        "earliest": "first FIELD",
        "latest": "last FIELD",
        "wc": "count",
    },
    nearest=_nearest_percentile,
    help=(
        ("count, avg ms by app", _FIGURES),
        ("count if (b=1) as errors", "of lines that match this, too; as names any figure"),
        ("max time by hostname", "the time of the last line; also: min time"),
        ("where count > 5", "after figures: compares columns: time < now - 10m"),
        (
            "count every 5m by app",
            "by steps of time: 1d, 1mo, auto; also: compare 1d",
        ),
    ),
    examples=(
        ("… | count, avg ms by app", "figures for each value; also sum, min, max, p50, p95, p99"),
        (
            "… | count, count if (level>=error) as errors by app",
            "of some of the lines, with a name",
        ),
        ("… | count every 5m by app", "over time, as a chart"),
        ("… | count every 5m compare 1d", "beside the same time a day before"),
    ),
    completion=Completion(
        words=("by", "every", "compare", "if", "as"),
        behind={
            **dict.fromkeys(OF_FIELDS, ANY_FIELD),
            "by": ANY_FIELD,
            "every": ("1m", "5m", "15m", "1h", "1d", "1w", "1mo", "auto"),
            "compare": ("1d", "1w"),
        },
        after_comma=NAMES,
    ),
)
