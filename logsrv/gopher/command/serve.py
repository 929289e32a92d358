"""`gopher serve DIRECTORY`: replaces its process by `twistd gopherd` in the foreground."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import BinaryIO, NoReturn, TextIO

from logsrv.errors import HelpRequest, UsageError
from logsrv.gopher.command.arguments import make_parser
from logsrv.kit.options.argument_parser import Parser

DESCRIPTION = """\
Serve DIRECTORY with Gopher until Ctrl-C, at gopher://127.0.0.1:7070/ unless --listen says where: a copy
made by gopher mirror, or menus (gophermap) and files of your own.

Examples:

  gopher serve docs
  gopher serve docs --listen tcp:70 --host gopher.example.org
  gopher serve docs --listen ssl:7070:privateKey=key.pem:certKey=cert.pem

The options behind DIRECTORY are those of twistd gopherd, which does the work; twistd gopherd --help shows
them all.
"""
_TWISTD = "from twisted.scripts.twistd import run; run()"


def parser_of(server_command: str) -> Parser:
    """Return the parser of `gopher serve`, for the help."""
    made = make_parser("gopher serve", DESCRIPTION, statuses="")
    made.add_argument("directory", metavar="DIRECTORY", help="what to serve")
    made.add_argument(
        "options", metavar="OPTION", nargs="...", help="options of twistd gopherd, such as --listen"
    )
    return made


def run(words: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> NoReturn:
    """Replace this process by the server. Raises HelpRequest, UsageError, OSError."""
    given = words[1:]
    if list(given[:1]) in (["--help"], ["-h"]):
        raise HelpRequest(parser_of("serve").format_help())
    if not given or given[0].startswith("-"):
        raise UsageError("gopher serve takes a directory, and then options: gopher serve DIRECTORY")
    os.execv(sys.executable, server_command(given[0], given[1:]))


def server_command(directory: str, options: Sequence[str]) -> list[str]:
    """Return the arguments of the process that serves `directory`."""
    # -P: import nothing from the current directory.
    python = [sys.executable, "-P", "-c", _TWISTD]
    return [*python, "-n", "--pidfile=", "gopherd", f"--directory={directory}", *options]
