"""The console script `gopher`: `gopher URL`, `gopher browse`, `gopher mirror` and the other commands.

Showing one item needs no reactor, so Twisted is not imported: a menu is complete in a few times the time
that Python takes to start.
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
"""Command → (its module, its purpose); any other word after `gopher` is a URL."""


class _Terminated(BaseException):
    """SIGTERM was received."""


class _UnfailingStandardError(io.FileIO):
    """Standard error whose writes never fail: if the terminal is closed, a download goes on, and the exit
    status is right.
    """

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _unfailing_stream(stream: TextIO) -> TextIO:
    """Return a stream to the same file that never raises OSError.

    If it has no file descriptor, because a program has replaced it, `stream` itself is returned.
    """
    try:
        file = _UnfailingStandardError(stream.fileno(), "wb", closefd=False)
    except OSError:
        return stream
    return io.TextIOWrapper(file, stream.encoding, stream.errors, line_buffering=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `arguments`, by default those of the command line; return the exit status."""
    signal.signal(signal.SIGTERM, _terminate)
    # A stream that the shell has closed (`>&-`) is None.
    with open(os.devnull, "wb") as nowhere, open(os.devnull, "w") as unsaid:
        stdout = nowhere if sys.stdout is None else sys.stdout.buffer
        stderr = _unfailing_stream(sys.stderr or unsaid)
        try:
            status = run(sys.argv[1:] if arguments is None else arguments, stdout, stderr)
        except KeyboardInterrupt:
            status = INTERRUPTED
        except _Terminated:
            status = TERMINATED
        try:
            stdout.flush()
        except OSError:
            # Otherwise Python would try again to write the rest at its end, and print a traceback.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
    # Under twistd, Python's garbage collection at the end would take 2 ms more.
    gc.freeze()
    return status


def program() -> NoReturn:
    """Run the command line, and end the process with its status."""
    if sys.argv[1:2] and sys.argv[1] in ("browse", "serve"):
        sys.exit(main())
    # A short run makes few reference cycles, and searching for them took a tenth of a mirror's time.
    gc.set_threshold(100_000)
    status = main()
    # Nothing is open any more; a normal end of Python would take 2 ms or more.
    os._exit(status)


def _terminate(*_: object) -> NoReturn:
    raise _Terminated


def run(arguments: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Run the command that `arguments` name and return the exit status; errors are sentences on `stderr`.

    Blocks until the command has ended. May be called in any thread. Raises only KeyboardInterrupt.
    """
    try:
        try:
            command = _import_command_module(arguments[0] if arguments else "")
            status: int = command.run(list(arguments), stdout, stderr)
        except HelpRequest as wanted:
            stdout.write(wanted.text.encode())
            status = 0
        finally:
            # Write the received part of the answer before the sentence of the error.
            stdout.flush()
        return status
    except BrokenPipeError:
        return PIPE_CLOSED
    except GopherError as error:
        return _print_error(stderr, error, error.exit_status)
    except UsageError as error:
        return _print_error(stderr, error, USAGE)
    except LogsrvError as error:
        return _print_error(stderr, error, FAILED)
    except OSError as error:
        where = f"{one_line(str(error.filename), 4096)}: " if error.filename else ""
        return _print_error(stderr, f"{where}{error.strerror or error}", FAILED)


def _print_error(stderr: TextIO, sentence: object, status: int) -> int:
    stderr.write(printable(f"gopher: {sentence}\n"))
    stderr.flush()
    return status


def _import_command_module(command: str) -> ModuleType:
    name, _ = COMMANDS.get(command, ("fetch", ""))
    return import_module(f"logsrv.gopher.command.{name}")


def parser_of(command: str = "") -> Parser:
    """Return the parser of a command; "" stands for `gopher URL`."""
    parser: Parser = _import_command_module(command).parser_of(command)
    return parser


if __name__ == "__main__":
    program()
