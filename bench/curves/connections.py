"""A service with many connections: scraping metrics, garbage collection, stopping, lists of networks.

load.c holds the connections; it sends nothing, and no close of TLS at the end.
"""

from __future__ import annotations

import contextlib
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from http.client import HTTPConnection
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from bench import proc
from bench.build import BuildError, build
from bench.certificate import write_certificate
from bench.child import running
from bench.curves.curve import Curve, Missing
from bench.runs import free_port
from bench.servers import TWISTD

# Connections that one process of load.c holds.
AT_ONCE = 9500
# Open files of a service without connections, and those that it keeps free.
BESIDE = 256
WITHIN = 120.0
SCRAPES = 50
CHURN = 2000
VISITS = 20_000
# Writes the longest pause of the garbage collector, in CPU seconds, to $LONGEST; removing the file resets
# it.
WATCHED = """
import gc, os, time
begun = longest = 0.0
def watch(phase, info):
    global begun, longest
    now = time.thread_time()
    if phase == "start":
        begun = now
        return
    if not os.path.exists(os.environ["LONGEST"]):
        longest = 0.0
    if now - begun > longest:
        longest = now - begun
        with open(os.environ["LONGEST"], "w") as file:
            file.write(str(longest))
"""
BEGIN = "gc.callbacks.append(watch); from twisted.scripts.twistd import run; run()"


@attrs.frozen
class Server:
    """A service under test: its process, and the ports that take connections and requests."""

    process: subprocess.Popen[bytes]
    port: int
    http: int

    def asked(self, path: str, times: int = 1) -> str:
        """Send `times` GETs over one connection; return the last answer."""
        connection = HTTPConnection("127.0.0.1", self.http, timeout=60)
        for _ in range(times):
            connection.request("GET", path)
            answer = connection.getresponse().read().decode()
        connection.close()
        return answer

    def open(self) -> int:
        """Return the number of open connections of its listeners."""
        return sum(
            int(float(line.split()[-1]))
            for line in self.asked("/metrics").splitlines()
            if line.startswith("logsrv_connections_open{") and "metrics" not in line
        )

    def wait_for(self, connections: int) -> None:
        """Wait until it has that many connections. Raises RuntimeError after WITHIN seconds."""
        end = time.monotonic() + WITHIN
        while self.open() != connections:
            if time.monotonic() > end:
                raise RuntimeError(f"it has {self.open()} connections, not {connections}")
            time.sleep(0.05)

    def used(self) -> float:
        """Return the CPU seconds that it has used."""
        cpu = proc.cpu(self.process.pid)
        return cpu.user + cpu.system


@contextlib.contextmanager
def serving(
    directory: Path,
    *options: str,
    tls: bool = False,
    command: tuple[str, ...] = TWISTD,
    plugin: tuple[str, ...] = ("logsrv", "--directory", "logs"),
) -> Iterator[Server]:
    """Run a plugin with `--metrics`."""
    with TemporaryDirectory(dir=directory) as made:
        port, http = int(free_port("tcp")), int(free_port("tcp"))
        endpoint = f"tcp:{port}:interface=127.0.0.1"
        if tls:
            pem = write_certificate(Path(made) / "pem")
            endpoint = f"ssl:{port}:interface=127.0.0.1:privateKey={pem}"
        words = [*command, "-n", "--pidfile=", *plugin]
        words += ["--listen", endpoint, "--metrics", f"tcp:{http}:interface=127.0.0.1", *options]
        ready = partial(_are_bound, port, http)
        environment = {"LONGEST": f"{directory}/longest"}
        with running(words, environment, Path(made) / "said", ready) as process:
            yield Server(process, port, http)


def _are_bound(*ports: int) -> bool:
    return all(proc.is_bound("tcp", str(port)) for port in ports)


@contextlib.contextmanager
def crowd(server: Server, size: int, *, tls: bool = False) -> Iterator[None]:
    """Hold `size` silent connections. Raises Missing if this machine cannot."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < size + BESIDE:
        raise Missing(f"{size} connections: the limit of open files is {hard}")
    try:
        program = build("load-tls" if tls else "load")
    except BuildError as error:
        raise Missing(str(error)) from error
    target = f"{'tls' if tls else 'tcp'}:{server.port}"
    loads: list[subprocess.Popen[bytes]] = []
    try:
        for begun in range(0, size, AT_ONCE):
            count = str(min(AT_ONCE, size - begun))
            loads.append(
                subprocess.Popen(
                    [program, "idle", target, "--connections", count],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)),
                )
            )
        server.wait_for(size)
        yield
    finally:
        for load in loads:
            load.kill()
            load.communicate()


def scrape(size: int, directory: Path) -> float:
    """Return the processor time of `/metrics` in milliseconds."""
    with serving(directory) as server, crowd(server, size):
        server.asked("/metrics")
        before = server.used()
        server.asked("/metrics", SCRAPES)
        return (server.used() - before) / SCRAPES * 1e3


def pause(size: int, directory: Path) -> float:
    """Return the longest pause of the garbage collector in milliseconds, while connections open."""
    longest = directory / "longest"
    watched = (sys.executable, "-c", WATCHED + BEGIN)
    with serving(directory, command=watched) as server:
        while "ok" not in server.asked("/readyz"):
            time.sleep(0.05)
        longest.unlink(missing_ok=True)
        with crowd(server, size):
            for number in range(CHURN):
                with socket.create_connection(("127.0.0.1", server.port)) as one:
                    one.sendall(b"line %d\n" % number)
            server.wait_for(size)
        return float(longest.read_text()) * 1e3 if longest.exists() else 0.0


def stop(size: int, directory: Path) -> float:
    """Return the seconds from SIGTERM to the end, with TLS clients that send no close."""
    with serving(directory, tls=True) as server, crowd(server, size, tls=True):
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(WITHIN)
        return time.monotonic() - begun


def networks(size: int, directory: Path) -> float:
    """Return the CPU µs of a connection to a service with `size` networks in --allow."""
    chosen = random.Random(size)
    found = {"127.0.0.0/8"}
    while len(found) < size:
        length = chosen.choice((16, 20, 24, 28, 32))
        found.add(str(ip_network((chosen.getrandbits(32), length), strict=False)))
    program = build("visits")
    allow = (word for each in found for word in ("--allow", each))
    with serving(directory, "--no-log-connections", *allow, plugin=("greet",)) as server:
        before = server.used()
        subprocess.run(
            [program, str(server.port), str(VISITS), "64"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return (server.used() - before) / VISITS * 1e6


SIZES = (100, 1000, 5000, 19_000)
SHORT = (50, 200, 800, 2000)
NETWORKS = (1, 10, 100, 1000)
CURVES = (
    Curve("metrics", "connections", "CPU ms", SIZES, SHORT, scrape, 0.2, {19_000: 5}, floor=1),
    Curve("gc-pause", "connections", "CPU ms", SIZES, SHORT, pause, 0.3, {19_000: 20}, floor=5),
    Curve("stop-tls", "connections", "s", SIZES, SHORT, stop, 0.6, {5000: 2.5}, floor=0.5),
    Curve("networks", "networks", "CPU µs", NETWORKS, NETWORKS, networks, 0.1, {1000: 100}),
)
