"""Receiving blocks: how fast a centre stores and syncs the blocks of edges, and its CPU time and memory.

    python -m bench.receiving                         # one and two edges, one to three blocks under way
    python -m bench.receiving --directory /dev/shm    # without a disk

Blocks of made-up text are prepared first, cut as an edge cuts them. Each edge is a thread that keeps up to
`--window` blocks in flight, each on its own connection.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import attrs

from bench.proc import Cpu, cpu, is_bound, memory
from bench.runs import free_port
from bench.servers import TWISTD
from bench.texts import pages
from logsrv.linelog.store.frames import compressor
from logsrv.linelog.store.packed_block import LARGEST, LARGEST_TEXT, PackedBlock
from logsrv.linelog.store.segment import Position

TOKEN = "a-token-of-the-bench"
BAR = 150.0


@attrs.frozen
class Received:
    """One run. speed: MB/s of text. cpu: CPU seconds of the centre for a GB. memory: its peak in MB."""

    speed: float
    cpu: float
    memory: float


def cut(megabytes: int) -> list[tuple[bytes, int, int]]:
    """Return (packed, bytes of text, CRC) of blocks with `megabytes` MiB of text together."""
    pack = compressor().compress
    made: list[tuple[bytes, int, int]] = []
    frames: list[bytes] = []
    text = crc = 0
    for page in islice(pages(), megabytes):
        frame = pack(page)
        if sum(map(len, frames)) + len(frame) > LARGEST or text + len(page) > LARGEST_TEXT:
            made.append((b"".join(frames), text, crc))
            frames, text, crc = [], 0, 0
        frames.append(frame)
        text += len(page)
        crc = zlib.crc32(page, crc)
    return [*made, (b"".join(frames), text, crc)]


def blocks(
    origin: str, texts: Sequence[tuple[bytes, int, int]], seconds: float
) -> Iterator[PackedBlock]:
    """Yield consecutive blocks of one segment for `seconds` seconds."""
    until = time.monotonic() + seconds
    after, at = None, 0
    while True:
        for packed, size, crc in texts:
            if time.monotonic() > until:
                return
            end = Position(1, at + size)
            yield PackedBlock(origin, Position(1, at), end, after, crc, packed)
            after, at = end, end.offset


class Edge(threading.Thread):
    """An edge: sends blocks, up to `window` at once. size: bytes of text acknowledged."""

    def __init__(self, port: int, origin: str, found: Iterator[PackedBlock], window: int) -> None:
        super().__init__()
        self.size = 0
        self._headers = {"Authorization": f"Bearer {TOKEN}", "Content-Encoding": "zstd"}
        self._blocks = found
        self._links = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(window)]
        self._sent: list[tuple[http.client.HTTPConnection, PackedBlock]] = []

    def run(self) -> None:
        for block in self._blocks:
            if len(self._sent) == len(self._links):
                self._answered()
            link = next(
                link for link in self._links if link not in [used for used, _ in self._sent]
            )
            link.request("POST", "/blocks", block.packed, {**self._headers, **block.headers()})
            self._sent.append((link, block))
        while self._sent:
            self._answered()
        for link in self._links:
            link.close()

    def _answered(self) -> None:
        link, block = self._sent.pop(0)
        answer = link.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"the centre answered with {answer.status}: {body!r}")
        self.size += block.text_size


@contextmanager
def centre(directory: Path, options: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Run a centre; yield its process id and its port."""
    port = free_port("tcp")
    place = ("--listen", f"blocks:tcp:{port}:interface=127.0.0.1", "--input-token", TOKEN)
    log = directory / "log"
    command = (*TWISTD, "-n", "--pidfile=", f"--logfile={log}", "logsrv", *place, *options)
    process = subprocess.Popen((*command, "--directory", str(directory / "centre")))
    try:
        while not is_bound("tcp", port):
            if process.poll() is not None:
                raise SystemExit(f"the centre has ended: {log.read_text()}")
            time.sleep(0.02)
        yield process.pid, int(port)
    finally:
        process.terminate()
        process.wait()


def run(
    directory: str | None, texts: Sequence[tuple[bytes, int, int]], edges: int, window: int,
    seconds: float, options: Sequence[str],
) -> Received:  # fmt: skip
    """Measure once."""
    with (
        tempfile.TemporaryDirectory(dir=directory) as place,
        centre(Path(place), options) as (
            pid,
            port,
        ),
    ):
        names = [f"{number:032x}" for number in range(edges)]
        running = [Edge(port, name, blocks(name, texts, seconds), window) for name in names]
        before, began = cpu(pid), time.monotonic()
        for edge in running:
            edge.start()
        for edge in running:
            edge.join()
        taken, used = time.monotonic() - began, cpu(pid) - before
        size = sum(edge.size for edge in running)
        return Received(size / 1e6 / taken, _seconds(used) / size * 1e9, memory(pid, "VmHWM") / 1e6)


def _seconds(used: Cpu) -> float:
    return used.user + used.system


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure in turns, and print the medians."""
    parser = argparse.ArgumentParser(description="Measure how fast a centre takes blocks.")
    parser.add_argument("--directory", help="where the centre has its store")
    parser.add_argument("--edges", type=int, action="append")
    parser.add_argument("--window", type=int, action="append", help="blocks of an edge under way")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--centre-args", default="", help="options of the centre")
    given = parser.parse_args(arguments)
    texts = cut(64)
    options = given.centre_args.split()
    found: dict[tuple[int, int], list[Received]] = {}
    for _ in range(given.runs):
        for edges in given.edges or (1, 2):
            for window in given.window or (1, 2, 3):
                one = run(given.directory, texts, edges, window, given.seconds, options)
                found.setdefault((edges, window), []).append(one)
    print("edges  under way  MB/s (all runs)               CPU s/GB  memory MB")
    for (edges, window), runs in found.items():
        speeds = " ".join(f"{one.speed:.0f}" for one in runs)
        print(
            f"{edges:5}  {window:9}  {statistics.median(one.speed for one in runs):4.0f} ({speeds})"
            f"  {statistics.median(one.cpu for one in runs):.2f}"
            f"  {max(one.memory for one in runs):.0f}"
        )


if __name__ == "__main__":
    main()
