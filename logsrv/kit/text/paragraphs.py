"""The layout of help texts: paragraphs, which are wrapped, and literal parts, which stay as they are.

An indented part is literal: an example, a table. The rest is paragraphs, separated by empty lines or by
literal parts. This is not for text from outside; see `escape`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator


def paragraphs(text: str) -> Iterator[tuple[bool, str]]:
    """Yield a pair for each part of a text: whether the part is literal, and the part itself.

    A paragraph is one line; a literal part has lost its common indentation.
    """
    lines: list[str] = []
    literal = False

    def part() -> Iterator[tuple[bool, str]]:
        if any(line.strip() for line in lines):
            whole = "\n".join(lines).rstrip()
            yield (True, textwrap.dedent(whole)) if literal else (False, " ".join(whole.split()))
        lines.clear()

    for line in text.strip("\n").expandtabs().splitlines():
        if not line.strip():
            if literal:
                lines.append("")
            else:
                yield from part()
            continue
        if line.startswith(" ") is not literal:
            yield from part()
            literal = not literal
        lines.append(line)
    yield from part()


def wrap_for_terminal(text: str, width: int) -> str:
    """Return a text, wrapped for a terminal of `width` columns; literal parts are indented by two
    columns.
    """
    parts = []
    for literal, part in paragraphs(text):
        if literal:
            parts.append(textwrap.indent(part, "  "))
        else:
            # A word that is too wide stays in one piece: a URL can be copied only so.
            parts.append(textwrap.fill(part, width, break_long_words=False, break_on_hyphens=False))
    return "\n\n".join(parts) + "\n" if parts else ""
