"""Completions for fish."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.kit.options.manuals.command import Argument, CommandManual

_HEAD = """# Completions of fish for @NAME@, written by: @NAME@ generate fish

# True if the command is WORD; without WORD, if there is none yet, or what is there is no command.
function __@NAME@_command
    set -l words (commandline -opc)
    if test (count $argv) -gt 0
        test (count $words) -gt 1; and test "$words[2]" = "$argv[1]"
    else
        test (count $words) -lt 2; or not contains -- "$words[2]" @COMMANDS@
    end
end

complete -c @NAME@ -f
"""

# By itself it completes the whole word: --directory=--directory=folder/ came of --directory=.
_DIRECTORIES = (
    """ -a '(__fish_complete_directories (commandline -ct | string replace -r "^-[^=]*=" ""))'"""
)


def fish_completions(program: CommandManual) -> str:
    """Return the script for a program, whose commands are its first words."""
    words = " ".join(command.word for command in program.commands)
    lines = [_HEAD.replace("@COMMANDS@", words).replace("@NAME@", program.name)]
    begin = f"complete -c {program.name}"
    first = "'test (count (commandline -opc)) -lt 2'"
    lines += (
        f"{begin} -n {first} -a {_quoted(command.word)} -d {_quoted(command.purpose)}\n"
        for command in program.commands
    )
    lines += _arguments(f"{begin} -n __{program.name}_command", program)
    for command in program.commands:
        lines += _arguments(f"{begin} -n '__{program.name}_command {command.word}'", command)
    return "".join(lines)


def _arguments(begin: str, command: CommandManual) -> Iterator[str]:
    for option in command.options:
        yield f"{begin}{_names(option)}{_value(option)} -d {_quoted(option.help)}\n"
    for takes in dict.fromkeys(place.takes for place in command.places):
        if takes == "files":
            yield f"{begin} -F\n"
        elif takes == "directories":
            yield f"{begin}{_DIRECTORIES}\n"
        elif takes:
            yield f"{begin} -a {_quoted(' '.join(takes))}\n"


def _names(option: Argument) -> str:
    return "".join(
        f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.names
    )


def _value(option: Argument) -> str:
    if not option.metavar:
        return ""
    if isinstance(option.takes, tuple):
        return f" -x -a {_quoted(' '.join(option.takes))}"
    return {"files": " -r -F", "directories": f" -x{_DIRECTORIES}"}.get(option.takes or "", " -x")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
