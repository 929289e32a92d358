"""Many senders, several edges, two centres on this machine: the CPU time of each stage, compared with the
model.

    TMPDIR=/dev/shm python -m bench.scale                       # a minute; 3,000 senders, three edges
    python -m bench.scale --edges 4 --senders 1000 --rate 80000 --seconds 60

Senders are connections that send made-up lines in turns. Each edge stores and seals them and ships them to
both centres, which store and seal them again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import attrs

from bench import proc
from bench.child import running
from bench.runs import free_port
from bench.servers import TWISTD
from bench.table import markdown
from bench.texts import pages
from logsrv.linelog.ship.target_processes import MODULE
from logsrv.linelog.store.index.segment_index import decode_head

TOKEN = "a-token-for-the-bench-alone"
ROTATE = "32MiB"
TICK = 0.02
LINE = 196
"""Stored bytes of a line in the model."""
MODEL = {
    "edge: taking in": 690,
    "edge: sealing": 370,
    "edge: shipping, each centre": 1400,
    "centre: receiving": 2900,
    "centre: sealing": 370,
}
"""Thousands of lines a second that a core can process."""
PATIENCE = 300


@attrs.frozen
class Server:
    """A running server. port: of its lines or blocks."""

    pid: int
    port: int
    http: int
    store: Path

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds of the server itself, of its shippers, and of its sealing."""
        found = {"server": _cpu(self.pid), "ship": 0.0, "seal": _ended(self.pid)}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                words = Path(f"/proc/{child}/cmdline").read_bytes()
                found["ship" if MODULE.encode() in words else "seal"] += _cpu(int(child))
        return found

    def metrics(self, name: str) -> list[float]:
        """Return the values of a counter, one for each target."""
        with urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return [float(one) for one in re.findall(rf"^logsrv_{name}\{{.*\}} (\S+)$", text, re.M)]

    def text(self) -> tuple[int, int]:
        """Return (bytes of text that it has, bytes of these that are sealed)."""
        sealed = sum(decode_head(one.read_bytes()).text for one in self.store.glob("*.idx"))
        plain = [*self.store.glob("0*.log"), self.store / "current.log"]
        return sealed + sum(one.stat().st_size for one in plain), sealed

    def waits(self) -> bool:
        """Return true if segments wait to be sealed."""
        return any(one.stat().st_size for one in self.store.glob("0*.log"))


def _cpu(pid: int) -> float:
    used = proc.cpu(pid)
    return used.user + used.system


