"""The completions of a program for each shell, by the shell's name."""

from __future__ import annotations

from logsrv.kit.options.manuals.bash import bash_completions
from logsrv.kit.options.manuals.command import CommandManual
from logsrv.kit.options.manuals.fish import fish_completions
from logsrv.kit.options.manuals.zsh import zsh_completions

SHELLS = {"bash": "{}", "zsh": "_{}", "fish": "{}.fish"}
"""The shells, each with the name that it looks for the file of a program under."""

_WRITERS = {"bash": bash_completions, "zsh": zsh_completions, "fish": fish_completions}


def completions(shell: str, program: CommandManual) -> str:
    """Return the script by which a shell completes the words behind `program`."""
    return _WRITERS[shell](program)
