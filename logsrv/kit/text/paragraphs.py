"""Texts as the help of a command has them: paragraphs that are wrapped, and parts that stand as they are.

A part that is indented stands as it is: an example, a table. All else is paragraphs, parted by empty lines
or by such a part. Bytes of files and peers are no such text: see `escape`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator


def paragraphs(text: str) -> Iterator[tuple[bool, str]]:
    """Yield each part of a text, and before it whether it stands as it is.

    A paragraph comes as one line, a part that stands as it is without the indentation that all of it has.
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


def wrapped(text: str, width: int) -> str:
    """Return a text for a terminal of `width` columns, its parts that stand as they are indented by two."""
    parts = []
    for literal, part in paragraphs(text):
        if literal:
            parts.append(textwrap.indent(part, "  "))
        else:
            # A word that is too wide, such as a URL, can be copied only in one piece.
            parts.append(textwrap.fill(part, width, break_long_words=False, break_on_hyphens=False))
    return "\n\n".join(parts) + "\n" if parts else ""
