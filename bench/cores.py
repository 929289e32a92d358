"""Taking in with more cores: the CPU time of the server's threads, and the rate of two servers together.

    TMPDIR=/dev/shm python -m bench.cores              # two rounds: three minutes

Lines over TCP are sent to one server, and to two at once, each with its own load and store: two processes
that share a listener could not receive more. Bodies of Loki, OTLP and bulk requests: with 1 and 2 workers.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import attrs

from bench import proc
from bench.build import build
from bench.child import loading, running
from bench.runs import free_port
from bench.servers import TWISTD
from bench.table import markdown

RECORDS = 20_000
SENDERS = 4
LOOK_SECONDS = 0.05


def bodies() -> dict[str, tuple[str, bytes]]:
    """Return the path and the body of each kind of request; a body has RECORDS records."""
    entry = ["1763619798000000000", "order 1017 paid"]
    loki = {"streams": [{"stream": {"app": "shop"}, "values": [entry] * RECORDS}]}
    record = {
        "timeUnixNano": "1763619798000000000",
        "severityText": "INFO",
        "body": {"stringValue": "order 1017 paid"},
    }
    otlp = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record] * RECORDS}]}]}
    document = {"time": "2026-11-20T06:23:18.5Z", "level": "info", "message": "order 1017 paid"}
    bulk = '{"index":{"_index":"shop"}}\n' + json.dumps(document) + "\n"
    return {
        "Loki": ("/loki/api/v1/push", json.dumps(loki).encode()),
        "OTLP": ("/v1/logs", json.dumps(otlp).encode()),
        "bulk": ("/_bulk", (bulk * RECORDS).encode()),
    }


@attrs.frozen
class Server:
    """A running server: its process, its port, its directory."""

    pid: int
    port: str
    directory: Path

    def threads(self) -> list[float]:
        """Return the CPU seconds of each of its threads, the reactor's first."""
        tasks = sorted(os.listdir(f"/proc/{self.pid}/task"), key=int)
        fields = [
            Path(f"/proc/{self.pid}/task/{one}/stat").read_text().rpartition(")")[2].split()
            for one in tasks
        ]
        return [(int(one[11]) + int(one[12])) / proc.TICKS for one in fields]

    def settled(self) -> None:
        """Wait until current.log no longer grows."""
        before = -1
        while (size := (self.directory / "current.log").stat().st_size) != before:
            before = size
            time.sleep(LOOK_SECONDS)


@contextmanager
def server(work: Path, name: str, input_: str, *options: str) -> Iterator[Server]:
    """Run a server with one listener."""
    port, directory = free_port("tcp"), work / name
    listen = f"{input_}tcp:{port}:interface=127.0.0.1"
    words = ("--listen", listen, "--directory", str(directory), "--rotate-size", "64GiB", *options)
    ready = partial(proc.is_bound, "tcp", port)
    command = (*TWISTD, "-n", "--pidfile=", "logsrv", *words)
    with running(command, {}, work / f"{name}.said", ready) as process:
        yield Server(process.pid, port, directory)


def together(calls: Sequence[Callable[[], object]]) -> float:
    """Run all calls at once, each in its own thread; return the seconds until the last has ended."""
    threads = [threading.Thread(target=call) for call in calls]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def lines(load: Path, work: Path, servers: int, number: int) -> list[str]:
    """Send `number` lines to each of `servers` servers at once; return a row of the table."""
    with ExitStack() as stack:
        all_ = [stack.enter_context(server(work, f"lines{one}", "")) for one in range(servers)]

        def send(to: Server) -> None:
            words = ("--lines", str(number), "--size", "100", "--connections", "8")
            with loading(load, ("stream", f"tcp:{to.port}", *words)) as load_:
                load_.wait_sent()
            to.settled()

        seconds = together([partial(send, one) for one in all_])
        threads = [one.threads() for one in all_]
    sent = number * servers
    reactor = sum(one[0] for one in threads)
    others = sum(sum(one[1:]) for one in threads)
    each = (f"{1e6 * part / sent:.3f}" for part in (reactor, others))
    return [f"lines, {servers} servers", f"{sent / seconds / 1e6:.2f}", *each]


def posted(to: Server, path: str, body: bytes, number: int) -> None:
    """Send a body `number` times over one connection."""
    connection = HTTPConnection("127.0.0.1", int(to.port), timeout=60)
    for _ in range(number):
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 300, answer.status
    connection.close()


def records(work: Path, kind: str, workers: int, number: int) -> list[str]:
    """Send `number` bodies to a server with `workers` workers; return a row of the table."""
    path, body = bodies()[kind]
    with server(work, f"{kind}{workers}", "http:", "--workers", str(workers)) as one:
        # A first round, not measured: the server imports modules, and starts its workers.
        together([partial(posted, one, path, body, 1)] * SENDERS)
        before = one.threads()
        seconds = together([partial(posted, one, path, body, number // SENDERS)] * SENDERS)
        after = one.threads()
    sent = number // SENDERS * SENDERS * RECORDS
    reactor, others = after[0] - before[0], sum(after[1:]) - sum(before[1:])
    each = (f"{1e6 * part / sent:.3f}" for part in (reactor, others))
    return [f"{kind}, {workers} workers", f"{sent / seconds / 1e6:.2f}", *each]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.cores", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=2, help="rounds")
    parser.add_argument("--lines", type=int, default=10_000_000, help="for each server")
    parser.add_argument("--bodies", type=int, default=24, help=f"of {RECORDS:,} records each")
    chosen = parser.parse_args(arguments)
    load = build("load")
    rows = []
    for _ in range(chosen.runs):
        for servers in (1, 2):
            with tempfile.TemporaryDirectory() as work:
                rows.append(lines(load, Path(work), servers, chosen.lines))
        for kind in bodies():
            for workers in (1, 2):
                with tempfile.TemporaryDirectory() as work:
                    rows.append(records(Path(work), kind, workers, chosen.bodies))
    print(markdown(("case", "M/s", "reactor µs each", "other threads µs each"), sorted(rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
