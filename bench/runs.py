"""One run: a new server in a new directory, one load, and measurements from outside the server."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs

from bench import proc
from bench.cases import Datagrams, Idle, Slow, Stream
from bench.child import ChildError, loading, running
from bench.results import IdleRun, Run
from bench.servers import Launch, Listener, Server
from bench.watch import Delays, Growth, follow

STREAM_PATIENCE = 30.0
DATAGRAM_PATIENCE = 1.0
ACCEPT_SECONDS = 30.0
REST_SECONDS = 1.0
TRACERS = {
    "perf": ("perf", "record", "-q", "-g", "-p", "{pid}", "-o", "{out}.perf.data"),
    "strace": ("strace", "-f", "-c", "-q", "-p", "{pid}", "-o", "{out}.strace"),
}


@attrs.define(frozen=True, slots=True)
class Bench:
    """The settings of all runs.

    load: the load generator; load_tls: with OpenSSL, None if it could not be built. certificate: for the
    servers. base: directory for their files. trace: a key of TRACERS or None; traces: directory for its
    files.
    """

    load: Path
    load_tls: Path | None
    certificate: Path
    base: Path
    traces: Path
    trace: str | None = None

    def load_for(self, wire: str) -> Path | None:
        """Return the load generator for a wire, None if it could not be built."""
        return self.load_tls if wire == "tls" else self.load


@attrs.define(frozen=True, slots=True)
class Started:
    """A running server."""

    pid: int
    listener: Listener
    launch: Launch

    @property
    def target(self) -> str:
        """Return its address for the load generator."""
        wire = "tcp" if self.listener.wire == "syslog" else self.listener.wire
        return f"{wire}:{self.listener.address}"


def free_port(wire: str) -> str:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    kind = socket.SOCK_DGRAM if wire == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@contextmanager
def started(bench: Bench, server: Server, wire: str, connections: int) -> Iterator[Started]:
    """Run a server in its own directory; end it and remove the directory at the end of the block."""
    work = Path(tempfile.mkdtemp(prefix=f"{server.name}-", dir=bench.base))
    # Sockets are not below `work`, because the path of a UNIX socket has at most 107 bytes.
    sockets = tempfile.mkdtemp(prefix="bench-")
    try:
        address = f"{sockets}/socket" if wire == "unix" else free_port(wire)
        listener = Listener(wire, address, connections, bench.certificate)
        launch = server.launch(listener, work)
        ready = partial(proc.is_bound, wire, address)
        with running(launch.command, launch.env, work / "said", ready) as process:
            yield Started(process.pid, listener, launch)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


@contextmanager
def traced(bench: Bench, pid: int, name: str) -> Iterator[None]:
    """Run perf or strace on `pid` during the block, if the bench has a `trace`."""
    if bench.trace is None:
        yield
        return
    out = bench.traces / name
    command = [part.format(pid=pid, out=out) for part in TRACERS[bench.trace]]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    time.sleep(REST_SECONDS)  # neither says when it has attached
    try:
        yield
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()


@attrs.define(frozen=True, slots=True)
class Label:
    """The identity of a run."""

    case: str
    server: str
    round: int
    target: int = 0

    def __str__(self) -> str:
        rate = f"-{self.target}" if self.target else ""
        return f"{self.case}{rate}-{self.server}-{self.round}"


def _measure(
    bench: Bench, child: Started, label: Label, arguments: Sequence[str], *, marked: bool
) -> Run:
    """Put the load on a server until its file has all lines, or has not grown for some time.

    marked: find marked lines and their delays.
    """
    growth, is_udp = Growth(child.launch.output), child.listener.wire == "udp"
    program = bench.load_for(child.listener.wire)
    assert program is not None
    with traced(bench, child.pid, str(label)), loading(program, arguments) as load:
        before = proc.cpu(child.pid)

        def expected() -> int | None:
            load.check()
            return load.sent.lines if load.sent else None

        follow(growth, expected, DATAGRAM_PATIENCE if is_udp else STREAM_PATIENCE)
        used, sent = proc.cpu(child.pid) - before, load.wait_sent()
    return Run(
        case=label.case,
        server=label.server,
        round=label.round,
        sent=sent.lines,
        stored=growth.count(),
        seconds=max(0.0, growth.last_change - sent.start),
        sending=sent.end - sent.start,
        user=used.user,
        system=used.system,
        peak=proc.memory(child.pid, "VmHWM"),
        target=label.target,
        dropped=proc.datagrams_dropped(child.listener.address) if is_udp else 0,
        delays=growth.delays() if marked else Delays(),
    )


def run_stream(bench: Bench, server: Server, case: Stream, number: int) -> Run:
    """Raises ChildError."""
    with started(bench, server, case.wire, case.connections) as child:
        arguments = ["stream", child.target, *case.arguments()]
        label = Label(case.name, server.name, number)
        return _measure(bench, child, label, arguments, marked=case.probe_every > 0)


def run_datagrams(rate: int, bench: Bench, server: Server, case: Datagrams, number: int) -> Run:
    """Raises ChildError."""
    with started(bench, server, "udp", 1) as child:
        lines = int(rate * case.seconds)
        arguments = ["udp", child.target, "--rate", str(rate)]
        arguments += ["--lines", str(lines), "--size", str(case.size)]
        arguments += ["--separate"] if case.separate else []
        label = Label(case.name, server.name, number, rate)
        return _measure(bench, child, label, arguments, marked=False)


def run_slow(bench: Bench, server: Server, case: Slow, number: int) -> Run:
    """Raises ChildError."""
    with started(bench, server, "tcp", case.connections) as child:
        arguments = ["slow", child.target, "--connections", str(case.connections)]
        arguments += ["--seconds", str(case.seconds)]
        label = Label(case.name, server.name, number)
        return _measure(bench, child, label, arguments, marked=True)


def run_idle(bench: Bench, server: Server, case: Idle, number: int) -> IdleRun:
    """Raises ChildError."""
    with started(bench, server, "tcp", case.connections) as child:
        time.sleep(REST_SECONDS)
        before = proc.memory(child.pid, "VmRSS")
        wanted = proc.descriptors(child.pid) + case.connections
        arguments = ["idle", child.target, "--connections", str(case.connections)]
        with loading(bench.load, arguments) as load:
            load.wait_sent()
            deadline = time.monotonic() + ACCEPT_SECONDS
            while proc.descriptors(child.pid) < wanted:
                if time.monotonic() > deadline:
                    held = case.connections - wanted + proc.descriptors(child.pid)
                    raise ChildError(f"{held} of {case.connections} connections are accepted")
                time.sleep(0.02)
            time.sleep(REST_SECONDS)
            after = proc.memory(child.pid, "VmRSS")
    return IdleRun(case.name, server.name, number, case.connections, before, after)
