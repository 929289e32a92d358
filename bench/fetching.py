"""Receiving: CPU time and memory of a centre that fetches from JetStream, and of both sides of RELP.

    python -m bench.fetching                                  # 512 MiB of sealed text each
    python -m bench.fetching --megabytes 256 --directory /dev/shm

Blocks over HTTP are in `bench.ship`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench import proc
from bench.build import OUT
from bench.child import running
from bench.runs import free_port
from bench.servers import TWISTD
from bench.ship import FarSide, nats, nats_server, sealed, shipped
from bench.table import markdown
from logsrv.linelog.store.index.segment_index import decode_head


@contextmanager
def centre(work: Path, listen: str, ready: Callable[[], bool]) -> Iterator[int]:
    """Run a logsrv until the end of the block; yield its process id."""
    words = ("--listen", listen, "--directory", str(work / "centre"), "--rotate-size", "64GiB")
    command = (*TWISTD, "-n", "--pidfile=", "logsrv", *words)
    with running(command, {}, work / "centre.said", ready) as process:
        yield process.pid


def relp(work: Path, megabytes: int) -> list[list[str]]:
    """Ship a store by RELP; return the rows of both sides."""
    port = free_port("tcp")
    end = sealed(work / "store", megabytes)
    listening = partial(proc.is_bound, "tcp", port)
    with centre(work, f"relp:tcp:{port}:interface=127.0.0.1", listening) as pid:
        found = shipped(work / "store", end, FarSide((pid,), f"relp://127.0.0.1:{port}"), "r", None)
    rate = f"{found.rate:.0f}"
    return [
        ["RELP, sending", rate, f"{found.shipper:.1f}", f"{found.memory / 1e6:.0f}"],
        ["RELP, taking in", rate, f"{found.far:.1f}", f"{found.far_memory / 1e6:.0f}"],
    ]


def stream(work: Path, megabytes: int, program: str) -> list[list[str]]:
    """Ship a store to a stream, then have a centre fetch all of it; return a row of the table."""
    end = sealed(work / "store", megabytes)
    all_ = sum(decode_head(one.read_bytes()).text for one in (work / "store").glob("*.idx"))
    current = work / "centre" / "current.log"

    def size() -> int:
        return current.stat().st_size if current.exists() else 0

    with nats(program, work, 1) as far:
        shipped(work / "store", end, far, "n", None)
        listen = f"nats:{far.url.removeprefix('nats://')}"
        with centre(work, listen, lambda: size() > 0) as pid:
            began, first, cpu = time.monotonic(), size(), proc.cpu(pid)
            while size() < all_:
                time.sleep(0.01)
            seconds = time.monotonic() - began
            used = proc.cpu(pid) - cpu
            memory = proc.memory(pid, "VmHWM")
    text = (all_ - first) / 1e6
    cost = 1e3 * (used.user + used.system) / text
    rate = text / seconds
    return [["JetStream, fetching", f"{rate:.0f}", f"{cost:.2f}", f"{memory / 1e6:.0f}"]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.fetching", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--megabytes", type=int, default=512, help="of text, in MiB")
    parser.add_argument("--directory", type=Path, default=OUT, help="where the stores are made")
    parser.add_argument("--nats-server", default=nats_server(), help="the program")
    given = parser.parse_args(arguments)
    os.makedirs(given.directory, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory(dir=given.directory) as work:
        rows += stream(Path(work), given.megabytes, given.nats_server)
    with tempfile.TemporaryDirectory(dir=given.directory) as work:
        rows += relp(Path(work), given.megabytes)
    print(markdown(("receiving", "MB/s", "CPU s/GB", "MB"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
