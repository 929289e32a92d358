"""The kinds of options that are queries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

from logsrv.errors import QueryError
from logsrv.kit.options.kinds import TEXT, Kind, WrongPartError


def require_plain_text(text: str) -> str:
    """Return `text` if it can be an argument of a program. Raises ValueError if not."""
    if "\0" in text:
        raise ValueError("has a NUL in it, which no argument of a program can have")
    return TEXT.parse(text)


def _checked_text(text: str, *, of_alert: bool = False) -> str:
    query = _query_modules()
    check: Callable[[str], object] = query.condition.parse_alert if of_alert else query.parse.parse
    try:
        check(require_plain_text(text))
    except QueryError as error:
        sentence, _, picture = query.caret.error_with_caret(text, error).partition("\n")
        raise WrongPartError(sentence, picture) from error
    return text


def _query_hints(text: str, *, of_alert: bool = False) -> list[str]:
    query = _query_modules()
    found: list[str] = query.hints.foreign_syntax_hints(
        query.condition.parse_alert(text).lines_text if of_alert else text
    )
    return found


def _query_modules() -> Any:
    # Imported only for a query: this import takes as long as those of all other options together.
    from logsrv.linelog.query import caret, condition, hints, parse

    return SimpleNamespace(caret=caret, condition=condition, hints=hints, parse=parse)


hints_on_alert = partial(_query_hints, of_alert=True)
"""Returns sentences on the filters of a valid alert that mean something else in another tool."""


QUERY: Kind[str] = Kind(
    _checked_text,
    "a query, such as level>=error or 'app=sshd \"failed password\"'",
    "QUERY",
    separator=r"\n",
    advise=_query_hints,
)

ALERT: Kind[str] = Kind(
    partial(_checked_text, of_alert=True),
    "a query, perhaps with a condition, such as 'level>=error | count > 100 in 5m'",
    "QUERY",
    separator=r"\n",
    advise=hints_on_alert,
)
