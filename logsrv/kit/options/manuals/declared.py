"""Commands from what declares their options: a `Parser`, or the settings class of a plugin."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.declare import Option, option_name
from logsrv.kit.options.help import INFORMATIVE, help_groups, remarks
from logsrv.kit.options.kinds import Completion
from logsrv.kit.options.manuals.command import Argument, ArgumentGroup, CommandManual

# The words for values by which a shell knows what to offer.
_PATHS: Mapping[str, Completion] = {
    "FILE": "files",
    "FILE.py": "files",
    "PATH": "files",
    "FILE|DIRECTORY": "files",
    "DIR": "directories",
    "DIRECTORY": "directories",
    "FROM": "directories",
    "TO": "directories",
}


def command_of_parser(parser: Parser, purpose: str) -> CommandManual:
    """Return the command whose words `parser` reads."""
    groups = [
        ArgumentGroup(title=str(group.title), arguments=tuple(map(_argument, group._group_actions)))
        for group in parser._action_groups
    ]
    return CommandManual(
        name=parser.prog,
        purpose=purpose,
        usage=parser.short_usage(),
        text="\n\n".join(filter(None, (parser.description, parser.epilog))),
        groups=tuple(group for group in groups if group.arguments),
    )


def _argument(action: argparse.Action) -> Argument:
    metavar = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    # A type of our own may have words, and a sentence for what is none of them.
    known: Iterable[object] = action.choices or getattr(action.type, "words", None) or ()
    words = tuple(map(str, known)) or None
    if words and not action.metavar:
        metavar = "|".join(words)
    return Argument(
        names=tuple(action.option_strings),
        metavar=metavar,
        help=action.help or "",
        takes=words or _PATHS.get(metavar),
        many=action.nargs in ("*", "+", argparse.REMAINDER)
        or isinstance(action, argparse._AppendAction),
    )


def command_of_settings(
    settings_class: type[Any],
    *,
    name: str,
    purpose: str,
    positional: Sequence[str] = (),
    text: str = "",
) -> CommandManual:
    """Return the plugin `name` whose options a settings class declares."""
    groups = []
    for title, options in help_groups(settings_class).items():
        arguments = [_option(key, option, key in positional) for key, option in options.items()]
        groups.append(ArgumentGroup(title=title, arguments=tuple(arguments)))
    shown = [Argument(names=(f"--{word}",), help=about) for word, about in INFORMATIVE]
    groups.append(ArgumentGroup(title="Information", arguments=tuple(shown)))
    words = " ".join(f"[{option_name(one).upper()}]" for one in positional)
    return CommandManual(
        name=f"twistd {name}",
        purpose=purpose,
        usage=f"twistd [OPTIONS OF TWISTD] {name} [OPTIONS] {words}".rstrip(),
        text=text,
        groups=tuple(groups),
    )


def _option(attribute: str, option: Option, is_positional: bool) -> Argument:
    name = option_name(attribute)
    names = (f"--{name}", f"--no-{name}") if option.kind.is_flag else (f"--{name}",)
    return Argument(
        names=() if is_positional else names,
        metavar=name.upper() if is_positional else option.kind.metavar,
        help=f"{option.help} ({remarks(option)})",
        takes=option.kind.completion,
        many=option.repeatable,
    )
