"""The rate that one server keeps up for long: receiving, sealing, words and columns together.

    python -m bench.sustained                        # 10 minutes at the rate that a short run proposes
    python -m bench.sustained --minutes 60 --rate 300000
    python -m bench.sustained --kind syslog --minutes 2

The server has its defaults, so its words and columns are made beside the receiving. A rate is kept up if
neither the segments that wait to be compressed nor those without columns become more in the second half.
Without --rate, 1.5 GB at full speed, until all of it is sealed, tell the CPU time of a line in each
process; the rate that is tried takes 80 % of all cores with it. Retention keeps the disk at KEEP.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import attrs

from bench import proc
from bench.child import running
from bench.runs import free_port
from bench.servers import TWISTD
from bench.table import markdown
from bench.texts import KINDS, pages

KEEP = "8GiB"
PAGES = 256
LOAD_SHARE = 0.8
PATIENCE = 600.0
LOOK_SECONDS = 1.0
BYTES_AT_FULL_SPEED = 1_500_000_000
# A segment is compressed while the next one fills: one more or less is no trend.
BACKLOG_SLACK = 2
_STAMP_AND_SOURCE = re.compile(rb"(?m)^\S+ \S+ ")
_PARTS = {"columns": "columns", "packing": "sealing and words"}


@attrs.frozen
class Page:
    """Whole lines as a sender sends them, and their number."""

    text: bytes
    lines: int


def sent_pages(kind: str) -> list[Page]:
    """Return PAGES pages of about 1 MiB, without the times and sources that a store adds."""
    texts = (_STAMP_AND_SOURCE.sub(b"", text) for text in islice(pages(kind), PAGES))
    return [Page(text, text.count(b"\n")) for text in texts]


class Sender:
    """A thread that sends pages over one connection, at `rate` lines a second, or as fast as it can.

    lines, bytes: sent so far.
    """

    def __init__(self, port: str, made: Sequence[Page], rate: float | None) -> None:
        self.lines = self.bytes = 0
        self._made, self._rate, self._ended = made, rate, threading.Event()
        self._socket = socket.create_connection(("127.0.0.1", int(port)))
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        began = time.monotonic()
        for page in cycle(self._made):
            due = began + self.lines / self._rate if self._rate else 0.0
            if self._ended.wait(max(0.0, due - time.monotonic())):
                return
            self._socket.sendall(page.text)
            self.lines += page.lines
            self.bytes += len(page.text)

    def end(self) -> None:
        """Send no further page, and close the connection."""
        self._ended.set()
        self._thread.join()
        self._socket.close()


@attrs.frozen
class Backlog:
    """The number of segments that wait to be compressed, and of compressed ones without columns."""

    plain: int
    without_columns: int


class Server:
    """A running server: its process, its port, its directory."""

    def __init__(self, pid: int, port: str, directory: Path) -> None:
        self.pid, self.port, self.directory = pid, port, directory
        self._ended: dict[str, float] = {}
        self._running: dict[tuple[str, int], float] = {}

    def backlog(self) -> Backlog:
        """Count the segments that are not finished."""
        names = set(os.listdir(self.directory))
        packed = {name.removesuffix(".log.zst") for name in names if name.endswith(".log.zst")}
        plain = [name for name in names if name.endswith(".log") and name != "current.log"]
        return Backlog(len(plain), sum(f"{name}.parquet" not in names for name in packed))

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds of each part since the start; call it often, as processes end."""
        now = {("receiving", self.pid): _seconds(self.pid)}
        for child in proc.children(self.pid):
            for one in (child, *_children(child)):
                part = _part(one)
                if part:
                    now[part, one] = _seconds(one)
        for key in self._running.keys() - now.keys():
            self._ended[key[0]] = self._ended.get(key[0], 0.0) + self._running[key]
        self._running = now
        total = dict(self._ended)
        for (part, _), seconds in now.items():
            total[part] = total.get(part, 0.0) + seconds
        return total


def _seconds(pid: int) -> float:
    try:
        used = proc.cpu(pid)
    except OSError:
        return 0.0
    return used.user + used.system


