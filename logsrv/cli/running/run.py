"""Run a plugin that is one file, and again each time the file is saved.

FILE.py needs one thing to serve: a subclass of LineProtocol (or of RequestProtocol, FrameProtocol,
Datagrams, DatagramLines, or of Twisted's Protocol or DatagramProtocol), or `async def
handle(connection)`, or an object made by protocol_plugin(…). The smallest is:

  from logsrv.kit import LineProtocol

  class Shout(LineProtocol):
      def line_received(self, line):
          self.send_line(line.upper())

Options of the plugin come after FILE.py: logsrv run FILE.py --help shows them. --reactor comes before
it. When a Python file in the folder of FILE.py, or in a package there, is saved, the plugin is started
again. The listening sockets stay open meanwhile. If the new file has an error, it is reported, and the old
process goes on serving. Ctrl-C ends everything.

Example:

  logsrv run shout.py --listen tcp:7001
"""

from __future__ import annotations

import argparse
from pathlib import Path

from logsrv.cli.running.supervisor import Supervisor
from logsrv.errors import ConfigurationError
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.words import shown

REACTORS = ("asyncio", "default", "epoll", "poll", "select")


def declare(parser: Parser) -> None:
    parser.add_argument(
        "--reactor",
        choices=REACTORS,
        default="default",
        help="which of Twisted's reactors to use; asyncio for plugins that await asyncio",
    )
    parser.add_argument("file", metavar="FILE.py", type=Path, help="the plugin")
    parser.add_argument(
        "options",
        metavar="OPTION",
        nargs=argparse.REMAINDER,
        help="the plugin's options, such as --listen tcp:7001",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the file until Ctrl-C. Raises ConfigurationError if there is no such file."""
    file: Path = arguments.file
    if not file.is_file():
        what = "no file" if file.exists() else "not there"
        raise ConfigurationError(f"{shown(str(file))} is {what}; a plugin is a Python file")
    if file.suffix != ".py":
        raise ConfigurationError(
            f"{shown(str(file))} is no Python file; its name has to end in .py"
        )
    return Supervisor(file.resolve(), [arguments.reactor, *arguments.options]).run()
