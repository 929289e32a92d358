"""The manual page of a command: its sections, in the order that readers of manuals expect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from logsrv.kit.options.manuals import roff
from logsrv.kit.options.manuals.command import Argument, CommandManual
from logsrv.kit.text.paragraphs import paragraphs

# Titles that a paragraph of a command's text may begin with, and the section that begins there.
_SECTIONS = {
    "Exit status:": "EXIT STATUS",
    "exit status:": "EXIT STATUS",
    "Example:": "EXAMPLES",
    "Examples:": "EXAMPLES",
}
_ORDER = ("DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES")


def page(command: CommandManual, *, section: int, date: str, origin: str) -> str:
    """Return the manual page of a command. date: as 2026-11-22. origin: program and version."""
    sections = _of_text(command.text)
    if command.commands:
        sections["COMMANDS"] = _commands(command)
    sections["OPTIONS"] = _options(command)
    for title, text in command.also:
        sections[title] = sections.get(title, "") + _body(text)
    return "".join(
        [
            roff.header(command.page, section, date, origin),
            _name(command.page, command.purpose),
            roff.heading("SYNOPSIS"),
            _synopsis(command),
            *(_section(title, sections[title]) for title in _ORDER if sections.get(title)),
            _see_also(command.see),
        ]
    )


def text_page(
    name: str, purpose: str, text: str, *, section: int, date: str, origin: str, see: Sequence[str]
) -> str:
    """Return the manual page of a text that is about no single command."""
    return "".join(
        [
            roff.header(name, section, date, origin),
            _name(name, purpose),
            _section("DESCRIPTION", _body(text)),
            _see_also(see),
        ]
    )


def terms_page(
    name: str,
    purpose: str,
    text: str,
    groups: Iterable[tuple[str, Iterable[tuple[str, str]]]],
    *,
    section: int,
    date: str,
    origin: str,
    see: Sequence[str],
) -> str:
    """Return the manual page of a file: a text, then groups of keys, each with what it means."""
    parts = [
        roff.header(name, section, date, origin),
        _name(name, purpose),
        _section("DESCRIPTION", _body(text)),
    ]
    for title, entries in groups:
        parts.append(roff.heading(title.upper()))
        parts.append(
            roff.terms((roff.bold(key), roff.escaped(meaning)) for key, meaning in entries)
        )
    return "".join([*parts, _see_also(see)])


def _section(title: str, body: str) -> str:
    # A heading begins a paragraph itself.
    return roff.heading(title) + body.removeprefix(".PP\n")


def _name(name: str, purpose: str) -> str:
    return f"{roff.heading('NAME')}{roff.escaped(name)} \\- {roff.escaped(purpose)}\n"


def _synopsis(command: CommandManual) -> str:
    rest = command.usage.removeprefix(command.name).strip()
    called = command.name if command.usage.startswith(command.name) else ""
    return f"{roff.bold(called)} {roff.escaped(rest)}".strip() + "\n"


def _see_also(names: Sequence[str]) -> str:
    if not names:
        return ""
    links = []
    for name in names:
        word, _, section = name.partition("(")
        links.append(f"{roff.bold(word)}({section}" if section else roff.escaped(word))
    return roff.heading("SEE ALSO") + ",\n".join(links) + "\n"


def _of_text(text: str) -> dict[str, str]:
    """Return the sections that a command's text has."""
    sections: dict[str, str] = {}
    title = "DESCRIPTION"
    for literal, part in paragraphs(text):
        if not literal:
            start = next((word for word in _SECTIONS if part.startswith(word)), None)
            title = _SECTIONS[start] if start else "DESCRIPTION"
            part = part.removeprefix(start or "").strip()
        sections[title] = sections.get(title, "") + _part(literal, part)
    return sections


def _body(text: str) -> str:
    return "".join(_part(literal, part) for literal, part in paragraphs(text))


def _part(literal: bool, part: str) -> str:
    if not part:
        return ""
    return roff.literal(part) if literal else roff.paragraph(roff.escaped(part))


def _commands(command: CommandManual) -> str:
    return roff.terms(
        (roff.bold(each.name), roff.escaped(each.purpose)) for each in command.commands
    )


def _options(command: CommandManual) -> str:
    parts = []
    for group in command.groups:
        if len(command.groups) > 1:
            parts.append(roff.subheading(group.title[:1].upper() + group.title[1:]))
        parts.append(
            roff.terms((_term(one), roff.escaped(one.help or "")) for one in group.arguments)
        )
    return "".join(parts)


def _term(argument: Argument) -> str:
    if not argument.names:
        return roff.italic(argument.metavar)
    value = f" {roff.italic(argument.metavar)}" if argument.metavar else ""
    return ", ".join(f"{roff.bold(name)}{value}" for name in argument.names)
