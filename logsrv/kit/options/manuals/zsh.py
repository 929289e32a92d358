"""Completions for zsh, by its own function _arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from shlex import quote

from logsrv.kit.options.manuals.command import Argument, CommandManual

_SCRIPT = """#compdef @NAME@
# Completions of zsh for @NAME@, written by: @NAME@ generate zsh

_@NAME@_commands() {
    local -a commands
    commands=(
@COMMANDS@
    )
    _describe command commands
}

_@NAME@() {
    local curcontext=$curcontext
    if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
        _@NAME@_commands@FIRST@
        return
    fi
    case $words[2] in
@CASES@
    esac
}

# Called when it was loaded by itself; else it was read by source.
if [[ $funcstack[1] == _@NAME@ ]]; then
    _@NAME@ "$@"
else
    compdef _@NAME@ @NAME@
fi
"""


def zsh_completions(program: CommandManual) -> str:
    """Return the script for a program, whose commands are its first words."""
    commands = "\n".join(
        f"        {quote(f'{command.word}:{_plain(command.purpose)}')}"
        for command in program.commands
    )
    cases = []
    for command in program.commands:
        cases.append(f"        {command.word})\n            shift words; (( CURRENT-- ))")
        cases += _arguments(command)
        cases.append("            ;;")
    cases.append("        *)")
    cases += _arguments(program)
    cases.append("            ;;")
    text = _SCRIPT.replace("@COMMANDS@", commands).replace("@CASES@", "\n".join(cases))
    return text.replace("@FIRST@", "; _files" if program.places else "").replace(
        "@NAME@", program.name
    )


def _arguments(command: CommandManual) -> Iterator[str]:
    yield "            _arguments -s -S \\"
    for option in command.options:
        others = "" if option.many else f"({' '.join(option.names)})"
        for name in option.names:
            yield f"                {quote(_spec(others, name, option))} \\"
    for number, place in enumerate(command.places, 1):
        where = "*" if place.many else str(number)
        yield f"                {quote(f'{where}:{_message(place)}:{_action(place)}')} \\"
    yield "                && return"


def _spec(others: str, name: str, option: Argument) -> str:
    star = "*" if option.many else ""
    about = f"[{_plain(option.help)}]"
    if not option.metavar:
        return f"{others}{star}{name}{about}"
    # Long options take their value behind = or as the next word, short ones at once or as the next.
    behind = "=" if name.startswith("--") else "+"
    return f"{others}{star}{name}{behind}{about}:{_message(option)}:{_action(option)}"


def _message(argument: Argument) -> str:
    return re.sub(r"([:\\])", r"\\\1", argument.metavar or "argument")


def _action(argument: Argument) -> str:
    if isinstance(argument.takes, tuple):
        return f"({' '.join(argument.takes)})"
    return {"files": "_files", "directories": "_files -/"}.get(argument.takes or "", " ")


def _plain(text: str) -> str:
    """Return a text without the characters that mean something in a specification."""
    return re.sub(r"([\[\]:\\])", r"\\\1", text)
