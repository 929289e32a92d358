"""The kinds of option values that several readers of the store use."""

from __future__ import annotations

from collections.abc import Callable

from logsrv.errors import QueryError
from logsrv.kit.options.kinds import TEXT, Kind, WrongPartError


def require_plain_text(text: str) -> str:
    """Return `text` if it can be an argument of a program. Raises ValueError if not."""
    if "\0" in text:
        raise ValueError("has a NUL in it, which no argument of a program can have")
    return TEXT.parse(text)


def _checked_text(text: str, parse: Callable[[str], object]) -> str:
    # Imported only for a query: this import takes as long as those of all other options together.
    from logsrv.linelog.query.language import caret

    try:
        parse(require_plain_text(text))
    except QueryError as error:
        sentence, _, picture = caret.error_with_caret(text, error).partition("\n")
        raise WrongPartError(sentence, picture) from error
    return text


def _checked_query(text: str) -> str:
    from logsrv.linelog.query.language.parse import parse

    return _checked_text(text, parse)


def _checked_alert(text: str) -> str:
    from logsrv.linelog.query.language.condition import parse_alert

    return _checked_text(text, parse_alert)


def _query_hints(query: str) -> list[str]:
    from logsrv.linelog.query.language.hints import foreign_syntax_hints

    return foreign_syntax_hints(query)


def hints_on_alert(text: str) -> list[str]:
    """Return sentences on the filter of a valid alert that means something else in another tool."""
    from logsrv.linelog.query.language.condition import parse_alert

    return _query_hints(parse_alert(text).filter_text)


QUERY: Kind[str] = Kind(
    _checked_query,
    "a query, such as level>=error or 'app=sshd \"failed password\"'",
    "QUERY",
    separator=r"\n",
    advise=_query_hints,
)

ALERT: Kind[str] = Kind(
    _checked_alert,
    "a query, perhaps with a condition, such as 'level>=error | count > 100 in 5m'",
    "QUERY",
    separator=r"\n",
    advise=hints_on_alert,
)
