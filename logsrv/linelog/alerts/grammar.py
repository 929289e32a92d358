"""The condition behind the query of an alert: figures of its lines in a window of time, and a comparison.

    alert     = filter { "|" stage of lines } [ "|" condition ]
    condition = figures { "|" let } "|" where { "|" let | "|" where }
    figures   = figure { "," figure } "in" TIME [ "by" FIELD { "," FIELD } ]

Figures, `let` and `where` are those of a search (`linelog/stages`), and mean the same. Two short forms have
the comparison among the figures; `in`, `by` and the comparison may stand in any order:

    count > 100 in 5m by app     count in 5m by app | where count > 100
    none in 10m by app           count in 10m by app | where count < 1
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from logsrv.errors import QueryError
from logsrv.linelog.alerts.condition import Condition
from logsrv.linelog.query.parse import ORDERS
from logsrv.linelog.query.pipeline import LineStages
from logsrv.linelog.query.question import (
    Column,
    ColumnKind,
    Compare,
    Node,
    Question,
    RowStage,
    leaves,
)
from logsrv.linelog.query.stage import Stage
from logsrv.linelog.query.stage_words import StageWords
from logsrv.linelog.query.units import NONE, numbers_by_unit
from logsrv.linelog.read.figures.grouping import COUNT, Figure, Grouping
from logsrv.linelog.stages.figures import NAMES, require_different_names, take_figures
from logsrv.linelog.stages.where import ORDER, RowFilter, take_order

FIGURES = (*NAMES, "none")
OF_ROWS = ("let", "where")
STAGES = ("extract", *OF_ROWS, *FIGURES)
SHORTEST_WINDOW, LONGEST_WINDOW = 1.0, 7 * 86400.0
"""Seconds."""

MOST_KNOWN = 500
"""Texts of alerts whose parts are kept."""

_CLOSED = "a condition has to be the end of an alert"
_ONLY_ROWS = "only let and where can follow the figures of an alert"
_MISSING = "an alert compares the figure: count > 100 in 5m"
_NEEDS_WHERE = "an alert ends with a comparison of its figures: | where share > 0.05"
_NEEDS_NUMBER = "an alert compares a figure with a number: | where count > 100"


class AlertQuery(NamedTuple):
    """The text of an alert in its parts.

    lines: the lines that are reported or counted. condition: None for an alert about each line.
    filter_text: the text before the first `|`. lines_text: the text before the condition.
    """

    lines: Question
    condition: Condition | None
    filter_text: str
    lines_text: str


# A page asks for all alerts every few seconds, and a message may have the links of 1,000 groups.
@lru_cache(MOST_KNOWN)
def parse_alert(text: str) -> AlertQuery:
    """Return the parts of an alert's text. Raises QueryError."""
    stages = LineStages(text)
    reader: _ConditionReader | None = None
    for name, stage, words in stages.others(STAGES):
        if reader is None:
            reader = _ConditionReader(words, name, stage)
        else:
            reader.take_stage(words, name, stage)
    condition = None if reader is None else reader.condition(len(text))
    lines = Question(stages.lines.node, stages.lines.extractions)
    return AlertQuery(
        lines, condition, text[: stages.filter_end].strip(), text[: stages.end].strip()
    )


class _ConditionReader:
    """Reads a condition, stage by stage. Each method raises QueryError."""

    def __init__(self, words: StageWords, name: str, stage: Stage | None) -> None:
        """Take the figures, of which the first word was `name`."""
        if name not in FIGURES:
            assert stage is not None
            raise QueryError(f"{name} has to follow figures: {stage.needs}", words.begin + 1)
        figures = (COUNT,) if name == "none" else take_figures(words, name)
        if not all(one.column_kind.is_number for one in figures):
            raise words.wrong(
                "an alert compares numbers; to notice that lines stop, write: none in 10m by hostname"
            )
        words.skip_space()
        compared = Compare("", "<", "1") if name == "none" else None
        window: float | None = None
        by: tuple[str, ...] = ()
        for part in words.parts("in", "by", symbol=None if compared else ORDER):
            if part == "in":
                window = _window(words)
            elif part == "by":
                by = words.grouping_fields()
            else:
                compared = _order(words, figures)
        if compared is None and window is None and words.at == len(words.text):
            raise words.wrong(_MISSING)
        if window is None:
            raise words.wrong("a length of time is missing here, such as in 5m")
        self._grouping, self._window = Grouping(figures, by), window
        require_different_names(words, self._grouping, words.begin)
        self._columns: Sequence[Column] = self._grouping.columns
        self._stages: list[RowStage] = []
        self._is_short = compared is not None
        if compared is not None:
            column = self._columns[len(by)]
            self._stages.append(RowFilter(compared.replace(field=column.name)))

    def take_stage(self, words: StageWords, name: str, stage: Stage | None) -> None:
        """Take a stage behind the figures."""
        if self._is_short:
            raise QueryError(_CLOSED, words.begin + 1)
        if name not in OF_ROWS:
            raise QueryError(_ONLY_ROWS, words.begin + 1)
        assert stage is not None and stage.parse_rows is not None
        begin = words.at
        found = stage.parse_rows(words, self._columns)
        if isinstance(found, RowFilter):
            _check_filter(words, found.node, self._columns, begin)
        self._stages.append(found)
        self._columns = found.columns_behind(self._columns)

    def condition(self, end: int) -> Condition:
        """Return the condition. end: of the text."""
        found = Condition(self._grouping, self._window, tuple(self._stages))
        if not self._stages:
            simple = self._grouping.figures == (COUNT,)
            raise QueryError(_MISSING if simple else _NEEDS_WHERE, end + 1)
        if not isinstance(self._stages[-1], RowFilter):
            raise QueryError(_NEEDS_WHERE, end + 1)
        if not found.comparisons:
            raise QueryError(_NEEDS_NUMBER, end + 1)
        return found


def _order(words: StageWords, figures: Sequence[Figure]) -> Compare:
    if len(figures) > 1:
        raise words.wrong(
            "there are several figures: name one in a where, such as | where errors > 10"
        )
    [figure] = figures
    column = Column(figure.column, figure.field, figure.column_kind)
    begin = ORDER.match(words.text, words.at)
    assert begin is not None
    found = take_order(words, column)
    _check_filter(words, found, [column], begin.end())
    return found


def _check_filter(words: StageWords, node: Node, columns: Sequence[Column], at: int) -> None:
    """Raise QueryError for a comparison, at an offset, that is always or never true, or of other units."""
    known = {one.name: one for one in columns}
    for leaf in leaves(node):
        if isinstance(leaf, Compare) and leaf.op in ORDERS and known[leaf.field].kind.is_number:
            threshold = numbers_by_unit(leaf.field, leaf.value).get(NONE)
            if threshold is None:
                raise words.wrong(f"{leaf.field} has another unit than {leaf.value}", at)
            is_count = known[leaf.field].kind in (ColumnKind.COUNT, ColumnKind.DISTINCT)
            if leaf is node and is_count and _is_decided(leaf.op, float(threshold)):
                holds = "always" if leaf.op in (">", ">=") else "never"
                raise words.wrong(f"a count is 0 or more, so this is {holds} true", at)


def _is_decided(operator: str, threshold: float) -> bool:
    """Return whether each number from 0 on gives the same."""
    return threshold < 0 or (threshold == 0 and operator in (">=", "<"))


def _window(words: StageWords) -> float:
    begin = words.at
    found = words.step("in")
    if not SHORTEST_WINDOW <= found <= LONGEST_WINDOW:
        raise words.wrong("in: an alert looks at 1s at least, and at 7d at most", begin)
    return found
