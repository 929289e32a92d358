"""Errors of DuckDB as one sentence, with the position in the statement."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from logsrv.errors import QueryError

_NO_SUCH_COLUMN = re.compile(
    r'(?:Table|Values list) ".*" does not have a column named "(.+)"'
    r'|Column "(.+)" does not exist on \w+ side'
    # The error when an alias hides the column: `select lower(app) as app … group by app`.
    r'|Alias with name "+(.+?)"+ exists, but aliases cannot'
)
_LIMIT = 2000
NO_MEMORY = (
    "this needs more memory than a statement may take; "
    "group or sort fewer rows, or columns with shorter values"
)
_NO_SUCH_TABLE = re.compile(r"Table with name (.+) does not exist!")
# `offset` is a column of `logs`, but also a keyword of SQL.
_OFFSET = re.compile(r"\boffset[\s,)]*\Z", re.IGNORECASE)


class DuckDBFault(NamedTuple):
    """An error that DuckDB reported with `errors_as_json`.

    kind: DuckDB's name for it (Binder, Conversion …). position: the byte of the statement; -1 if unknown.
    missing: the name of a column that does not exist; "" for other errors.
    """

    kind: str
    sentence: str
    position: int
    missing: str

    def as_error(self, statement: str) -> QueryError:
        """Return the error to raise about `statement`."""
        if not 0 <= self.position <= len(statement.encode()):
            return QueryError(self.sentence)
        before = statement.encode()[: self.position].decode(errors="replace")
        sentence = self.sentence
        if self.kind == "Parser" and _OFFSET.search(before):
            sentence += '. The column is written in double quotes: "offset"'
        return QueryError(sentence, len(before) + 1)


def parse_fault(error: Exception, added: int = 0) -> DuckDBFault:
    """Parse an error of DuckDB.

    added: the number of bytes put before the statement, which the error's position includes.
    """
    text = str(error)
    try:
        found: dict[str, Any] = json.loads(text[text.index("{") :])
        message = str(found["exception_message"])
    except (ValueError, KeyError, TypeError):
        found, message = {}, text
    missing = ""
    if found.get("error_subtype") == "COLUMN_NOT_FOUND":
        missing = str(found.get("name", ""))
    elif named := _NO_SUCH_COLUMN.search(message):
        missing = named[1] or named[2] or named[3]
    position = str(found.get("position", ""))
    at = int(position) - added if position.isdigit() else -1
    kind = str(found.get("exception_type", ""))
    if kind == "Out of Memory" or message.startswith("Allocation failure"):
        return DuckDBFault(kind, NO_MEMORY, -1, "")
    return DuckDBFault(kind, _first_line_and_advice(message), at, missing)


def _first_line_and_advice(message: str) -> str:
    """Return the first line of a message, and DuckDB's advice if there is any."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    advice = [line for line in lines[1:] if line.startswith("Did you mean")]
    first = lines[0] if lines else "DuckDB did not say what is wrong"
    if unknown := _NO_SUCH_TABLE.fullmatch(first):
        # DuckDB would suggest its internal tables.
        return f"there is no table {unknown[1]}; the lines are in the table logs"[:_LIMIT]
    if first.startswith("Referenced table"):
        advice.append('A field with dots in its name is written in double quotes: "http.status"')
    return " ".join([first, *advice])[:_LIMIT]
