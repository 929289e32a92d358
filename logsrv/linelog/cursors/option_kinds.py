"""The kinds of option values that several readers of the store use."""

from __future__ import annotations

from logsrv.errors import QueryError
from logsrv.kit.options.kinds import TEXT, Kind, WrongPartError


def require_plain_text(text: str) -> str:
    """Return `text` if it can be an argument of a program. Raises ValueError if not."""
    if "\0" in text:
        raise ValueError("has a NUL in it, which no argument of a program can have")
    return TEXT.parse(text)


def _checked_query(text: str) -> str:
    # Imported only for a query: this import takes as long as those of all other options together.
    from logsrv.linelog.query.language import caret, parse

    try:
        parse.parse(require_plain_text(text))
    except QueryError as error:
        sentence, _, picture = caret.error_with_caret(text, error).partition("\n")
        raise WrongPartError(sentence, picture) from error
    return text


def _query_hints(query: str) -> list[str]:
    from logsrv.linelog.query.language.hints import foreign_syntax_hints

    return foreign_syntax_hints(query)


QUERY: Kind[str] = Kind(
    _checked_query,
    "a query, such as level>=error or 'app=sshd \"failed password\"'",
    "QUERY",
    separator=r"\n",
    advise=_query_hints,
)
