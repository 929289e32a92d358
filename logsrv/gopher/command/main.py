"""`gopher URL`, `gopher browse`, `gopher mirror` and their like: the console script.

Fetching and showing one thing needs no reactor, so it does without Twisted: from start to finished
menu takes a few times as long as starting Python.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, TextIO

from logsrv.errors import HelpRequest, LogsrvError, UsageError
from logsrv.gopher.wire.errors import GopherError
from logsrv.kit.text.escape import one_line, printable

if TYPE_CHECKING:
    from logsrv.kit.options.argument_parser import Parser

FAILED = 1
USAGE = 2
INTERRUPTED = 130
TERMINATED = 143
PIPE_CLOSED = 141

PURPOSE = "show, copy and serve what is on Gopher"
"""What `gopher` is for."""

COMMANDS = {
    "browse": ("browse", "look around in Gopher, full-screen"),
    "mirror": ("mirror", "copy what a Gopher server has"),
    "serve": ("serve", "serve a directory with Gopher"),
    "follow": ("news", "follow a menu, such as a phlog"),
    "unfollow": ("news", "follow a menu no longer"),
    "new": ("news", "show what is new in the menus you follow"),
}
"""The commands, each with its module and what it is for; anything else behind `gopher` is a URL."""


class _Terminated(BaseException):
    """SIGTERM has come."""


class _StandardError(io.FileIO):
    """Standard error, which nobody may read any more: a terminal that is gone ends no download, and the
    status still says how it went.
    """

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _lenient(stream: TextIO) -> TextIO:
    """Return the same as a stream that never fails; `stream` itself where it is no file of the system, as
    programs put one in its place.
    """
    try:
        file = _StandardError(stream.fileno(), "wb", closefd=False)
    except OSError:
        return stream
    return io.TextIOWrapper(file, stream.encoding, stream.errors, line_buffering=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The console script: run the arguments, those of the command line if left out; the exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    # A shell's >&- leaves no stream.
    with open(os.devnull, "wb") as nowhere, open(os.devnull, "w") as unsaid:
        stdout = nowhere if sys.stdout is None else sys.stdout.buffer
        stderr = _lenient(sys.stderr or unsaid)
        try:
            status = run(sys.argv[1:] if arguments is None else arguments, stdout, stderr)
        except KeyboardInterrupt:
            status = INTERRUPTED
        except _Terminated:
            status = TERMINATED
        try:
            stdout.flush()
        except OSError:
            # Python would try once more to write what is left, and complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
    # Under twistd, Python would look for cycles in everything once more: 2 ms.
    gc.freeze()
    return status


def program() -> NoReturn:
    """Run the command line as a process does, and end it."""
    if sys.argv[1:2] and sys.argv[1] in ("browse", "serve"):
        sys.exit(main())
    # The objects of a short run are in no circles: to look for those took a tenth of a mirror's time.
    gc.set_threshold(100_000)
    status = main()
    # Nothing is open any more, and to take Python apart takes 2 ms and more.
    os._exit(status)


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def run(arguments: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Do what `arguments` say and return the exit status; sentences about errors go to `stderr`.

    It blocks until all is done, and may be called in any thread; only KeyboardInterrupt is raised.
    """
    try:
        try:
            status = _dispatch(list(arguments), stdout, stderr)
        except HelpRequest as wanted:
            stdout.write(wanted.text.encode())
            status = 0
        finally:
            # The answer so far stands before the sentence of an error.
            stdout.flush()
        return status
    except BrokenPipeError:
        return PIPE_CLOSED
    except GopherError as error:
        return _tell(stderr, error, error.exit_status)
    except UsageError as error:
        return _tell(stderr, error, USAGE)
    except LogsrvError as error:
        return _tell(stderr, error, FAILED)
    except OSError as error:
        where = f"{one_line(str(error.filename), 4096)}: " if error.filename else ""
        return _tell(stderr, f"{where}{error.strerror or error}", FAILED)


def _tell(stderr: TextIO, sentence: object, status: int) -> int:
    stderr.write(printable(f"gopher: {sentence}\n"))
    stderr.flush()
    return status


def _dispatch(words: list[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Run the command that `words` begin with, and load no other."""
    status: int = _module(words[0] if words else "").run(words, stdout, stderr)
    return status


def _module(command: str) -> ModuleType:
    name, _ = COMMANDS.get(command, ("fetch", ""))
    return import_module(f"logsrv.gopher.command.{name}")


def parser_of(command: str = "") -> Parser:
    """Return the parser of a command; of `gopher URL` without one."""
    parser: Parser = _module(command).parser_of(command)
    return parser


if __name__ == "__main__":
    program()
