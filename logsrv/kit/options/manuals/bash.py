"""Completions for bash, from 3.2 on; the package bash-completion need not be there."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from logsrv.kit.options.manuals.command import Argument, CommandManual

# COMMAND is empty for the program itself. Words are those of readline, which parts at = and maybe at :.
_SCRIPT = r"""# Completions of bash for @NAME@, written by: @NAME@ generate bash

# Print the options of a command.
_@NAME@_options() {
    case "$1" in
@OPTIONS@
    esac
}

# Print what COMMAND's option, or its n-th place, takes: files, directories, or words WORD...
# Status 1: the option takes nothing.
_@NAME@_takes() {
    case "$1 $2" in
@TAKES@
        *) return 1 ;;
    esac
}

_@NAME@() {
    local IFS=$' \t\n' command= takes= word= place=0 at cur=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    # The commands of the program.
    local commands="@COMMANDS@"
    if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$cur"))
        @FIRST@
    fi
    at=1
    if [[ " $commands " == *" ${COMP_WORDS[1]} "* ]]; then
        command=${COMP_WORDS[1]}
        at=2
    fi
    # Count the arguments before the cursor; values of options have no place.
    for ((; at < COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        if [[ $word == -* ]]; then
            if takes=$(_@NAME@_takes "$command" "$word"); then
                ((at++))
                [[ ${COMP_WORDS[at]} == = ]] && ((at++))
                if ((at == COMP_CWORD)); then
                    _@NAME@_offer "$takes" "$cur"
                    return
                elif ((at > COMP_CWORD)); then
                    _@NAME@_offer "$takes" ""
                    return
                fi
            fi
        else
            ((place++))
        fi
    done
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(_@NAME@_options "$command")" -- "$cur"))
        return
    fi
    while ((place >= 0)); do
        if takes=$(_@NAME@_takes "$command" "$place"); then
            _@NAME@_offer "$takes" "$cur"
            return
        elif takes=$(_@NAME@_takes "$command" "$place+"); then
            _@NAME@_offer "$takes" "$cur"
            return
        fi
        ((place--))
    done
}

# Offer what is taken, as it begins with WORD.
_@NAME@_offer() {
    local IFS=$'\n'
    case "$1" in
        files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$2")) ;;
        directories) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$2")) ;;
        words*) IFS=$' \t\n'; COMPREPLY=($(compgen -W "${1#words}" -- "$2")) ;;
    esac
}

complete -F _@NAME@ @NAME@
"""


def bash_completions(program: CommandManual) -> str:
    """Return the script for a program, whose commands are its first words."""
    parts = {"": program, **{command.word: command for command in program.commands}}
    options = "\n".join(
        f"        {quote(name)}) echo {quote(' '.join(_names(command)))} ;;"
        for name, command in parts.items()
    )
    takes = "\n".join(row for name, command in parts.items() for row in _takes(name, command))
    # With a place of its own the program takes something else than a command as well, and files may match.
    first = "[[ ${#COMPREPLY[@]} -gt 0 ]] && return" if program.places else "return"
    text = _SCRIPT.replace("@OPTIONS@", options).replace("@TAKES@", takes)
    text = text.replace("@FIRST@", first).replace("@NAME@", program.name)
    return text.replace("@COMMANDS@", " ".join(command.word for command in program.commands))


def _names(command: CommandManual) -> Iterator[str]:
    for option in command.options:
        yield from option.names


def _takes(name: str, command: CommandManual) -> Iterator[str]:
    for option in command.options:
        if option.metavar:
            keys = "|".join(quote(f"{name} {each}") for each in option.names)
            yield f"        {keys}) echo {_offered(option)} ;;"
    for number, place in enumerate(command.places):
        key = quote(f"{name} {number}{'+' if place.many else ''}")
        yield f"        {key}) echo {_offered(place)} ;;"


def _offered(argument: Argument) -> str:
    takes = argument.takes
    if isinstance(takes, tuple):
        return quote(" ".join(("words", *takes)))
    return takes or "nothing"
