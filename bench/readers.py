"""Receiving lines beside ten live views and a search, and beside sealing; the memory with ten views.

    python -m bench.readers                                # five rounds
    python -m bench.readers --runs 9 --lines 20000000

The load and the server share the first core. The server's child processes (searches, live views, packing)
and the viewers have the second core. The server takes in the same load in turns: alone; with the views and
one search after another; and with segments being sealed. The rate is the sender's, which waits for the
server. The memory is that of the server and of the process of its live views.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import attrs

from bench import proc
from bench.build import OUT, build
from bench.child import loading, running
from bench.runs import free_port
from bench.servers import TWISTD
from bench.stores import make
from bench.table import MARKS, markdown

RATE_BAR = 0.9
MEMORY_BAR = 50e6
VIEWERS = 10
WARM_LINES = 1_000_000
SETTLED_SECONDS = 1.0
LOOK_SECONDS = 0.02
FIRST, SECOND = {0}, {1}


@attrs.frozen
class Took:
    """One run. rate: lines a second. cpu: CPU seconds of the server. memory: peak in bytes.

    missing: lines sent but not stored. searches: number of searches that ended meanwhile.
    """

    rate: float
    cpu: float
    memory: int
    missing: int
    searches: int


class Readers:
    """Ten live views that read as fast as they can, and one search after another."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._viewing = threading.Semaphore(0)
        self.searches = 0
        self._threads = [threading.Thread(target=self._view) for _ in range(VIEWERS)]
        self._threads.append(threading.Thread(target=self._search))

    def start(self) -> None:
        """Start all; return when every view has been answered."""
        for thread in self._threads:
            thread.start()
        for _ in range(VIEWERS):
            self._viewing.acquire()

    def stop(self) -> None:
        """Stop all, and wait for their end."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _view(self) -> None:
        os.sched_setaffinity(threading.get_native_id(), SECOND)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=1)
        connection.request("GET", "/api/tail")
        connection.getresponse()
        self._viewing.release()
        assert connection.sock is not None
        while not self._over.is_set():
            try:
                connection.sock.recv(1 << 18)
            except TimeoutError:
                continue
        connection.close()

    def _search(self) -> None:
        os.sched_setaffinity(threading.get_native_id(), SECOND)
        while not self._over.is_set():
            connection = HTTPConnection("127.0.0.1", self._port, timeout=60)
            try:
                connection.request("GET", "/api/search?q=timeout&limit=1000&reverse=1")
                connection.getresponse().read()
                self.searches += 1
            except (OSError, HTTPException):
                time.sleep(LOOK_SECONDS)
            connection.close()


class Bench:
    """The load, and a store of sealed segments, of which every server gets a copy."""

    def __init__(self, load: Path, store: Path, work: Path, lines: int) -> None:
        self._load = load
        self._store = store
        self._work = work
        self._lines = lines

    def run(self, *, readers: bool = False, sealing: bool = False) -> Took:
        """Start a new server, send it the load, and measure."""
        with tempfile.TemporaryDirectory(dir=self._work) as made:
            directory = Path(made) / "logs"
            directory.mkdir()
            for file in self._store.iterdir():
                (directory / file.name).hardlink_to(file)
            # The daemon writes into these two files, so they are copied.
            for name in ("current.log", "number"):
                text = (directory / name).read_bytes()
                (directory / name).unlink()
                (directory / name).write_bytes(text)
            port, http = free_port("tcp"), free_port("tcp")
            options = ["--directory", str(directory), "--http", f"tcp:{http}:interface=127.0.0.1"]
            options += ["--listen", f"tcp:{port}:interface=127.0.0.1"]
            options += ["--rotate-size", "256MiB" if sealing else "64GiB"]
            ready = partial(proc.is_bound, "tcp", port)
            command = (*TWISTD, "-n", "--pidfile=", "logsrv", *options)
            with running(command, {}, Path(made) / "said", ready) as process:
                return self._taken_in(process.pid, port, int(http), readers)

    def _taken_in(self, pid: int, port: str, http: int, with_readers: bool) -> Took:
        readers = Readers(http)
        with sharing_a_core(pid):
            self._send(port, WARM_LINES)
            if with_readers:
                readers.start()
            before = proc.cpu(pid)
            sent, seconds = self._send(port, self._lines)
            used = proc.cpu(pid) - before
            memory = proc.memory(pid, "VmHWM") + sum(map(_views_memory, _children(pid, pid)))
            if with_readers:
                readers.stop()
            missing = WARM_LINES + sent - self._received(http, WARM_LINES + sent)
        return Took(sent / seconds, used.user + used.system, memory, missing, readers.searches)

    def _send(self, port: str, lines: int) -> tuple[int, float]:
        arguments = ("--lines", str(lines), "--size", "100", "--connections", "8")
        with loading(self._load, ("stream", f"tcp:{port}", *arguments)) as load:
            sent = load.wait_sent()
        return sent.lines, sent.end - sent.start

    def _received(self, http: int, expected: int) -> int:
        """Return the server's count of stored lines, after waiting up to 30 s for `expected`."""
        end = time.monotonic() + 30
        while (stored := _stored(http)) < expected and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        return stored


