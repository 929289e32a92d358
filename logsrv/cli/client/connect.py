"""Talk to a server, line by line.

ENDPOINT is where it listens:

  HOST:PORT         TCP, as tcp:HOST:PORT; the port may be a service's name
  tls:HOST:PORT     TCP with TLS; the server's certificate is checked
  udp:HOST:PORT     each line is a datagram
  unix:PATH         a UNIX socket; unixgram:PATH for one of datagrams

[::1]:1234 is IPv6; tcp:1234 is this machine; Twisted's client endpoint strings work, too.

At a terminal, each line is sent when you press Enter, what the server says appears above it,
Ctrl-D says that you have finished, Ctrl-C ends at once. Elsewhere all of standard input is sent as
it is, and what comes back is written out until the server closes.

Control characters that the server sends are shown escaped, and Telnet negotiation is refused.

Examples:

  logsrv connect logs.example.org:1234
  journalctl -o cat | logsrv connect tls:logs.example.org:6514 --cafile ca.pem

Exit status: 0 when the server closed, 1 when there was no connection or it broke.
"""

from __future__ import annotations

import argparse
import os
from asyncio import new_event_loop, set_event_loop
from pathlib import Path
from typing import Any

from twisted.internet.asyncioreactor import install
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner

from logsrv.cli.arguments import seconds, tell
from logsrv.cli.client.dial import connect_peer
from logsrv.cli.client.display import DatagramDisplay, Display, HexDisplay, TextDisplay
from logsrv.cli.client.script import Script
from logsrv.cli.client.target import Target, parse_target
from logsrv.cli.client.terminal import Terminal
from logsrv.cli.client.wire import DatagramWire, StreamWire
from logsrv.errors import ConfigurationError
from logsrv.kit.net.tls.client_tls import TLSOptions
from logsrv.kit.options.argument_parser import Parser


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("endpoint", metavar="ENDPOINT", help="where the server listens")
    add("--hex", action="store_true", help="show the bytes of both sides in hex")
    add("--raw", action="store_true", help="write what comes as it is; not to a terminal")
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument(
        "--crlf",
        dest="ending",
        action="store_const",
        const=b"\r\n",
        help="lines that are sent end with CR LF (typed ones do, but in datagrams)",
    )
    ending.add_argument(
        "--lf", dest="ending", action="store_const", const=b"\n", help="they end with LF"
    )
    timeout = "how long to try to connect (default: 10)"
    add("--timeout", type=seconds, default=10.0, metavar="SECONDS", help=timeout)
    add(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help="not at a terminal: after the end of the input, end when the server has been silent "
        "for so long (default: when it closes; 1 with TLS and datagrams, which cannot tell it "
        "of the end)",
    )
    add("--no-history", action="store_true", help="at a terminal: do not keep what is typed")
    add = parser.add_argument_group("TLS").add_argument
    add("--cafile", type=Path, metavar="FILE", help="trust these authorities (PEM)")
    add("--insecure", action="store_true", help="take any certificate")
    add("--server-name", default="", metavar="NAME", help="whom it has to name")
    add("--certificate", type=Path, metavar="FILE", help="show this one of ours (PEM)")
    add("--key", type=Path, metavar="FILE", help="its key, if not in the same file")


def run(arguments: argparse.Namespace) -> int:
    """Talk until it is over. Raises LogsrvError."""
    target = parse_target(arguments.endpoint)
    if arguments.raw and arguments.hex:
        raise ConfigurationError("--raw and --hex exclude each other")
    if arguments.raw and os.isatty(1):
        raise ConfigurationError(
            "--raw writes to files and pipes only: a server could take over this terminal"
        )
    return _react(target, arguments, interactive=os.isatty(0) and os.isatty(1))


def _react(target: Target, arguments: argparse.Namespace, interactive: bool) -> int:
    if interactive:
        # The prompt lives on asyncio.
        loop = new_event_loop()
        set_event_loop(loop)
        install(loop)
    # Not before: it would be another.
    from twisted.internet import reactor as chosen

    reactor: Any = chosen
    # Twisted's log is no part of the conversation.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    outcome: list[BaseException | None] = []

    async def talk() -> None:
        try:
            await _talk(target, arguments, interactive, reactor)
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)
        if len(outcome) == 1:
            # In the next turn: a connection that was aborted in this one is closed by then.
            reactor.callLater(0, reactor.stop)

    # The reactor takes Ctrl-C and SIGTERM for itself, and then ends all connections.
    reactor.addSystemEventTrigger("before", "shutdown", lambda: outcome.append(KeyboardInterrupt()))
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(talk()))
    reactor.run()
    if outcome[0] is not None:
        raise outcome[0]
    return 0


async def _talk(
    target: Target, arguments: argparse.Namespace, interactive: bool, reactor: Any
) -> None:

    wire = (DatagramWire if target.is_datagram else StreamWire)(arguments.ending)
    options = TLSOptions(
        cafile=arguments.cafile,
        insecure=arguments.insecure,
        certificate=arguments.certificate,
        key=arguments.key,
        server_name=arguments.server_name,
    )
    if arguments.raw:
        display = Display()
    elif arguments.hex:
        display = HexDisplay(telnet=not target.is_datagram)
    else:
        display = DatagramDisplay() if target.is_datagram else TextDisplay()
    talker: Any
    if interactive:
        talker = Terminal(None if arguments.no_history else history_path())
    else:
        talker = Script(wait=arguments.wait, reactor=reactor)
    peer = await connect_peer(target, options, display, talker.show, arguments.timeout, reactor)
    if interactive:
        tell(f"logsrv connect: connected to {target}; Ctrl-D ends it")
    await talker.converse(peer, wire)
    if interactive:
        tell(f"logsrv connect: the connection to {target} is closed")


def history_path() -> Path:
    """Return the file that keeps the lines that were typed (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path("~/.local/state").expanduser()
    return base / "logsrv" / "connect_history"
