"""Manual pages in the language of man(7), which man, mandoc and groff read."""

from __future__ import annotations

from collections.abc import Iterable

# Characters that roff would take for its own, or set as another one, which cannot be pasted into a shell.
_OWN = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
    '"': r"\(dq",
}


def escaped(text: str) -> str:
    """Return a text that roff shows as it is, in ASCII; an end of a line stays one."""
    lines = []
    for line in text.splitlines():
        safe = "".join(
            _OWN.get(letter) or (letter if " " <= letter < "\x7f" else f"\\[u{ord(letter):04X}]")
            for letter in line
        )
        # A dot in front would be a request.
        lines.append(f"\\&{safe}" if safe.startswith(".") else safe)
    return "\n".join(lines)


def bold(text: str) -> str:
    """Return a text in bold, inside of a line."""
    return f"\\fB{escaped(text)}\\fR" if text else ""


def italic(text: str) -> str:
    """Return a text in italics, or underlined, inside of a line."""
    return f"\\fI{escaped(text)}\\fR" if text else ""


def header(name: str, section: int, date: str, origin: str) -> str:
    """Return the first line of a page. date: as 2026-11-22. origin: program and version."""
    # Words of commands are neither spaced out nor broken.
    return f'.TH {escaped(name.upper())} {section} "{date}" "{escaped(origin)}"\n.nh\n.ad l\n'


def heading(title: str) -> str:
    """Return the heading of a section."""
    return f".SH {escaped(title)}\n"


def subheading(title: str) -> str:
    """Return the heading of a part of a section."""
    return f".SS {escaped(title)}\n"


def paragraph(text: str) -> str:
    return f".PP\n{text}\n"


def literal(text: str) -> str:
    """Return lines that stand as they are."""
    # An empty line is a paragraph's end to mandoc.
    lines = [line or "\\&" for line in escaped(text).split("\n")]
    # Text begins at 7 of 80 columns: long lines go in less far, or to its left.
    depth = max(-7, min(4, 72 - max(map(len, text.split("\n")))))
    return f".PP\n.RS {depth}\n.nf\n" + "\n".join(lines) + "\n.fi\n.RE\n"


def terms(entries: Iterable[tuple[str, str]]) -> str:
    """Return terms with what each means, both escaped."""
    return "".join(f".TP\n{term}\n{meaning}\n" for term, meaning in entries)
