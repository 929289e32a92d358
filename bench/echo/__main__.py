"""Measure the echo servers of examples/echo/, in turns; print the table.

Two figures for each: visits (100 clients at once that connect, have a line echoed, and close) and lines of
100 bytes (over 8 connections, with 64 KiB in flight in each). Medians over the rounds; each run starts a
new server. The load is one C process on the same machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import attrs

from bench.build import OUT, BuildError, build
from bench.child import ChildError, running
from bench.echo.servers import SERVERS, EchoServer
from bench.proc import is_bound
from bench.rounds import say
from bench.runs import free_port
from bench.table import markdown

AT_ONCE = {"visits": 100, "lines": 8}
# A run may take this much longer than its load.
PATIENCE_SECONDS = 20.0


@attrs.frozen
class Run:
    """The result of one run: visits or lines a second."""

    server: str
    kind: str
    rate: float


def measure(load: Path, server: EchoServer, kind: str, seconds: float) -> Run:
    """Measure one server under one kind of load. Raises ChildError if the server or the load fails."""
    with tempfile.TemporaryDirectory(prefix="bench-echo-") as name:
        folder = Path(name)
        port = int(free_port("tcp"))
        environment = server.environment(folder)
        ready = partial(is_bound, "tcp", str(port))
        with running(server.command(port), environment, folder / "said", ready):
            try:
                done = subprocess.run(
                    [str(load), kind, str(port), str(seconds), str(AT_ONCE[kind])],
                    capture_output=True,
                    text=True,
                    timeout=seconds + PATIENCE_SECONDS,
                )
            except subprocess.TimeoutExpired:
                raise ChildError(f"{server.name}: the load did not end in time") from None
            if done.returncode:
                raise ChildError(f"{server.name}: {done.stderr.strip()}")
    took, number = done.stdout.split()
    return Run(server.name, kind, int(number) / float(took))


def table(runs: list[Run]) -> str:
    """Return the medians as a Markdown table, with the lines of code of each server."""

    def median(server: EchoServer, kind: str) -> str:
        rates = [run.rate for run in runs if run.server == server.name and run.kind == kind]
        return f"{statistics.median(rates):,.0f}" if rates else "–"

    return markdown(
        ["", "lines of code", "visits/s", "lines/s"],
        [
            [server.name, str(server.lines), median(server, "visits"), median(server, "lines")]
            for server in SERVERS
        ],
    )


def processor() -> str:
    """Return the model of the CPU, or else the machine type."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def report(runs: list[Run], rounds: int, seconds: float) -> str:
    """Return the table, with the command and the machine it was measured on."""
    command = " ".join(["python -m bench.echo", *map(shlex.quote, sys.argv[1:])])
    return (
        f"{table(runs)}\n\nMedians of {rounds} runs of {seconds:g} s each, with `{command}`, on "
        f"{os.cpu_count()} cores of {processor()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}."
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.echo", description=__doc__)
    names = [server.name for server in SERVERS]
    parser.add_argument("--only", action="append", choices=names, help="only this; repeatable")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="(default: 5)")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="(default: 2)")
    chosen = parser.parse_args()
    (OUT / "echo").mkdir(parents=True, exist_ok=True)
    try:
        load = build("echo/load")
    except BuildError as error:
        say(str(error))
        return 1
    runs: list[Run] = []
    failed = False
    for number in range(1, chosen.rounds + 1):
        for server in SERVERS:
            if chosen.only and server.name not in chosen.only:
                continue
            for kind in AT_ONCE:
                try:
                    runs.append(measure(load, server, kind, chosen.seconds))
                    say(f"{number}: {server.name}: {runs[-1].rate:,.0f} {kind}/s")
                except ChildError as error:
                    failed = True
                    say(f"{number}: {error}")
    print(report(runs, chosen.rounds, chosen.seconds))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
