"""Talk to a server, line by line.

ENDPOINT is where it listens:

  HOST:PORT         TCP, as tcp:HOST:PORT; the port may be a service's name
  tls:HOST:PORT     TCP with TLS; the server's certificate is checked
  udp:HOST:PORT     each line is a datagram
  unix:PATH         a UNIX socket; unixgram:PATH for one of datagrams

[::1]:1234 is IPv6; tcp:1234 is this machine; Twisted's client endpoint strings work, too.

At a terminal, each line is sent when you press Enter. Ctrl-D ends your input, Ctrl-C ends at once; rlwrap
logsrv connect ENDPOINT edits lines, and keeps them. Otherwise all of standard input is sent unchanged,
and the server's bytes are written out until it closes.

Control characters that the server sends are shown escaped, and Telnet negotiation is refused.

Examples:

  logsrv connect logs.example.org:1234
  journalctl -o cat | logsrv connect tls:logs.example.org:6514 --cafile ca.pem

Exit status: 0 when the server closed, 1 when there was no connection or it broke.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater, react
from twisted.logger import globalLogBeginner

from logsrv.cli.arguments import parse_seconds, tell
from logsrv.cli.client.conversation import LineConversation
from logsrv.cli.client.dial import dial
from logsrv.cli.client.display import DatagramDisplay, Display, HexDisplay, TextDisplay
from logsrv.cli.client.target import Target, parse_target
from logsrv.cli.client.wire import DatagramInputEncoder, StreamInputEncoder
from logsrv.errors import ConfigurationError
from logsrv.kit.net.twisted.client_tls import TLSOptions
from logsrv.kit.options.argument_parser import Parser


def declare(parser: Parser) -> None:
    add = parser.add_argument
    add("endpoint", metavar="ENDPOINT", help="where the server listens")
    add("--hex", action="store_true", help="show the bytes of both sides in hex")
    add("--raw", action="store_true", help="write the server's bytes unchanged; not to a terminal")
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
    add("--timeout", type=parse_seconds, default=10.0, metavar="SECONDS", help=timeout)
    add(
        "--wait",
        type=parse_seconds,
        metavar="SECONDS",
        help="after the end of the input, end when the server has been silent for so long (default: "
        "when it closes; 1 at a terminal, and with TLS and datagrams, which cannot tell it of the end)",
    )
    add = parser.add_argument_group("TLS").add_argument
    add("--cafile", type=Path, metavar="FILE", help="trust these authorities (PEM)")
    add("--insecure", action="store_true", help="take any certificate")
    add("--server-name", default="", metavar="NAME", help="the name that the certificate must have")
    add("--certificate", type=Path, metavar="FILE", help="our certificate (PEM)")
    add("--key", type=Path, metavar="FILE", help="its key, if not in the same file")


def run(arguments: argparse.Namespace) -> int:
    """Connect to the endpoint, and talk to it until the conversation ends. Raises LogsrvError."""
    target = parse_target(arguments.endpoint)
    if arguments.raw and arguments.hex:
        raise ConfigurationError("--raw and --hex exclude each other")
    if arguments.raw and os.isatty(1):
        raise ConfigurationError(
            "--raw writes to files and pipes only: a server could take over this terminal"
        )
    # Drop Twisted's log, which is not part of the conversation.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    # The outcome if nothing else is set: the reactor handles Ctrl-C and SIGTERM, and ends all connections.
    outcome: list[BaseException | None] = [KeyboardInterrupt()]

    async def until_over(reactor: Any) -> None:
        # Wait until the reactor runs: `running` is false before, as after its stop.
        await deferLater(reactor, 0)
        try:
            await _connect_and_talk(target, arguments, reactor)
            outcome[0] = None
        except Exception as error:
            # If the reactor has stopped, it broke the connection itself: that is no error.
            if reactor.running:
                outcome[0] = error

    with contextlib.suppress(SystemExit):
        react(until_over)
    if outcome[0] is not None:
        raise outcome[0]
    return 0


async def _connect_and_talk(target: Target, arguments: argparse.Namespace, reactor: Any) -> None:
    is_typed = os.isatty(0) and os.isatty(1)
    ending = arguments.ending
    if is_typed and ending is None and not target.is_datagram:
        ending = b"\r\n"
    talk = LineConversation(
        display=_make_display(target, arguments),
        wire=DatagramInputEncoder(ending) if target.is_datagram else StreamInputEncoder(ending),
        wait=arguments.wait,
        is_typed=is_typed,
        reactor=reactor,
    )
    options = TLSOptions(
        cafile=arguments.cafile,
        insecure=arguments.insecure,
        certificate=arguments.certificate,
        key=arguments.key,
        server_name=arguments.server_name,
    )
    peer = await dial(target, options, talk, arguments.timeout, reactor)
    if is_typed:
        tell(f"logsrv connect: connected to {target}; Ctrl-D ends it")
    await talk.converse(peer, target)
    if is_typed:
        tell(f"logsrv connect: the connection to {target} is closed")


def _make_display(target: Target, arguments: argparse.Namespace) -> Display:
    if arguments.raw:
        return Display()
    if arguments.hex:
        return HexDisplay(telnet=not target.is_datagram)
    return DatagramDisplay() if target.is_datagram else TextDisplay()
