"""Send stored lines again to another server: messages as they came, without TIME and SOURCE.

ENDPOINT is where it listens: tcp:HOST:PORT, tls:HOST:PORT (or ssl:), udp:HOST:PORT, unix:PATH,
unixgram:PATH. Streams get a line ended by LF, datagrams a line each. They go with the time that was
between them when they were received; --speed 10 is ten times as fast, --speed max as fast as the server
takes them, --rate 1000 so many a second.

Example:

  logsrv replay --to tcp:localhost:1234 --since yesterday app:shop

Exit status: 0, 1 when there was nothing to send, 2 when something is wrong.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from logsrv.cli.arguments import tell
from logsrv.cli.client.target import parse_target
from logsrv.cli.reading import arguments as reading
from logsrv.cli.reading.sending import ReplayConnection
from logsrv.kit.options.argument_parser import Parser, UsageError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.kit.text.words import shown
from logsrv.linelog.fields.record import Record
from logsrv.linelog.read.search import Hit, Search
from logsrv.linelog.store.segments.segment import time_text

_MAX = "max"


def declare(parser: Parser) -> None:
    add = parser.add_argument
    reading.declare_query(parser)
    add("--to", metavar="ENDPOINT", required=True, help="where the server listens")
    reading.declare_store(parser)
    reading.declare_scope(parser)
    add("--utc", action="store_true", help="times given without a zone are UTC, not local")
    add("-n", type=reading.count, metavar="N", dest="number", help="at most so many")
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=_speed, metavar="FACTOR", default=1.0,
                      help="so many times as fast as they came; max: without waiting")  # fmt: skip
    pace.add_argument("--rate", type=_rate, metavar="LINES", help="so many a second")
    add("--cafile", type=Path, metavar="FILE", help="TLS: trust these (PEM)")
    add("--insecure", action="store_true", help="TLS: take any certificate")


def _speed(text: str) -> float:
    return 0.0 if text == _MAX else _positive(text, "speed, such as 10 or max")


def _rate(text: str) -> float:
    return _positive(text, "number of lines a second, such as 1000")


def _positive(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no {what}")
    return value


def run(arguments: argparse.Namespace) -> int:
    typed = arguments.to
    target = parse_target("tls:" + typed[4:] if typed.startswith("ssl:") else typed)
    if target.scheme == "twisted":
        raise UsageError(f"--to: {typed} is none of tcp:, tls:, udp:, unix: and unixgram:")
    if (arguments.cafile or arguments.insecure) and target.scheme != "tls":
        raise UsageError(f"--to: {target} is not encrypted; certificates go with tls:HOST:PORT")
    found_by = reading.matcher(arguments.query, "replay")
    with reading.opened(arguments.directory, "replay") as view:
        limits = reading.scope(arguments)
        with (
            closing(Search(view, found_by, limits)) as search,
            ReplayConnection(target, arguments.cafile, insecure=arguments.insecure) as receiver,
        ):
            hits = islice(search.hits(), arguments.number)
            for hit in _paced(hits, arguments.speed, arguments.rate, receiver.flush):
                receiver.send(Record(hit.line).body)
    sent = "1 line was" if receiver.sent == 1 else f"{receiver.sent} lines were"
    tell(f"logsrv replay: {sent} sent to {target}")
    return reading.status(view, receiver.sent > 0)


def _paced(
    hits: Iterator[Hit], speed: float, rate: float | None, flush: Callable[[], object]
) -> Iterator[Hit]:
    """Yield each line when it is its turn; `flush` is called before a wait."""
    begun = time.monotonic()
    first = 0.0
    for number, hit in enumerate(hits):
        if rate is not None:
            due = number / rate
        elif speed:
            moment = _moment(hit.line)
            first = first or moment
            # A clock that was set back makes nobody wait, nor hurry.
            due = max(0.0, moment - first) / speed
        else:
            yield hit
            continue
        wait = begun + due - time.monotonic()
        if wait > 0.001:
            flush()
            time.sleep(wait)
        yield hit


def _moment(line: bytes) -> float:
    text = time_text(line)
    return parse_rfc3339(text) if text else 0.0
