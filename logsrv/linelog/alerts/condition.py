"""The condition behind the query of an alert: figures of its lines in a window of time.

    alert     = filter { "|" stage } [ "|" condition ]
    condition = figure ( ">" | ">=" | "<" | "<=" ) NUMBER "in" TIME [ "by" FIELD { "," FIELD } ]
              | "none" "in" TIME [ "by" FIELD { "," FIELD } ]
    figure    = "count" | ( "sum" | "avg" | "min" | "max" ) FIELD

The comparison, `in` and `by` may stand in any order. The stages are those of lines, `extract` and `where`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logsrv.errors import QueryError
from logsrv.linelog.query.parse import ORDERS
from logsrv.linelog.query.pipeline import LineStages
from logsrv.linelog.query.question import Question
from logsrv.linelog.query.stage_words import StageWords
from logsrv.linelog.read.figures.grouping import Figure
from logsrv.linelog.stages.figures import take_figure

FUNCTIONS = ("sum", "avg", "min", "max")
STAGES = ("extract", "where", "count", "none", *FUNCTIONS)
SHORTEST_WINDOW, LONGEST_WINDOW = 1.0, 7 * 86400.0
"""Seconds."""

_CLOSED = "nothing can stand behind a condition"
_OPERATOR = re.compile(r">=|<=|>|<")
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)


class Condition(NamedTuple):
    """A figure of the lines in a window of `window` seconds, compared with `threshold`.

    by: the fields by whose values the lines are grouped; each group has its own figure.
    """

    figure: Figure
    operator: str
    threshold: float
    window: float
    by: tuple[str, ...] = ()

    @property
    def is_absence(self) -> bool:
        """True if few lines, or none, fulfil it."""
        return self.figure.function == "count" and self.operator in ("<", "<=")

    def is_met_by(self, value: float | None) -> bool:
        """Return whether the figure `value` fulfils the condition; None, of no numbers, never does."""
        return value is not None and ORDERS[self.operator](value, self.threshold)


class AlertQuery(NamedTuple):
    """The text of an alert in its parts.

    lines: the lines that are reported or counted. condition: None for an alert about each line.
    filter_text: the text before the first `|`. lines_text: the text before the condition.
    """

    lines: Question
    condition: Condition | None
    filter_text: str
    lines_text: str


def parse_alert(text: str) -> AlertQuery:
    """Return the parts of an alert's text. Raises QueryError."""
    stages = LineStages(text)
    condition: Condition | None = None
    for name, _, words in stages.others(STAGES):
        if condition is not None:
            raise QueryError(_CLOSED, words.begin + 1)
        condition = _condition(words, name)
    lines = Question(stages.lines.node, stages.lines.extractions)
    return AlertQuery(
        lines, condition, text[: stages.filter_end].strip(), text[: stages.end].strip()
    )


def _condition(words: StageWords, function: str) -> Condition:
    """Take a condition whose first word was `function`. Raises QueryError."""
    figure = Figure("count") if function == "none" else take_figure(words, function)
    if figure.is_time:
        raise words.wrong("an alert compares numbers; lines that stop are: none in 10m by hostname")
    words.skip_space()
    compared = ("<", 1.0) if function == "none" else None
    window: float | None = None
    by: tuple[str, ...] = ()
    for part in words.parts("in", "by", symbol=None if compared else _OPERATOR):
        if part == "in":
            window = _window(words)
        elif part == "by":
            by = words.grouping_fields()
        else:
            compared = _comparison(words, function)
    if compared is None:
        raise words.wrong("an alert compares the figure: count > 100 in 5m")
    if window is None:
        raise words.wrong("a length of time is missing here: in 5m")
    return Condition(figure, *compared, window, by)


def _comparison(words: StageWords, function: str) -> tuple[str, float]:
    operator = words.take(_OPERATOR, "")
    words.skip_space()
    begin = words.at
    missing = "a number is missing here, as in count > 100 in 5m"
    threshold = float(words.take(_NUMBER, missing))
    if function == "count" and (threshold < 0 or (threshold == 0 and operator in (">=", "<"))):
        holds = "always" if operator in (">", ">=") else "never"
        raise words.wrong(f"a count is 0 or more, so this is {holds} true", begin)
    return operator, threshold


def _window(words: StageWords) -> float:
    begin = words.at
    found = words.step("in")
    if not SHORTEST_WINDOW <= found <= LONGEST_WINDOW:
        raise words.wrong("in: an alert looks at 1s at least, and at 7d at most", begin)
    return found