def _children(pid: int) -> list[int]:
    try:
        return proc.children(pid)
    except OSError:
        return []


def _part(pid: int) -> str:
    """Return the part of the work that a process does, "" if it has ended."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
    return next((name for word, name in _PARTS.items() if word in command), "others")


@contextmanager
def server(work: Path) -> Iterator[Server]:
    """Run a server with its defaults and a retention that the disk can hold."""
    port, directory = free_port("tcp"), work / "lines"
    listen = f"tcp:{port}:interface=127.0.0.1"
    words = ("--listen", listen, "--directory", str(directory), "--keep-bytes", KEEP)
    command = (*TWISTD, "-n", "--pidfile=", "logsrv", *words)
    with running(command, {}, work / "said", partial(proc.is_bound, "tcp", port)) as process:
        yield Server(process.pid, port, directory)


def costs(server_: Server, made: Sequence[Page]) -> dict[str, float]:
    """Return the CPU seconds of each part for a line: at full speed, until all of it is finished."""
    sender = Sender(server_.port, made, None)
    while sender.bytes < BYTES_AT_FULL_SPEED:
        server_.cpu()
        time.sleep(LOOK_SECONDS / 10)
    sender.end()
    deadline = time.monotonic() + PATIENCE
    while server_.backlog() != Backlog(0, 0) and time.monotonic() < deadline:
        server_.cpu()
        time.sleep(LOOK_SECONDS)
    return {part: seconds / sender.lines for part, seconds in server_.cpu().items()}


def sustained(
    server_: Server, made: Sequence[Page], rate: float, seconds: float
) -> tuple[list[list[str]], bool]:
    """Send at a rate; return the rows of the table, and whether the server kept up."""
    before, sender, began = server_.cpu(), Sender(server_.port, made, rate), time.monotonic()
    seen: list[Backlog] = []
    while (passed := time.monotonic() - began) < seconds:
        used = server_.cpu()
        seen.append(server_.backlog())
        time.sleep(LOOK_SECONDS)
    sender.end()
    half = len(seen) // 2
    grew = _growth([one.plain for one in seen], half)
    columns = _growth([one.without_columns for one in seen], half)
    reached = sender.lines / passed
    kept_up = max(grew, columns) <= BACKLOG_SLACK and reached > 0.98 * rate
    rows = [
        ["lines a second", f"{reached:,.0f}"],
        ["MB a second", f"{sender.bytes / passed / 1e6:.0f}"],
        ["lines in all", f"{sender.lines:,}"],
        ["segments more to compress, second half", f"{grew:+d}"],
        ["segments more without columns, second half", f"{columns:+d}"],
    ]
    for part, value in used.items():
        taken = value - before.get(part, 0.0)
        rows.append([f"CPU s for a million lines: {part}", f"{taken * 1e6 / sender.lines:.2f}"])
    return rows, kept_up


def _growth(counts: Sequence[int], half: int) -> int:
    """Return by how much the largest number of the second half exceeds that of the first."""
    return max(counts[half:], default=0) - max(counts[:half], default=0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark; status 1 if the rate was not kept up."""
    parser = argparse.ArgumentParser(description="The rate that a server keeps up.")
    parser.add_argument("--kind", choices=KINDS, default="mix")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument(
        "--rate", type=float, help="lines a second; by default found by a short run"
    )
    given = parser.parse_args(arguments)
    made, rate = sent_pages(given.kind), given.rate
    with tempfile.TemporaryDirectory() as work, server(Path(work)) as server_:
        if rate is None:
            each = costs(server_, made)
            taken = sum(each.values())
            rate = LOAD_SHARE * (os.cpu_count() or 1) / taken
            print(f"{taken * 1e6:.2f} s of CPU for a million lines: {rate:,.0f} lines/s are tried")
        rows, kept_up = sustained(server_, made, rate, given.minutes * 60)
    print(markdown([f"{given.kind}, {given.minutes:g} minutes", ""], rows))
    print("kept up" if kept_up else "not kept up")
    raise SystemExit(0 if kept_up else 1)


if __name__ == "__main__":
    main()
