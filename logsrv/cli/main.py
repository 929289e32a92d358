"""`logsrv COMMAND …`: finds the command, runs it, and says in one sentence what went wrong.

Exit status: 0 when it went well, 1 when it did not, 2 when the command line makes no sense, 130
after Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from logsrv.cli.arguments import tell
from logsrv.errors import LogsrvError
from logsrv.kit.options.argument_parser import USAGE, Parser, Shown, UsageError

FAILED = 1
INTERRUPTED = 130

COMMANDS = {
    "connect": "talk to a server, line by line",
    "new": "write a new plugin project",
    "plugins": "list the plugins and inputs that are installed",
    "run": "run a plugin that is one file, again each time it is saved",
}
"""The commands and what each is for; `logsrv.cli.COMMAND` is its module."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` (by default the command line's) begin with.

    Returns the exit status.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads our output has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help(), end="")
        return 0 if words else USAGE
    if words[0] == "--version":
        from logsrv import __version__

        print(f"logsrv {__version__}")
        return 0
    name = words[0]
    if name not in COMMANDS:
        from logsrv.kit.text.words import did_you_mean, shown

        what = "option" if name.startswith("-") else "command"
        near = did_you_mean(name, [*COMMANDS, "--help", "--version"])
        tell(f"logsrv: {shown(name)} is no {what}{near}; logsrv --help shows what there is")
        return USAGE
    command = import_module(f"logsrv.cli.{name}")
    parser = Parser(prog=f"logsrv {name}", description=command.__doc__ or "")
    command.declare(parser)
    try:
        status: int = command.run(parser.parse_args(words[1:]))
    except Shown as wanted:
        print(wanted.text, end="")
        return 0
    except UsageError as error:
        tell(f"logsrv {name}: {error}")
        return USAGE
    except LogsrvError as error:
        tell(f"logsrv {name}: {error}")
        return FAILED
    return status


def _help() -> str:
    commands = "".join(f"  {name:<10}{purpose}\n" for name, purpose in COMMANDS.items())
    return (
        "usage: logsrv COMMAND …\n\n"
        f"{commands}\n"
        "logsrv COMMAND --help shows a command's options; logsrv --version, the version.\n"
        "The servers themselves are plugins of twistd: twistd -n logsrv --help.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
