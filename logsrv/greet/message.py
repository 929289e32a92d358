"""A message with fields such as {peer} in it; sans-IO.

Braces contain only a name, unlike in `str.format`: a message cannot read attributes of objects.
`{{` and `}}` are braces, `\\n` is a new line, `\\\\` a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter

import attrs

from logsrv.kit import Kind

FIELDS = ("peer", "host", "port", "time", "count")
KNOWN = ", ".join(f"{{{field}}}" for field in FIELDS)
# A message with fields, but fewer letters and digits outside of them, resembles no text: it would match
# nearly any text.
FEWEST_LETTERS = 8
_ESCAPES = {r"\n": "\n", r"\\": "\\"}


@attrs.frozen
class MessageTemplate:
    """A parsed message. text: as written. pieces: literal texts, each with the name of the field after it.

    The name is "" if no field follows.
    """

    text: str
    pieces: tuple[tuple[str, str], ...]

    @property
    def fields(self) -> frozenset[str]:
        """The fields in it; a message without fields is always the same."""
        return frozenset(field for _, field in self.pieces if field)

    def resembles(self, text: str) -> bool:
        """Return whether `text`, whose lines end in LF, may be this message with anything in its fields.

        False if the message has fields and little other text: it would match nearly any text. A message
        without fields resembles only itself.
        """
        literals = [""]
        for literal, field in self.pieces:
            literals[-1] += literal
            if field:
                literals.append("")
        first, *others = literals
        if not others:
            return text == first
        *middle, last = others
        if sum(map(str.isalnum, "".join(literals))) < FEWEST_LETTERS:
            return False
        at = len(first)
        for literal in middle:
            found = text.find(literal, at)
            if found < 0:
                return False
            at = found + len(literal)
        return text.startswith(first) and text.endswith(last) and at <= len(text) - len(last)

    def render(self, values: Mapping[str, object]) -> str:
        """Return the message with its fields filled in, and CR LF between its lines."""
        text = "".join(
            literal + (str(values[field]) if field else "") for literal, field in self.pieces
        )
        return text.replace("\n", "\r\n")


def parse_message(text: str) -> MessageTemplate:
    """Parse a message. Raises ValueError with a sentence about the mistake."""
    unescaped = re.sub(r"\\[n\\]", lambda match: _ESCAPES[match[0]], text)
    try:
        found = list(Formatter().parse(unescaped))
    except ValueError:
        raise ValueError(
            "a brace stands alone, without a field; write {{ or }} for a brace"
        ) from None
    for _, field, spec, conversion in found:
        if field is not None and (field not in FIELDS or spec or conversion):
            whole = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ValueError(f"there is no field {{{whole}}}, there are {KNOWN}")
    return MessageTemplate(text, tuple((literal, field or "") for literal, field, _, _ in found))


MESSAGE: Kind[MessageTemplate] = Kind(
    parse_message,
    f"text in which {KNOWN} are replaced and \\n begins a new line",
    "TEXT",
    show=lambda message: message.text,
    separator=None,
)
