"""Manual pages, by argparse-manpage: one for each parser, from its help."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs
from argparse_manpage.manpage import Manpage, _ManpageFormatter

from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.paragraphs import paragraphs

# Titles within the text of a help that begin a section of the page.
_TITLES = re.compile(r"^(?i:(exit status|example)s?): *", re.MULTILINE)
# Characters that roff interprets, or prints as other characters, which cannot be pasted into a shell.
_OWN = str.maketrans(
    {
        "\\": r"\e",
        "-": r"\-",
        "'": r"\(aq",
        "`": r"\(ga",
        "^": r"\(ha",
        "~": r"\(ti",
        '"': r"\(dq",
    }
)


@attrs.frozen(kw_only=True)
class PageSubject:
    """The subject of a page: a command, or a parser that has only a text.

    name: the page's name. purpose: a phrase for its first line. also: texts of further sections, by title.
    see: names of other pages, such as `logsrv(1)`. origin: program and version, if from another package.
    """

    name: str
    purpose: str
    section: int
    parser: Parser
    also: Mapping[str, str] = attrs.field(factory=dict)
    see: Sequence[str] = ()
    origin: str = ""


def manual_page(subject: PageSubject, origin: str) -> str:
    """Return the manual page of a subject. origin: program and version."""
    parser = subject.parser
    parser.usage = parser.short_usage().replace("%", "%%")
    text = "\n\n".join(filter(None, (parser.description, parser.epilog)))
    parser.description, *parts = _TITLES.split(text)
    parser.epilog = None
    about = {"description": subject.purpose, "manual_section": str(subject.section)}
    made = Manpage(parser, {**about, "project_name": subject.origin or origin})
    made.prog = subject.name
    made.manual = "logsrv"
    made.mf = _Formatter(subject.name, made.formatter, format="pretty")
    if subject.section in (5, 7):
        made.synopsis = []
    sections: dict[str, str] = {}
    for title, part in zip(parts[::2], parts[1::2], strict=True):
        title = {"example": "EXAMPLES"}.get(title.lower(), title.upper())
        sections[title] = sections.get(title, "") + part
    for title, part in (*subject.also.items(), *sections.items()):
        made.add_section(title, ">", _roff_text(part) + "\n")
    if subject.see:
        links = [
            re.sub(r"(.*)(\(\d\))", r"\\fB\1\\fR\2", escaped_roff(name)) for name in subject.see
        ]
        made.add_section("see also", "=", ",\n".join(links))
    # Remove empty lines, which end a paragraph for mandoc, and roff's hyphens in the date, which mandoc
    # does not understand. With .nh and .ad l, words of commands are neither hyphenated nor spaced out.
    title, *lines = filter(None, str(made).split("\n"))
    return "\n".join([title.replace("\\-", "-"), ".nh", ".ad l", *lines]) + "\n"


class _Formatter(_ManpageFormatter):
    """The library's formatter, but with examples that can be pasted into a shell."""

    @staticmethod
    def format_text(text: str) -> str:
        return _roff_text(text)


def _roff_text(text: str) -> str:
    """Return roff source for a text, with the paragraphs of `logsrv.kit.text.paragraphs`."""
    parts = []
    for literal, part in paragraphs(text):
        if literal:
            lines = [escaped_roff(line) or r"\&" for line in part.split("\n")]
            # The text of a page begins at column 7 of 80: examples with long lines are indented less than
            # others, or begin further left than the text.
            depth = max(-7, min(4, 72 - max(map(len, part.split("\n")))))
            parts.append("\n".join([".PP", f".RS {depth}", ".nf", *lines, ".fi", ".RE"]))
        else:
            parts.append(escaped_roff(part))
    return "\n.PP\n".join(parts).replace(".PP\n.PP", ".PP").removeprefix(".PP\n")


def escaped_roff(line: str) -> str:
    """Return roff source in ASCII that shows exactly this line."""
    safe = line.translate(_OWN)
    plain = "".join(one if one.isascii() else f"\\[u{ord(one):04X}]" for one in safe)
    # roff would take a line that begins with a dot for a request.
    return rf"\&{plain}" if plain.startswith(".") else plain
