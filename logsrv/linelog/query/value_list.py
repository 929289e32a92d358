"""The values in `status in (500, 502)`: words without a comma, or phrases, with commas between them."""

from __future__ import annotations

import re

from logsrv.errors import QueryError
from logsrv.kit.text.quoted_text import pattern_until

_VALUE = re.compile(
    r'\s*(?:"(?P<phrase>' + pattern_until('"') + r')"|(?P<word>[^\s,()"]+))\s*', re.DOTALL
)
_ESCAPED = re.compile(r'\\(["\\])')


def parse_values(text: str, at: int, most: int) -> tuple[list[str], int]:
    """Return the values between the bracket before `at` and the one that closes it, and the offset behind
    that. most: of them. Raises QueryError.
    """
    values: list[str] = []
    begin = at
    while found := _VALUE.match(text, at):
        if len(values) == most:
            raise QueryError(f"a list may have {most} values; this is one more", at + 1)
        phrase = found["phrase"]
        values.append(found["word"] if phrase is None else _ESCAPED.sub(r"\1", phrase))
        at = found.end()
        if text.startswith(")", at):
            return values, at + 1
        if at < len(text) and text[at] != ",":
            missing = "a comma is missing here, as in status in (500, 502)"
            raise QueryError(f'{missing}; to find the word, write "in"', at + 1)
        at += 1
    at = len(text) - len(text[at:].lstrip())
    if at >= len(text):
        raise QueryError("this ( is never closed", begin)
    if text[at] == '"':
        raise QueryError("this quotation mark is never closed", at + 1)
    raise QueryError("a value is missing here, as in status in (500, 502)", at + 1)