def _stored(http: int) -> int:
    connection = HTTPConnection("127.0.0.1", http, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    counts = [
        line.split()[-1] for line in text.splitlines() if line.startswith("logsrv_stored_lines")
    ]
    return int(sum(map(float, counts)))


@contextmanager
def sharing_a_core(pid: int) -> Iterator[None]:
    """Keep a process and our own children on the first core, and the process's children on the second."""
    over = threading.Event()
    os.sched_setaffinity(0, FIRST)

    def keep() -> None:
        os.sched_setaffinity(threading.get_native_id(), SECOND)
        while not over.wait(LOOK_SECONDS):
            for thread in _threads(pid):
                _bind(thread, FIRST)
                for child in _children(pid, thread):
                    for one in _threads(child):
                        _bind(one, SECOND)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        os.sched_setaffinity(0, FIRST | SECOND)


def _views_memory(child: int) -> int:
    try:
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        return proc.memory(child, "VmHWM") if b"linelog.http.views.view_child" in command else 0
    except OSError:
        # The child was a search that has ended meanwhile.
        return 0


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def _children(pid: int, thread: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
    except OSError:
        return []
    children = [int(child) for child in found]
    return children + [one for child in children for one in _children(child, child)]


def _bind(thread: int, cores: set[int]) -> None:
    try:
        if os.sched_getaffinity(thread) != cores:
            os.sched_setaffinity(thread, cores)
    except OSError:
        return


def report(bench: Bench, runs: int) -> None:
    """Measure in turns and print."""
    ways: dict[str, Callable[[], Took]] = {
        "alone": bench.run,
        f"{VIEWERS} views and a search": partial(bench.run, readers=True),
        "beside sealing": partial(bench.run, sealing=True),
    }
    took: dict[str, list[Took]] = {name: [] for name in ways}
    for number in range(runs):
        for name, run in ways.items():
            took[name].append(run())
        print(f"round {number + 1} of {runs}", file=sys.stderr, flush=True)
    rows, alone = [], took["alone"]
    for name, some in took.items():
        ratio = statistics.median(
            one.rate / other.rate for one, other in zip(some, alone, strict=True)
        )
        more = statistics.median(
            one.memory - other.memory for one, other in zip(some, alone, strict=True)
        )
        missing = sum(one.missing for one in some)
        met = (
            ratio >= RATE_BAR and missing == 0 and (name == "beside sealing" or more <= MEMORY_BAR)
        )
        rows.append(
            [
                name,
                f"{statistics.median(one.rate for one in some) / 1e6:.2f}",
                f"{ratio:.2f}" + ("" if some is alone else f" (≥ {RATE_BAR:g})"),
                f"{statistics.median(one.cpu for one in some):.2f}",
                f"{more / 1e6:+.0f}",
                str(missing),
                str(sum(one.searches for one in some)),
                "" if some is alone else MARKS[met],
            ]
        )
    header = ("ingest", "M lines/s", "of alone", "CPU s", "MB", "lines lost", "searches", "bar")
    print(markdown(header, rows))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure ingest with readers beside it.")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--lines", type=int, default=20_000_000, help="of each run")
    parser.add_argument("--directory", type=Path, default=OUT, help="where the stores are made")
    given = parser.parse_args(arguments)
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("with one core there is none that is free")
    given.directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="readers-") as made:
        made_in = Path(made)
        make(made_in / "store", 2, 64)
        report(Bench(build("load"), made_in / "store", made_in, given.lines), given.runs)


if __name__ == "__main__":
    main()
