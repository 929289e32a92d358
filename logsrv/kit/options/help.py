"""The help of a service's options for a terminal, from their declarations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from logsrv.kit.options.declare import REQUIRED, Option, option_name
from logsrv.kit.options.sources import variable_prefix

NARROWEST = 40
LEFT_COLUMN = 30


def help_text(
    options: Mapping[str, Option],
    positional: Sequence[str],
    name: str,
    description: str,
    width: int,
) -> str:
    """Return the help: all options of the plugin `name`, their values, and where else they may stand.

    width: columns of the terminal.
    """
    entries = [
        (_left(attribute, option, attribute in positional), _right(option))
        for attribute, option in options.items()
    ]
    kinds = {
        option.kind.metavar: option.kind.accepted
        for option in options.values()
        if _has_own_words(option)
    }
    entries.append(("--version", "print the version and exit"))
    entries.append(("--help", "print this help and exit"))
    width = max(width, NARROWEST)
    lines = ["Options:", *_columns(entries, width), "", "Values:", *_columns(kinds.items(), width)]
    elsewhere = (
        f"Options are also taken from the environment, as {variable_prefix(name)}..., and from the "
        "file of --config, in TOML; the command line comes before the environment, the environment "
        "before the file. The value off switches off what is off by default."
    )
    for paragraph in (elsewhere, description):
        if paragraph:
            lines += ["", *textwrap.wrap(paragraph, width)]
    return "\n".join(lines) + "\n"


def _left(attribute: str, option: Option, is_positional: bool) -> str:
    name = option_name(attribute)
    if is_positional:
        return name.upper()
    return f"--[no-]{name}" if option.kind.is_flag else f"--{name} {option.kind.metavar}"


def _right(option: Option) -> str:
    notes = [f"default: {option.default_text}"]
    if option.default is REQUIRED:
        notes = ["required"]
    if option.repeatable:
        notes.append("repeatable")
    if option.kind.metavar == "NUMBER":
        notes.insert(0, option.kind.accepted)
    return f"{option.help} ({'; '.join(notes)})"


def _has_own_words(option: Option) -> bool:
    """Return whether `Values` says what is accepted; elsewhere each option differs."""
    metavar = option.kind.metavar
    return bool(metavar) and "|" not in metavar and metavar != "NUMBER"


def _columns(entries: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Return two columns; a text too wide for the left one gets a line of its own."""
    left_width = min(LEFT_COLUMN, width // 2)
    lines = []
    for left, right in entries:
        head = f"  {left}"
        if len(head) >= left_width:
            lines.append(head)
            head = ""
        wrapped = textwrap.wrap(right, width - left_width, break_on_hyphens=False)
        for number, line in enumerate(wrapped):
            lines.append((head if number == 0 else "").ljust(left_width) + line)
    return lines
