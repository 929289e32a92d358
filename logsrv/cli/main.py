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
from typing import NoReturn

from logsrv import __version__
from logsrv.cli.arguments import named_stores, tell
from logsrv.cli.command import (
    COMMANDS,
    Command,
    commands_help_text,
    parser_of,
    run,
    tell_broken_plugins,
)
from logsrv.cli.line_logger import COMMANDS_OF_THE_LINE_LOGGER, absence_of_command, has_line_logger
from logsrv.errors import HelpRequest, LogsrvError, UsageError
from logsrv.first_process import end_at_stop
from logsrv.installation import how_to_install_line_logger
from logsrv.kit.children.starting import fork
from logsrv.kit.plugins import load_object
from logsrv.kit.text.terminal import discard_unwritten_output
from logsrv.kit.text.words import did_you_mean, shown
from logsrv.memory import collect_rarely, reserve_little

FAILED, USAGE, INTERRUPTED = 1, 2, 130
MEMORY = 1 << 30
"""Bytes of memory for a command that reads an archive; one line may have 256 MiB."""


def main(
    arguments: Sequence[str] | None = None, watch: Callable[[str, int], None] | None = None
) -> int:
    """Run the command that `arguments` begin with; by default the command line. Return the exit status.

    watch: called before a command that reads a bucket, with the name of the command and the exit status of
    a failure.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    return _run(_command_of(words), words, watch)


def _command_of(words: Sequence[str]) -> Command | None:
    """Return the command that a command line begins with; None for an option or an unknown word."""
    if not words or words[0].startswith("-"):
        return None
    return COMMANDS.find(words[0])


def _run(
    command: Command | None, words: Sequence[str], watch: Callable[[str, int], None] | None
) -> int:
    searches = command is not None and command.searches
    failed = USAGE if searches else FAILED
    if sys.stdout is None:
        # The shell's `>&-` closes descriptor 1; the next file that we open would get it, and our output.
        tell("logsrv: standard output is closed")
        return failed
    try:
        if command is None:
            status = _answer_without_command(words)
        else:
            status = _run_command(command, words[1:], failed, watch)
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


def _answer_without_command(words: Sequence[str]) -> int:
    """Print the help or the version, or tell that a word is no command; return the exit status."""
    if not words or words[0] in ("-h", "--help"):
        print(commands_help_text(), end="")
        tell_broken_plugins()
        return 0 if words else USAGE
    name = words[0]
    if name in COMMANDS_OF_THE_LINE_LOGGER and not has_line_logger():
        tell(f"logsrv: {name} needs the line logger: {how_to_install_line_logger()}")
        return USAGE
    if name == "--version":
        print(f"logsrv {__version__}")
        return 0
    what = "option" if name.startswith("-") else "command"
    if why := absence_of_command(name):
        tell(f"logsrv: {why}")
        return USAGE
    near = did_you_mean(name, [*COMMANDS.all(), "--help", "--version"])
    tell(f"logsrv: {shown(name)} is no {what}{near}; logsrv --help shows what there is")
    tell_broken_plugins()
    return USAGE


def _run_command(
    command: Command,
    words: Sequence[str],
    failed: int,
    watch: Callable[[str, int], None] | None,
) -> int:
    """Run a command and return its exit status; an error is a sentence. failed: the status of a failure."""
    try:
        arguments = parser_of(command).parse_args(words)
        bucket = _needs_watching(arguments, with_archives=command.searches)
        if bucket and watch is not None:
            watch(command.name, failed)
        if not command.limits_memory and (bucket or _reads_an_archive(arguments)):
            # Imported here: to read a local store needs none of it, and a search starts 3 % sooner.
            from logsrv.kit.children.child_side import limit_extra_memory

            with limit_extra_memory(MEMORY):
                return run(command, arguments)
        return run(command, arguments)
    except HelpRequest as wanted:
        print(wanted.text, end="")
        return 0
    except LogsrvError as error:
        tell(f"logsrv {command.name}: {error}")
        return USAGE if isinstance(error, UsageError) else failed
    except MemoryError:
        tell(f"logsrv {command.name}: this needs more memory than it may have")
        return failed


def _reads_an_archive(arguments: object) -> bool:
    """Return whether a command reads an archive, whose files somebody else may have made."""
    addresses = [*named_stores(arguments), str(getattr(arguments, "origin", None))]
    return any("://" in one for one in addresses)


def _needs_watching(arguments: object, *, with_archives: bool) -> bool:
    """Return whether a command reads a bucket; with_archives: or has one as the archive of its store."""
    stores = named_stores(arguments)
    addresses = [*stores, str(getattr(arguments, "origin", None))]
    noting = [store for store in stores if with_archives and _has_archives(store)]
    if not noting and not any("://" in one for one in addresses):
        return False
    # Only then are sources of segments asked.
    is_needed: bool = load_object("logsrv.linelog.read.sources:needs_watching")(addresses, noting)
    return is_needed


def _has_archives(directory: str) -> bool:
    """Return whether a store has notes of archives: only then the code for archives has to be loaded."""
    with suppress(OSError):
        return any(
            name.endswith(".archive") for name in os.listdir(os.path.join(directory, "ship"))
        )
    return False


_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def fork_watched_child(name: str, failed: int) -> None:
    """Fork, and go on in the child. The parent ends with its status, and reports an abort by obstore.

    name: of the command. failed: the parent's exit status if obstore aborted the child.
    """
    child = fork()
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
            f"logsrv {name}: the answer of the bucket's server does not end, and is larger than the memory"
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
    end_at_stop()
    reserve_little()
    collect_rarely()
    words = sys.argv[1:]
    command = _command_of(words)
    status = _run(command, words, fork_watched_child)
    # obstore's threads sometimes crash the process while Python shuts down.
    if (command is not None and command.holds_nothing) or "obstore" in sys.modules:
        if sys.stderr is not None:
            sys.stderr.flush()
        # Python's shutdown takes 3 ms, a tenth of a search for a rare word.
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    program()
