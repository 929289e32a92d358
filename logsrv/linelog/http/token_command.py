"""Make a token for a reader of the live page and the API.

The token is for the reader; it is shown once, on standard error. On standard
output is a line with its hash, for the file that token-file names in the
reader's table:

  [[reader]]
  name = "alice"
  token-file = "alice.token"
  only = "app=web"

Who reads the file learns no token. A file may also have the token itself.
Reload the server (SIGHUP) after a change.

Example:

  logsrv token alice >alice.token

Exit status: 0; 2 when the command line makes no sense.
"""

from __future__ import annotations

import argparse
import sys

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.kit.options.argument_parser import Parser
from logsrv.linelog.http.readers.reader_settings import READER_NAME
from logsrv.linelog.http.readers.token_file import new_token

command = Command("token", "make a token for a reader of the live page", __name__)


def declare(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", type=READER_NAME.parse, help="the reader's name")


def run(arguments: argparse.Namespace) -> int:
    token, known = new_token()
    tell(f"the token of {arguments.name}, which is not shown again: {token}")
    sys.stdout.write(f"{known.line}\n")
    return 0
