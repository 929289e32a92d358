r"""Send standard input to a server, and write out what comes back.

ENDPOINT is where the server listens:

  HOST:PORT         TCP, as tcp:HOST:PORT; the port may be a service's name
  tls:HOST:PORT     TCP with TLS; the server's certificate is checked
  unix:PATH         a UNIX socket

[::1]:1234 is IPv6. After the port, tls: takes :cafile=FILE, authorities to trust instead of the system's;
:hostname=NAME, the name in the certificate, if that is not HOST; :certKey=FILE and :privateKey=FILE, a
certificate to show.

At the end of the input (Ctrl-D) our half of the connection is closed. The command ends when the server
closes; over TLS, where no half can be closed, also when the server has been silent for a second. Ctrl-C
ends at once.

On a terminal, control characters of the server are shown escaped. Files and pipes get its bytes unchanged.

Examples:

  logsrv connect logs.example.org:1234
  journalctl -o cat | logsrv connect tls:logs.example.org:6514:cafile=ca.pem

Exit status: 0 when the server closed, 1 when there was no connection or it broke.
"""

from __future__ import annotations

import argparse
import codecs
import io
import os
import re
import socket
import ssl
import sys
from contextlib import ExitStack, suppress
from select import select
from typing import Any

from logsrv.cli.arguments import tell
from logsrv.cli.command import Command
from logsrv.errors import LogsrvError
from logsrv.kit.connections.client_tls import tls_context
from logsrv.kit.net.remote import ARGUMENTS, RemotePlace, parse_remote
from logsrv.kit.observe.peer_log import OTHER_NAME, UNTRUSTED, tls_sentence
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.options.gone import gone_sentence
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.words import shown

command = Command("connect", "send standard input to a server, and show its answers", __name__)

CHUNK = 64 * 1024
CONNECT_SECONDS = 10.0
SILENT_SECONDS = 1.0
"""Seconds of silence before the end, over TLS and after the end of the input."""
BROKEN = "the connection broke off; what came may not be all"

# The codes of OpenSSL for a certificate of another host, and of another address.
OTHER_NAMES = (62, 64)
HINTS = {
    UNTRUSTED: "; cafile=FILE names that authority",
    OTHER_NAME: "; hostname=NAME says for which",
}


class ConnectionFailed(LogsrvError):
    """Raised when a connection fails or breaks."""


def declare(parser: Parser) -> None:
    parser.add_argument(
        "endpoint", metavar="ENDPOINT", type=parse_place, help="where the server listens"
    )


def parse_place(text: str) -> RemotePlace:
    """Return the place for an endpoint string or for HOST:PORT, which is TCP. Raises ValueError."""
    scheme = text.partition(":")[0]
    if gone := gone_sentence("logsrv connect", f"{scheme}:"):
        raise ValueError(f"{shown(text)}: {scheme}: is {gone}")
    # The colons of [::1] are escaped as in Twisted's endpoint strings.
    text = re.sub(r"\[([^\[\]]*)\]", lambda found: found[1].replace(":", r"\:"), text)
    if scheme not in ARGUMENTS and re.fullmatch(r"(\\.|[^\\:])*:[^:]+", text, re.DOTALL):
        text = f"tcp:{text}"
    return parse_remote(text)


def run(arguments: argparse.Namespace) -> int:
    """Talk to the server. Raises LogsrvError; OSError of our output."""
    place: RemotePlace = arguments.endpoint
    name = one_line(place.label)
    if sys.stdin is None:
        # Otherwise the connection would get the number of the closed standard input.
        os.open(os.devnull, os.O_RDONLY)
    try:
        with connect(place) as connection:
            if os.isatty(0):
                tell(f"connected to {name}; Ctrl-D ends your input, Ctrl-C all")
            talk(connection)
    except ConnectionFailed as failed:
        raise ConnectionFailed(f"{name}: {failed}") from failed
    return 0


