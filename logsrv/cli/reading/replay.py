"""Send stored lines again, to another server: the messages without TIME and SOURCE.

ENDPOINT is where the server listens: tcp:HOST:PORT, tls:HOST:PORT (or ssl:), udp:HOST:PORT, unix:PATH,
unixgram:PATH. In a stream each line ends with LF; each datagram has one line. Lines are sent at the
intervals at which they were received; --speed 10 is ten times as fast, --speed max as fast as the server
takes them, --rate 1000 sends 1,000 lines a second.

Example:

  logsrv replay --to tcp:localhost:1234 --since yesterday app:shop

Exit status: 0, 1 when there was nothing to send, 2 when something is wrong.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Self

from logsrv.cli.arguments import tell
from logsrv.cli.client.target import Target, parse_target
from logsrv.cli.reading import arguments as reading
from logsrv.cli.reading.stores import make_search, open_view
from logsrv.errors import ConfigurationError, LogsrvError
from logsrv.kit.options.argument_parser import Parser, UsageError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.kit.text.words import shown
from logsrv.linelog.fields.record import Record
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import time_text

_MAX = "max"


def declare(parser: Parser) -> None:
    add = parser.add_argument
    reading.declare_query(parser)
    add("--to", metavar="ENDPOINT", required=True, help="where the server listens")
    reading.declare_store(parser)
    reading.declare_scope(parser)
    add("--utc", action="store_true", help="times given without a zone are UTC, not local")
    add("-n", type=reading.parse_count, metavar="N", dest="number", help="send N lines at most")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=_parse_speed, metavar="FACTOR", default=1.0,
                      help="FACTOR times as fast as received; max: without waiting")  # fmt: skip
    pace.add_argument("--rate", type=_parse_rate, metavar="LINES", help="LINES lines a second")
    add("--cafile", type=Path, metavar="FILE", help="TLS: trust these (PEM)")
    add("--insecure", action="store_true", help="TLS: take any certificate")


def _parse_speed(text: str) -> float:
    return 0.0 if text == _MAX else _parse_positive(text, "speed, such as 10 or max")


def _parse_rate(text: str) -> float:
    return _parse_positive(text, "number of lines a second, such as 1000")


def _parse_positive(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise ValueError(f"{shown(text)} is no {what}")
    return value


def run(arguments: argparse.Namespace) -> int:
    typed = arguments.to
    target = parse_target("tls:" + typed[4:] if typed.startswith("ssl:") else typed)
    if target.scheme == "twisted":
        raise UsageError(f"--to: {typed} is none of tcp:, tls:, udp:, unix: and unixgram:")
    if (arguments.cafile or arguments.insecure) and target.scheme != "tls":
        raise UsageError(f"--to: {target} is not encrypted; certificates go with tls:HOST:PORT")
    found_by = reading.matcher_with_hints(arguments.query, "replay")
    with open_view(arguments, "replay") as view:
        limits = reading.make_scope(arguments)
        with (
            closing(make_search(view, found_by, limits)) as search,
            ReplayConnection(target, arguments.cafile, insecure=arguments.insecure) as receiver,
        ):
            hits = islice(search.hits(), arguments.number)
            for hit in _hits_when_due(hits, arguments.speed, arguments.rate, receiver.flush):
                receiver.send(Record(hit.line).body)
    sent = "1 line was" if receiver.sent == 1 else f"{receiver.sent} lines were"
    tell(f"logsrv replay: {sent} sent to {target}")
    return reading.search_status(view.damaged, receiver.sent > 0)


def _hits_when_due(
    hits: Iterator[Hit], speed: float, rate: float | None, flush: Callable[[], object]
) -> Iterator[Hit]:
    """Yield each line when it is due; call `flush` before each wait."""
    begun = time.monotonic()
    first = 0.0
    for number, hit in enumerate(hits):
        if rate is not None:
            due = number / rate
        elif speed:
            moment = _line_seconds(hit.line)
            first = first or moment
            # A line older than the first one is due now: the clock was set back between them.
            due = max(0.0, moment - first) / speed
        else:
            yield hit
            continue
        wait = begun + due - time.monotonic()
        if wait > 0.001:
            flush()
            time.sleep(wait)
        yield hit


def _line_seconds(line: bytes) -> float:
    text = time_text(line)
    return parse_rfc3339(text) if text else 0.0


_PIECE = 1 << 16
_TIMEOUT = 30.0


class ReplayConnection:
    """A connection that sends lines. Raises LogsrvError, which says how many lines were sent before.

    sent: the number of lines that the system has accepted.
    """

    def __init__(self, target: Target, cafile: Path | None, *, insecure: bool) -> None:
        self.sent = 0
        self._target = target
        self._waiting: list[bytes] = []
        self._size = 0
        self._socket = self._connect(cafile, insecure)

    def _connect(self, cafile: Path | None, insecure: bool) -> socket.socket:
        try:
            made = self._open_socket()
        except OSError as error:
            raise LogsrvError(f"{self._target} cannot be reached: {_error_text(error)}") from error
        try:
            return self._start_tls(made, cafile, insecure) if self._target.scheme == "tls" else made
        except OSError as error:
            made.close()
            raise LogsrvError(f"TLS with {self._target} failed: {_error_text(error)}") from error

    def _open_socket(self) -> socket.socket:
        target = self._target
        kind = socket.SOCK_DGRAM if target.is_datagram else socket.SOCK_STREAM
        if not target.path and not target.is_datagram:
            return socket.create_connection((target.host, target.port), _TIMEOUT)
        family = socket.AF_UNIX
        address: Any = target.path
        if not target.path:
            family, *_, address = socket.getaddrinfo(target.host, target.port, type=kind)[0]
        made = socket.socket(family, kind)
        try:
            made.settimeout(_TIMEOUT)
            made.connect(address)
        except OSError:
            made.close()
            raise
        return made

    def _start_tls(
        self, plain: socket.socket, cafile: Path | None, insecure: bool
    ) -> socket.socket:
        try:
            context = ssl.create_default_context(cafile=str(cafile) if cafile else None)
        except (OSError, ssl.SSLError) as error:
            plain.close()
            raise ConfigurationError(f"--cafile {cafile}: {_error_text(error)}") from error
        if insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname=self._target.host)

    def send(self, message: bytes) -> None:
        """Send a line: as a datagram at once; on a connection perhaps later, with further lines."""
        if self._target.is_datagram:
            self._send_now(message)
            self.sent += 1
            return
        self._waiting.append(message + b"\n")
        self._size += len(message) + 1
        if self._size >= _PIECE:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            self._send_now(b"".join(self._waiting))
            self.sent += len(self._waiting)
            self._waiting.clear()
            self._size = 0

    def _send_now(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise LogsrvError(
                f"{self._target} took no more after {self.sent} lines: {_error_text(error)}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.flush()
                if not self._target.is_datagram:
                    self._end_and_wait()
        finally:
            self._socket.close()

    def _end_and_wait(self) -> None:
        """Close our side, and wait until the server has read all lines and closes its side."""
        try:
            if self._target.scheme == "tls":
                self._socket = self._socket.unwrap()  # type: ignore[attr-defined]
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(_PIECE):
                pass
        except OSError as error:
            if isinstance(error, TimeoutError):
                return
            raise LogsrvError(
                f"{self._target} closed before it had read all of {self.sent} lines: {_error_text(error)}"
            ) from error


def _error_text(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
