"""`logsrv COMMAND …`: it finds and runs the command, and reports an error in one sentence.

Exit status: 0 for success, 1 for a failure, 2 when the command line makes no sense, 130 after Ctrl-C.
Commands that search return 1 when they find nothing, and 2 for a failure.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from logsrv import __version__
from logsrv.cli.arguments import named_stores, tell
from logsrv.errors import HelpRequest, LogsrvError, UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.gone import gone_sentence
from logsrv.kit.text.terminal import discard_unwritten_output
from logsrv.kit.text.words import did_you_mean, shown

FAILED, USAGE, INTERRUPTED = 1, 2, 130
MEMORY = 1 << 30
"""Bytes of memory for a command that reads an archive; one line may have 256 MiB."""

COMMANDS = {
    "alert": ("alert", "try the command or webhook of an alert"),
    "backup": ("backup", "back up a store while its server runs"),
    "check": ("check", "check whether a service can start and work"),
    "connect": ("connect", "send standard input to a server, and show its answers"),
    "doctor": ("doctor", "verify a store, and repair what can be repaired"),
    "help": ("help", "show the help of a command, or a text about a topic"),
    "import": ("import_", "take existing log files into a store"),
    "new": ("new", "write a new plugin project"),
    "plugins": ("plugins", "list the plugins and inputs that are installed"),
    "reindex": ("reindex", "make the indexes that sealed segments lack"),
    "run": ("run", "run a plugin that is one file, again each time it is saved"),
    "restore": ("restore", "bring a store back, from a backup or an archive"),
    "search": ("search", "find lines in a store"),
    "ship": ("ship", "show how far the targets of a store are"),
    "show": ("show", "show the line at a position, and its neighbours"),
    "sql": ("sql", "ask a store in SQL (extra sql)"),
    "tail": ("tail", "show the last lines of a store, and new ones"),
}
"""The commands, each with its module in `logsrv.cli` and its purpose."""

HOLDING_NOTHING = ("search", "show")
"""Commands that need no cleanup at their end."""

_BUCKETS = ("s3://", "gs://", "az://")
SEARCHING = ("search", "show", "sql", "tail")
"""Commands whose status 1 means that nothing was found."""


def main(
    arguments: Sequence[str] | None = None, watch: Callable[[str, int], None] | None = None
) -> int:
    """Run the command that `arguments` begin with; by default the command line. Return the exit status.

    watch: called before a command that reads a bucket, with the name of the command and the exit status of
    a failure.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    searches = words[:1] and words[0] in SEARCHING
    failed = USAGE if searches else FAILED
    if sys.stdout is None:
        # The shell's `>&-` closes descriptor 1; the next file that we open would get it, and our output.
        tell("logsrv: standard output is closed")
        return failed
    try:
        status = _run(words, watch)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe. For a search, status 1 would mean that nothing was found.
        discard_unwritten_output()
        return 0 if searches else FAILED
    except OSError as error:
        tell(f"logsrv: {error.strerror or error}")
        discard_unwritten_output()
        return failed
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _run(words: list[str], watch: Callable[[str, int], None] | None) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(commands_help_text(), end="")
        return 0 if words else USAGE
    if words[0] == "--version":
        print(f"logsrv {__version__}")
        return 0
    name = words[0]
    if gone := gone_sentence("logsrv", name):
        tell(f"logsrv: {name} is {gone}")
        return USAGE
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        near = did_you_mean(name, [*COMMANDS, "--help", "--version"])
        tell(f"logsrv: {shown(name)} is no {what}{near}; logsrv --help shows what there is")
        return USAGE
    command = _import_command(name)
    try:
        arguments = parser_of(name).parse_args(words[1:])
        bucket = _reads_a_bucket(name, arguments)
        if bucket and watch is not None:
            watch(name, USAGE if name in SEARCHING else FAILED)
        if name != "sql" and (bucket or _reads_an_archive(arguments)):
            # Imported here: to read a local store needs none of it, and a search starts 3 % sooner.
            from logsrv.kit.children.child_side import limit_extra_memory

            # The command `sql` is not among these: it limits its memory itself.
            with limit_extra_memory(MEMORY):
                return int(command.run(arguments))
        return int(command.run(arguments))
    except HelpRequest as wanted:
        print(wanted.text, end="")
        return 0
    except LogsrvError as error:
        tell(f"logsrv {name}: {error}")
        return USAGE if name in SEARCHING or isinstance(error, UsageError) else FAILED
    except MemoryError:
        tell(f"logsrv {name}: this needs more memory than it may have")
        return USAGE if name in SEARCHING else FAILED