def connect(place: RemotePlace) -> socket.socket:
    """Return a connection, over TLS after its handshake. Raises LogsrvError."""
    context = None
    if place.scheme == "ssl":
        context = tls_context(place.tls)
        context.hostname_checks_common_name = False
        # Python takes an end without TLS's own close for one; OpenSSL before 3.0 has no such option.
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    try:
        if place.scheme == "unix":
            with ExitStack() as undo:
                connection = undo.enter_context(socket.socket(socket.AF_UNIX))
                connection.settimeout(CONNECT_SECONDS)
                connection.connect(place.path)
                undo.pop_all()
                return connection
        connection = socket.create_connection((place.host, place.port), CONNECT_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return connection
        return context.wrap_socket(
            connection,
            server_hostname=place.tls.server_name or place.host,
            suppress_ragged_eofs=False,
        )
    except (OSError, ValueError) as failed:
        raise ConnectionFailed(why_not_connected(failed)) from failed


def talk(connection: socket.socket) -> None:
    """Send standard input, and write out what comes, until the server closes.

    The next piece of the input is read when the last one is sent. Raises ConnectionFailed; OSError of our
    output.
    """
    connection.setblocking(False)
    is_encrypted = isinstance(connection, ssl.SSLSocket)
    decoder = terminal_decoder() if os.isatty(1) else None
    unsent, ended = b"", False
    while (came := _receive(connection)) != b"":
        if came is not None:
            _write_out(came if decoder is None else printable(decoder.decode(came)).encode())
        if unsent:
            unsent = unsent[_send(connection, unsent) :]
        reading: list[Any] = [connection] if ended or unsent else [connection, 0]
        patience = SILENT_SECONDS if ended and is_encrypted else None
        # TLS keeps nothing for which `select` would wait in vain: a piece has room for its largest record.
        ready, _, _ = select(reading, [connection] if unsent else [], [], patience)
        if patience and not ready:
            break
        if 0 in ready:
            unsent = _read_input()
            ended = not unsent
            if ended and not is_encrypted:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
    if isinstance(connection, ssl.SSLSocket):
        # Many servers do not answer our close of TLS with their own.
        with suppress(OSError):
            connection.unwrap()


def _receive(connection: socket.socket) -> bytes | None:
    """Return what has come; None if nothing has, b"" when the server has closed."""
    try:
        return connection.recv(CHUNK)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None
    except OSError as failed:
        raise ConnectionFailed(_why_broken(failed)) from failed


def _send(connection: socket.socket, data: bytes) -> int:
    """Send as much as there is room for; return the number of bytes."""
    try:
        return connection.send(data)
    except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return 0
    except OSError as failed:
        raise ConnectionFailed(_why_broken(failed)) from failed


def _read_input() -> bytes:
    """Return the next piece of standard input; b"" at its end, also when its terminal has gone."""
    with suppress(OSError):
        return os.read(0, CHUNK)
    return b""


def _write_out(data: bytes) -> None:
    while data:
        # Another program may have made it non-blocking.
        select([], [1], [])
        data = data[os.write(1, data) :]


def _why_broken(failed: OSError) -> str:
    """Return why a connection broke."""
    # Before Python 3.12 an end without TLS's own close is any SSLError.
    if not isinstance(failed, ssl.SSLError) or "EOF" in str(failed.reason):
        return BROKEN
    why = tls_sentence(str(failed)) or one_line(failed.reason or str(failed))
    if isinstance(failed, ssl.SSLCertVerificationError) and failed.verify_code in OTHER_NAMES:
        why = OTHER_NAME
    return why + HINTS.get(why, "")


def why_not_connected(failed: Exception) -> str:
    """Return why there is no connection."""
    match failed:
        case ssl.SSLError() | ConnectionResetError():
            return _why_broken(failed)
        case TimeoutError():
            return f"no answer in {CONNECT_SECONDS:g} s"
        case socket.gaierror() | ValueError():
            return "there is no host of that name"
    return one_line(getattr(failed, "strerror", None) or str(failed))


def terminal_decoder() -> io.IncrementalNewlineDecoder:
    """Return a decoder of UTF-8 that escapes other bytes; CR LF and CR become LF."""
    return io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder("utf-8")("backslashreplace"), translate=True
    )
