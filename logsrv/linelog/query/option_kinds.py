"""The kind of options that are queries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from logsrv.errors import QueryError
from logsrv.kit.options.kinds import TEXT, Kind, WrongPartError
from logsrv.lazy_names import later_module

if TYPE_CHECKING:
    from logsrv.linelog.query import caret, hints, parse
else:
    # Only for a query: to import these takes as long as to import those of all other options together.
    caret = later_module("logsrv.linelog.query.caret")
    hints = later_module("logsrv.linelog.query.hints")
    parse = later_module("logsrv.linelog.query.parse")


def require_plain_text(text: str) -> str:
    """Return `text` if it can be an argument of a program. Raises ValueError if not."""
    if "\0" in text:
        raise ValueError("has a NUL in it, which no argument of a program can have")
    return TEXT.parse(text)


def checked_query(text: str, check: Callable[[str], object]) -> str:
    """Return a text that `check` accepts. Raises WrongPartError with the sentence of its QueryError."""
    try:
        check(require_plain_text(text))
    except QueryError as error:
        sentence, _, picture = caret.error_with_caret(text, error).partition("\n")
        raise WrongPartError(sentence, picture) from error
    return text


QUERY: Kind[str] = Kind(
    lambda text: checked_query(text, parse.parse),
    "a query, such as level>=error or 'app=sshd \"failed password\"'",
    "QUERY",
    separator=r"\n",
    advise=lambda text: hints.foreign_syntax_hints(text),
)