def _ended(pid: int) -> float:
    """Return the CPU seconds of a process's ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / proc.TICKS


@contextmanager
def server(work: Path, name: str, listen: str, *options: str) -> Iterator[Server]:
    """Run a server."""
    port, http = free_port("tcp"), free_port("tcp")
    words = ["--listen", f"{listen}tcp:{port}:interface=127.0.0.1", "--rotate-size", ROTATE]
    words += ["--directory", str(work / name), "--http", f"tcp:{http}:interface=127.0.0.1"]
    command = (*TWISTD, "-n", "--pidfile=", "logsrv", *words, *options)
    ready = partial(proc.is_bound, "tcp", http)
    with running(command, {}, work / f"{name}.said", ready) as process:
        yield Server(process.pid, int(port), int(http), work / name)


def send(ports: Sequence[int], senders: int, rate: int, burst: int, seconds: float) -> None:
    """Send `rate` lines a second, `burst` at a time, over `senders` connections to each port.

    A machine that is too slow sends the same lines in more time.
    """
    connections = [socket.create_connection(("127.0.0.1", port)) for port in [*ports] * senders]
    lines = _bursts(burst)
    began, sent, most = time.monotonic(), 0, round(rate * seconds / burst)
    while sent < most:
        while sent < min(most, (time.monotonic() - began) * rate / burst):
            connections[sent % len(connections)].sendall(next(lines))
            sent += 1
        time.sleep(TICK / 2)
    for one in connections:
        with one:
            one.shutdown(socket.SHUT_WR)
            # The server closes when it has received all lines.
            one.recv(1)


def _bursts(burst: int) -> Iterator[bytes]:
    for page in pages("mix"):
        # Remove time and source, which the server adds.
        texts = [line.split(b" ", 2)[2] for line in page.splitlines(keepends=True)]
        for at in range(0, len(texts), burst):
            yield b"".join(texts[at : at + burst])


@attrs.frozen
class Measured:
    """The result. costs: CPU seconds for a GB, by stage. lags: seconds, from the metrics of the edges.

    memory: peak bytes.
    """

    lines: float
    seconds: float
    text: int
    costs: dict[str, float]
    lags: list[float]
    memory: dict[str, int]


def measure(
    work: Path, edges: int, senders: int, rate: int, burst: int, seconds: float
) -> Measured:
    """Run and measure all. Raises RuntimeError if a centre does not get exactly the text of the edges."""
    token = work / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with ExitStack() as stack:

        def run(name: str, listen: str, *options: str) -> Server:
            return stack.enter_context(server(work, name, listen, *options))

        to = ("--input-token-file", str(token))
        centres = [run(f"centre{one}", "blocks:", *to) for one in range(2)]
        ships = [w for one in centres for w in ("--ship", f"http://127.0.0.1:{one.port}/blocks")]
        ships += ["--ship-token-file", str(token)]
        all_ = [run(f"edge{one}", "", *ships) for one in range(edges)]
        before = [one.cpu() for one in (*all_, *centres)]
        began = time.monotonic()
        words = ([one.port for one in all_], senders, rate, burst, seconds)
        load = multiprocessing.Process(target=send, args=words)
        load.start()
        lags: list[float] = []
        while load.is_alive():
            lags += [max(one.metrics("ship_lag_seconds"), default=0.0) for one in all_]
            load.join(1)
        _until(lambda: _follow(all_, centres))
        took = time.monotonic() - began
        lines = sum(max(one.metrics("ship_sent_lines_total")) for one in all_)
        _until(lambda: not any(one.waits() for one in (*all_, *centres)))
        after = [one.cpu() for one in (*all_, *centres)]
        used = [
            {name: now[name] - then[name] for name in now}
            for then, now in zip(before, after, strict=True)
        ]
        text, sealed = map(sum, zip(*(one.text() for one in all_), strict=True))
        _, kept = map(sum, zip(*(one.text() for one in centres), strict=True))

        def cost(stage: str, some: Sequence[dict[str, float]], size: int) -> float:
            return sum(one[stage] for one in some) / max(size, 1) * 1e9

        costs = {
            "edge: taking in": cost("server", used[:edges], text),
            "edge: sealing": cost("seal", used[:edges], sealed),
            "edge: shipping, each centre": cost("ship", used[:edges], text * len(centres)),
            "centre: receiving": cost("server", used[edges:], text * len(centres)),
            "centre: sealing": cost("seal", used[edges:], kept),
        }
        memory = {
            "edge": max(proc.memory(one.pid, "VmHWM") for one in all_),
            "centre": max(proc.memory(one.pid, "VmHWM") for one in centres),
        }
        return Measured(lines, took, text, costs, lags, memory)


def _follow(edges: Sequence[Server], centres: Sequence[Server]) -> bool:
    """Return true if each centre has as much text as all edges. Raises RuntimeError if one has more."""
    text = sum(one.text()[0] for one in edges)
    theirs = [one.text()[0] for one in centres]
    if max(theirs) > sum(one.text()[0] for one in edges):
        raise RuntimeError("a centre has more than its edges")
    return theirs == [text] * len(centres)


def _until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > end:
            raise RuntimeError("it does not come to an end")
        time.sleep(0.1)


def report(found: Measured, senders: int) -> str:
    """Return the figures as text."""
    rows = [[stage, f"{cost:.1f}", f"{_model()[stage]:.1f}"] for stage, cost in found.costs.items()]
    rows += [
        ["all of a GB that comes in", f"{_whole(found.costs):.0f}", f"{_whole(_model()):.0f}"],
        ["bytes a line, stored", f"{found.text / found.lines:.0f}", f"{LINE}"],
    ]
    lags = f"median {statistics.median(found.lags):.1f} s, most {max(found.lags):.1f} s"
    memory = ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in found.memory.items())
    return (
        f"{found.lines:,.0f} lines of {senders:,} senders on both centres in {found.seconds:.1f} s:"
        f" {found.lines / found.seconds:,.0f} lines/s\nlag: {lags}; memory at most: {memory}\n\n"
        + markdown(("CPU s/GB", "measured", "model"), rows)
    )


def _model() -> dict[str, float]:
    return {stage: 1e6 / LINE / rate for stage, rate in MODEL.items()}


def _whole(costs: dict[str, float]) -> float:
    """Return the CPU seconds of all stages for a GB that goes to two centres."""
    twice = ("edge: shipping, each centre", "centre: receiving", "centre: sealing")
    return sum(cost * (2 if stage in twice else 1) for stage, cost in costs.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--edges", type=int, default=3)
    parser.add_argument("--senders", type=int, default=1000, help="for each edge")
    parser.add_argument("--rate", type=int, default=50_000, help="lines a second, of all senders")
    parser.add_argument("--burst", type=int, default=5, help="lines that a sender sends at a time")
    parser.add_argument("--seconds", type=float, default=40)
    chosen = parser.parse_args(arguments)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    if chosen.edges * chosen.senders + 100 > limit:
        parser.error(f"the system lets a process have {limit} connections")
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as work:
        words = (chosen.edges, chosen.senders, chosen.rate, chosen.burst, chosen.seconds)
        print(report(measure(Path(work), *words), chosen.edges * chosen.senders))
    return 0


if __name__ == "__main__":
    sys.exit(main())