def _reads_an_archive(arguments: object) -> bool:
    """Return whether a command reads an archive, whose files somebody else may have made."""
    places = [*named_stores(arguments), str(getattr(arguments, "origin", None))]
    return any("://" in place for place in places)


def _reads_a_bucket(name: str, arguments: object) -> bool:
    """Return whether a command reads a bucket, directly or as the archive of its store."""
    stores = named_stores(arguments)
    places = [*stores, str(getattr(arguments, "origin", None))]
    for store in stores if name in SEARCHING else ():
        if _has_archives(store):
            from logsrv.linelog.store.archive.archive_notes import archive_urls

            places += archive_urls(store)
    return any(place.startswith(_BUCKETS) for place in places)


def _has_archives(directory: str) -> bool:
    """Return whether a store has notes of archives: only then the code for archives has to be loaded."""
    with suppress(OSError):
        return any(
            name.endswith(".archive") for name in os.listdir(os.path.join(directory, "ship"))
        )
    return False


def parser_of(name: str) -> Parser:
    """Return the parser of a command's arguments."""
    command = _import_command(name)
    parser = Parser(prog=f"logsrv {name}", description=command.__doc__ or "")
    command.declare(parser)
    return parser


def _import_command(name: str) -> ModuleType:
    return import_module(f"logsrv.cli.{COMMANDS[name][0]}")


def commands_help_text() -> str:
    """Return the help of `logsrv` itself."""
    commands = "".join(f"  {name:<10}{purpose}\n" for name, (_, purpose) in COMMANDS.items())
    return (
        "usage: logsrv COMMAND ...\n\n"
        f"{commands}\n"
        "logsrv COMMAND --help shows a command's options; logsrv help, topics such as\n"
        "query and endpoints; logsrv --version, the version.\n"
        "The servers themselves are plugins of twistd: twistd -n logsrv --help.\n"
    )


_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def fork_watched_child(name: str, failed: int) -> None:
    """Fork, and go on in the child. The parent ends with its status, and reports an abort by obstore.

    name: of the command. failed: the parent's exit status if obstore aborted the child.
    """
    sys.stdout.flush()
    child = os.fork()
    if child:
        _wait_and_end_as(child, name, failed)
    if sys.stderr is not None:
        # Python's messages go to a copy of stderr; obstore writes to descriptor 2, which becomes /dev/null.
        sys.stderr = open(os.dup(2), "w", 1, sys.stderr.encoding, sys.stderr.errors)  # noqa: SIM115
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    os.close(silent)


def _wait_and_end_as(child: int, name: str, failed: int) -> NoReturn:
    """Wait for the child, and end with its status or signal."""
    # The child decides what Ctrl-C does, which a terminal sends to both processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in _FORWARDED:
        signal.signal(number, _forward_to(child))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == -signal.SIGABRT:
        tell(
            f"logsrv {name}: the bucket, or a server in its place, sends more than there is memory for:"
            " an answer that does not end"
        )
        os._exit(failed)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _forward_to(child: int) -> Callable[[int, object], None]:
    return lambda number, _: os.kill(child, number)


def program() -> NoReturn:
    """Run the command line, and end the process.

    stdout is buffered, because SIGSTOP would cut short the writes of an unbuffered one.
    """
    if sys.stdout is not None and not hasattr(sys.stdout.buffer, "raw"):
        sys.stdout = open(1, "w", -1, sys.stdout.encoding, sys.stdout.errors, closefd=False)  # noqa: SIM115
        sys.stdout.reconfigure(line_buffering=True)
    status = main(watch=fork_watched_child)
    # obstore's threads sometimes crash the process while Python shuts down.
    if sys.argv[1:2] and (sys.argv[1] in HOLDING_NOTHING or "obstore" in sys.modules):
        if sys.stderr is not None:
            sys.stderr.flush()
        # Python's shutdown takes 3 ms, a tenth of a search for a rare word.
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    program()
