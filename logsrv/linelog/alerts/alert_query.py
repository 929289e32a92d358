"""The kind of options that are the query of an alert, perhaps with a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from logsrv.kit.options.kinds import Kind
from logsrv.lazy_names import later_module
from logsrv.linelog.query.option_kinds import checked_query

if TYPE_CHECKING:
    from logsrv.linelog.alerts import grammar
    from logsrv.linelog.query import hints
else:
    # Only for an alert: to import these takes as long as to import those of all other options together.
    grammar = later_module("logsrv.linelog.alerts.grammar")
    hints = later_module("logsrv.linelog.query.hints")


def hints_on_alert(text: str) -> list[str]:
    """Return sentences on the filters of a valid alert that mean something else in another tool."""
    return hints.foreign_syntax_hints(grammar.parse_alert(text).lines_text)


ALERT: Kind[str] = Kind(
    lambda text: checked_query(text, grammar.parse_alert),
    "a query, perhaps with a condition, such as 'level>=error | count > 100 in 5m'",
    "QUERY",
    separator=r"\n",
    advise=hints_on_alert,
)
