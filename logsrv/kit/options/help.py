"""The help of a service's options for a terminal, from their declarations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from logsrv.kit.options.declare import REQUIRED, UNGROUPED, Option, grouped_options, option_name
from logsrv.kit.options.load import CONFIG
from logsrv.kit.options.sources import variable_prefix
from logsrv.kit.text.paragraphs import wrap_for_terminal

NARROWEST = 40
LEFT_COLUMN = 30
INFORMATIVE = (
    ("version", "print the version and exit"),
    ("help", "print the help and exit"),
    ("help-all", "print all options and exit"),
)
"""Options that every plugin has, and what each does."""


def help_groups(settings_class: type[Any]) -> dict[str, dict[str, Option]]:
    """Return the options of a plugin by the title of their group; `--config` begins the first."""
    groups = grouped_options(settings_class) or {UNGROUPED: {}}
    title = next(iter(groups))
    return {**groups, title: {"config": CONFIG, **groups[title]}}


def help_text(
    groups: Mapping[str, Mapping[str, Option]],
    positional: Sequence[str],
    name: str,
    description: str,
    width: int,
    essential: Sequence[str] = (),
) -> str:
    """Return the help of the plugin `name`: options by group, their values, and their other sources.

    width: columns of the terminal. essential: the attributes of the options to show; () for all.
    """
    width = max(width, NARROWEST)
    total = sum(map(len, groups.values()))
    every = {key: option for options in groups.values() for key, option in options.items()}
    if essential:
        every = {key: every[key] for key in essential}
        groups = {"Most used options": every}
    lines = []
    if "Example" not in description:
        description += f"\n\nExample:\n\n  {example_command(name, every, positional)}"
    lines += [*wrap_for_terminal(description, width).splitlines(), ""]
    for title, options in groups.items():
        entries = [
            (
                _option_label(key, option, key in positional),
                f"{option.help} ({option_remarks(option)})",
            )
            for key, option in options.items()
        ]
        lines += [f"{title}:", *_two_columns(entries, width), ""]
    kinds: dict[str, str] = {}
    for option in every.values():
        if _is_explained_below(option):
            kinds.setdefault(option.kind.metavar, option.kind.accepted)
    lines += ["Information:"]
    lines += _two_columns(((f"--{word}", about) for word, about in INFORMATIVE), width)
    if kinds:
        lines += ["", "Values:", *_two_columns(kinds.items(), width)]
    elsewhere = (
        f"Options are also taken from the environment, as {variable_prefix(name)}..., and from the "
        "file of --config, in TOML; the command line comes before the environment, the environment "
        "before the file. The value off switches off an option that is off by default."
    )
    if essential:
        elsewhere = f"These are {len(every)} of {total} options; --help-all shows all. {elsewhere}"
    lines += ["", *textwrap.wrap(elsewhere, width)]
    return "\n".join(lines) + "\n"


def _option_label(attribute: str, option: Option, is_positional: bool) -> str:
    name = option_name(attribute)
    if is_positional:
        return name.upper()
    return f"--[no-]{name}" if option.kind.is_flag else f"--{name} {option.kind.metavar}"


def example_command(
    name: str, options: Mapping[str, Option], positional: Sequence[str] = ()
) -> str:
    """Return a command line that starts the plugin `name`, with the required options."""
    words = [
        _option_label(key, option, key in positional)
        for key, option in options.items()
        if option.default is REQUIRED
    ]
    return " ".join(["twistd -n", name, *words])


def option_remarks(option: Option) -> str:
    """Return the remarks in brackets after an option in the help: its default, whether it is repeatable."""
    notes = [f"default: {option.default_text}"]
    if option.default is REQUIRED:
        notes = ["required"]
    if option.repeatable:
        notes.append("repeatable")
    if option.kind.metavar == "NUMBER":
        notes.insert(0, option.kind.accepted)
    return "; ".join(notes)


def _is_explained_below(option: Option) -> bool:
    """Return whether the help explains the option's word under `Values`, as it does for SIZE."""
    metavar = option.kind.metavar
    return bool(metavar) and "|" not in metavar and metavar != "NUMBER"


def _two_columns(entries: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Return lines of two columns; a text too wide for the left column gets a line of its own."""
    left_width = min(LEFT_COLUMN, width // 2)
    lines = []
    for left, right in entries:
        head = f"  {left}"
        if len(head) >= left_width:
            lines.append(head)
            head = ""
        for line in textwrap.wrap(right, width - left_width, break_on_hyphens=False):
            lines.append(head.ljust(left_width) + line)
            head = ""
    return lines
