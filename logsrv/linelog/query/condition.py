"""The condition behind the query of an alert: figures of its lines in a window of time.

    alert     = filter { "|" stage } [ "|" condition ]
    condition = figure ( ">" | ">=" | "<" | "<=" ) NUMBER "in" TIME [ "by" FIELD { "," FIELD } ]
              | "none" "in" TIME [ "by" FIELD { "," FIELD } ]
    figure    = "count" | ( "sum" | "avg" | "min" | "max" ) FIELD

The comparison, `in` and `by` may stand in any order. The stages are `extract` and `where` (pipeline.py).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logsrv.errors import QueryError
from logsrv.linelog.query.parse import ORDERS
from logsrv.linelog.query.pipeline import LineStages
from logsrv.linelog.query.question import Figure, Question
from logsrv.linelog.query.stage_words import StageWords

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
    for name, words in stages.others(_ConditionWords, STAGES):
        if condition is not None:
            raise QueryError(_CLOSED, words.begin + 1)
        condition = words.condition(name)
    lines = Question(stages.node, stages.extractions)
    return AlertQuery(
        lines, condition, text[: stages.filter_end].strip(), text[: stages.end].strip()
    )


class _ConditionWords(StageWords):
    """The words of a stage that may be a condition."""

    def condition(self, function: str) -> Condition:
        """Take a condition whose first word was `function`. Raises QueryError."""
        figure = Figure("count") if function == "none" else self._figure(function)
        if figure.is_time:
            raise self.wrong(
                "an alert compares numbers; lines that stop are: none in 10m by hostname"
            )
        self._skip_space()
        compared = ("<", 1.0) if function == "none" else None
        window: float | None = None
        by: tuple[str, ...] = ()
        for part in self._parts("in", "by", symbol=None if compared else _OPERATOR):
            if part == "in":
                window = self._window()
            elif part == "by":
                by = self._grouping_fields()
            else:
                compared = self._comparison(function)
        if compared is None:
            raise self.wrong("an alert compares the figure: count > 100 in 5m")
        if window is None:
            raise self.wrong("a length of time is missing here: in 5m")
        return Condition(figure, *compared, window, by)

    def _comparison(self, function: str) -> tuple[str, float]:
        operator = self._take(_OPERATOR, "")
        self._skip_space()
        begin = self.at
        missing = "a number is missing here, as in count > 100 in 5m"
        threshold = float(self._take(_NUMBER, missing))
        if function == "count" and (threshold < 0 or (threshold == 0 and operator in (">=", "<"))):
            holds = "always" if operator in (">", ">=") else "never"
            raise QueryError(f"a count is 0 or more, so this is {holds} true", begin + 1)
        return operator, threshold

    def _window(self) -> float:
        begin = self.at
        found = self._step("in")
        if not SHORTEST_WINDOW <= found <= LONGEST_WINDOW:
            raise QueryError("in: an alert looks at 1s at least, and at 7d at most", begin + 1)
        return found
