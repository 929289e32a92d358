"""The cost of the protocols of real senders: RELP, NDJSON, Forward, Loki. Syslog is a case of `make bench`.

    python -m bench.senders --peers DIR                    # three rounds; DIR as for `make bench`
    python -m bench.senders --only relp --runs 5

One connection sends messages of about 100 bytes, made before the measurement, which ends when the file has
all of them. rsyslog, tuned as for `make bench`, gets the same if it has the protocol. "times" are
multiples of rsyslog's rate in the same round.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import attrs

from bench import proc
from bench.build import OUT
from bench.child import running
from bench.runs import free_port
from bench.servers import TWISTD, Launch, Listener, Peer, _fill
from bench.table import MARKS, markdown
from bench.watch import Growth, follow

MESSAGE = (
    b"<13>Nov 20 06:23:18 host app[42]: something happened, and it took a while to find out which"
)
RECORD = {
    "time": "2026-11-20T06:23:18.5Z",
    "level": "info",
    "app": "shop",
    "message": "order 1017 paid",
}
PATIENCE = 20.0
LOKI = json.dumps(
    {
        "streams": [
            {
                "stream": {"app": "shop"},
                "values": [["1763619798000000000", "order 1017 paid"]] * 1000,
            }
        ]
    }
).encode()


@attrs.frozen
class Case:
    """A kind of sender.

    records: number to send. send: sends them over a connection, and reads the answers. conf: of rsyslog;
    "" if rsyslog lacks the protocol. bar: the required rate as a multiple of rsyslog's.
    """

    name: str
    input: str
    records: int
    send: Callable[[socket.socket, int], None]
    conf: str = ""
    bar: float = 0.0


def repeated(block: bytes, each: int) -> Callable[[socket.socket, int], None]:
    """Return a function that sends a block of `each` records repeatedly."""

    def send(connection: socket.socket, records: int) -> None:
        for _ in range(records // each):
            connection.sendall(block)

    return send


def _relp(connection: socket.socket, records: int) -> None:
    """Send without waiting for answers; read them at the same time."""
    offers = b"relp_version=0\nrelp_software=bench\ncommands=syslog"
    frames = [b"1 open %d %s\n" % (len(offers), offers)]
    frames += (b"%d syslog %d %s\n" % (n, len(MESSAGE), MESSAGE) for n in range(2, records + 2))
    text = b"".join(frames)
    sending = threading.Thread(target=connection.sendall, args=(text,))
    sending.start()
    answers, tail = 0, b""
    while answers < records + 1:
        chunk = connection.recv(1 << 18)
        if not chunk:
            raise ConnectionError("RELP ended early")
        tail += chunk
        answers += tail.count(b"200 OK")
        tail = tail[-5:]
    sending.join()


def _posted(
    path: bytes, kind: bytes, body: bytes, each: int
) -> Callable[[socket.socket, int], None]:
    """Return a function that posts a body of `each` records repeatedly, with two requests in flight."""
    head = b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    request = head % (path, kind, len(body)) + body

    def send(connection: socket.socket, records: int) -> None:
        answers, wanted, tail = 0, records // each, b""
        for number in range(wanted):
            connection.sendall(request)
            while answers < number:
                tail += connection.recv(1 << 16)
                answers += tail.count(b"HTTP/1.1 20")
                tail = tail[-10:]

    return send


def _forward() -> bytes:
    import msgpack

    entry = msgpack.packb([1763619798, RECORD])
    packed: bytes = msgpack.packb(["app.log", entry * 1000, {"size": 1000}])
    return packed


def cases() -> list[Case]:
    """Return the cases."""
    line = json.dumps(RECORD).encode() + b"\n"
    ndjson = _posted(b"/lines", b"application/x-ndjson", line * 10_000, 10_000)
    loki = _posted(b"/loki/api/v1/push", b"application/json", LOKI, 1000)
    return [
        Case("relp", "relp", 500_000, _relp, "rsyslog-relp.conf", 1),
        Case("http, NDJSON", "http", 5_000_000, ndjson),
        Case("http, Loki JSON", "http", 500_000, loki),
        Case("forward, packed", "forward", 500_000, repeated(_forward(), 1000)),
    ]


@attrs.frozen
class Took:
    """One run. rate: records a second. cpu: CPU seconds for a million. missing: records not in the file."""

    rate: float
    cpu: float
    missing: int


def run(launch: Launch, port: str, case: Case, work: Path) -> Took:
    """Start a server, send it the records of a case, and measure."""
    ready = partial(proc.is_bound, "tcp", port)
    with running(launch.command, launch.env, work / "said", ready) as process:
        growth, before = Growth(launch.output), proc.cpu(process.pid)
        sent: list[float] = []

        def send() -> None:
            with socket.create_connection(("127.0.0.1", int(port))) as connection:
                sent.append(time.monotonic())
                case.send(connection, case.records)
                sent.append(time.monotonic())

        sender = threading.Thread(target=send)
        sender.start()
        follow(growth, lambda: case.records if len(sent) > 1 else None, PATIENCE)
        sender.join()
        used = proc.cpu(process.pid) - before
    seconds = max(growth.last_change - sent[0], 1e-6)
    million = case.records / 1e6
    return Took(
        case.records / seconds, (used.user + used.system) / million, case.records - growth.count()
    )


def logsrv(case: Case, port: str, work: Path) -> Launch:
    """Return the command that starts logsrv."""
    listen = f"{case.input}:tcp:{port}:interface=127.0.0.1"
    options = ("--listen", listen, "--directory", str(work / "logs"), "--rotate-size", "64GiB")
    return Launch((*TWISTD, "-n", "--pidfile=", "logsrv", *options), work / "logs" / "current.log")


def rsyslog(peer: Peer, case: Case, port: str, work: Path) -> Launch:
    """Return the command that starts rsyslog."""
    out = work / "rsyslog.log"
    conf = _fill(case.conf, Listener("tcp", port, 1), work, out)
    command = [str(peer.find()), "-n", "-f", str(conf), "-i", str(work / "pid")]
    if peer.is_unpacked():
        command += ["-M", ":".join(peer.libraries("imtcp.so"))]
    return Launch(tuple(command), out, peer.env())


def measure(case: Case, peer: Peer, base: Path) -> Iterator[tuple[str, Took]]:
    """Measure a case once with each server that has the protocol."""
    for name in ("logsrv", *(["rsyslog"] if case.conf and peer.find() else [])):
        work, port = Path(tempfile.mkdtemp(dir=base)), free_port("tcp")
        make = logsrv if name == "logsrv" else partial(rsyslog, peer)
        yield name, run(make(case, port, work), port, case, work)
        shutil.rmtree(work, ignore_errors=True)


def report(chosen: Sequence[str], runs: int, peer: Peer, base: Path) -> None:
    """Measure in turns and print."""
    rows = []
    for case in cases():
        if chosen and not any(word in case.name for word in chosen):
            continue
        took: dict[str, list[Took]] = {}
        for _ in range(runs):
            for name, one in measure(case, peer, base):
                took.setdefault(name, []).append(one)
        print(case.name, file=sys.stderr, flush=True)
        ours, theirs = took["logsrv"], took.get("rsyslog")
        row = [case.name, *_figures(ours)]
        if theirs is None:
            rows.append([*row, "–", "–", "–", _missing(ours), ""])
            continue
        pairs = zip(ours, theirs, strict=True)
        times = statistics.median(one.rate / other.rate for one, other in pairs)
        met = MARKS[times >= case.bar and not any(one.missing for one in ours)]
        rows.append([*row, *_figures(theirs), f"{times:.1f} (≥ {case.bar:g})", _missing(ours), met])
    header = ("sender", "M records/s", "CPU s/M", "rsyslog M/s", "CPU s/M", "times", "lost", "bar")
    print(markdown(header, rows))


def _figures(took: Sequence[Took]) -> list[str]:
    rate = statistics.median(one.rate for one in took) / 1e6
    return [f"{rate:.2f}", f"{statistics.median(one.cpu for one in took):.2f}"]


def _missing(took: Sequence[Took]) -> str:
    return str(sum(one.missing for one in took))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the inputs of real senders.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", action="append", default=[], help="a word of a case; repeatable")
    parser.add_argument("--peers", type=Path, help="where rsyslog is unpacked, as for make bench")
    parser.add_argument("--directory", type=Path, default=OUT)
    given = parser.parse_args(arguments)
    given.directory.mkdir(parents=True, exist_ok=True)
    peer = Peer("rsyslogd", None if given.peers is None else given.peers / "rsyslog")
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="senders-") as base:
        report(given.only, given.runs, peer, Path(base))


if __name__ == "__main__":
    main()
