"""Names of fields as a query has them: as they are, or in backticks. This alone reads and writes them.

Letters and digits of any script, `_ @ . - /`, the first a letter, `_` or `@`, stand as they are:
`kubernetes.labels.app.kubernetes.io/name`, `größe`. Any other name stands in backticks, `Request Path` for
one with a space; two backticks in them are one of the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import category

from logsrv.errors import QueryError
from logsrv.kit.text.words import shown

# Characters beyond ASCII are left to `_is_of_letters`: an expression knows letters, but not their marks.
_PLAIN = r"[^\s\x00-?\[-^`{-\x7f][^\s\x00-,:-?\[-^`{-\x7f]*"
# No backtick follows the last one: of three in a row, two are one of the name.
IN_BACKTICKS = r"`[^`]*(?:``[^`]*)*`(?!`)"
FIELD = f"(?:{_PLAIN}|{IN_BACKTICKS})"
"""An expression for a name as it is written, and for some words that are none: `name_of_field` tells."""
EACH_POSITION = "each line has another position; group by another field"
"""A sentence for who would group lines by the field `position`."""

_written = re.compile(FIELD).match
_may_be_plain = re.compile(_PLAIN).fullmatch
_in_list = re.compile(rf"\s*(?:(?P<written>{IN_BACKTICKS})|(?P<other>[^,]*?))\s*(?=,|\Z)").match
# These would be read as words of a query where they stand before a space.
_WORDS = frozenset(("AND", "OR", "NOT", "by", "asc", "desc"))
# A character that this Python does not know yet may be a letter to a browser, whose queries are read here.
_UNKNOWN = "Cn"
_NEVER_CLOSED = 'this backtick is never closed; to find the character, write "`"'


def name_of_field(written: str) -> str | None:
    """Return the name that FIELD has found; None if it is a word with other characters in it."""
    if written[0] == "`":
        return written[1:-1].replace("``", "`")
    return written if _is_of_letters(written, _UNKNOWN) else None


def field_as_written(name: str) -> str:
    """Return what a query has for the field called `name`, whatever characters are in it."""
    is_plain = _may_be_plain(name) and _is_of_letters(name) and name not in _WORDS
    return name if is_plain else f"`{name.replace('`', '``')}`"


def read_field(text: str, at: int) -> tuple[str, int] | None:
    """Return the name of the field at offset `at` of a query, and its end; None if there is none.

    Raises QueryError for a backtick that is never closed.
    """
    found = _written(text, at)
    if found is None:
        require_closed(text, at)
        return None
    name = name_of_field(found[0])
    return None if name is None else (name, found.end())


def require_closed(text: str, at: int) -> None:
    """Raise QueryError if a backtick at offset `at` of a query is never closed."""
    if text.startswith("`", at) and not _written(text, at):
        raise QueryError(_NEVER_CLOSED, at + 1)


def one_field_name(text: str) -> str:
    """Return the name of a field that is given by itself: in backticks, or any text without a comma.

    Raises ValueError with a sentence.
    """
    names = field_names(text)
    if len(names) > 1:
        raise ValueError(
            f"{shown(text)} is not the name of one field; write a name with a comma in backticks"
        )
    return names[0]


def field_names(text: str) -> list[str]:
    """Return the names in a list with commas, each in backticks or any other text.

    Raises ValueError with a sentence.
    """
    return [name for name, _ in _names_in_list(text)]


def plain_field_names(text: str) -> list[str]:
    """Return the names in a list with commas, each as a query has it. Raises ValueError with a sentence."""
    names = []
    for name, is_in_backticks in _names_in_list(text):
        if not is_in_backticks and read_field(name, 0) != (name, len(name)):
            raise ValueError(
                f"{shown(name)} is not the name of a field, such as in time,host,app; "
                f"write any other name in backticks: {shown(field_as_written(name))}"
            )
        names.append(name)
    return names


def _names_in_list(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each name, and whether it stands in backticks."""
    at = 0
    while at <= len(text):
        found = _in_list(text, at)
        if found is None or (found["other"] or "").startswith("`"):
            raise ValueError(
                f"{shown(text[at:])} is not a name in backticks; write a backtick inside it twice"
            )
        written = found["written"]
        yield (written[1:-1].replace("``", "`"), True) if written else (found["other"], False)
        at = found.end() + 1


def _is_of_letters(written: str, *more: str) -> bool:
    """Tell whether all that is not ASCII are letters, their marks, and digits, or of these categories."""
    if written.isascii():
        return True
    kinds = [category(one) for one in written if not one.isascii()]
    return (written[0].isascii() or kinds[0][0] == "L" or kinds[0] in more) and all(
        kind[0] in "LMN" or kind in more for kind in kinds
    )
