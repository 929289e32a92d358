"""The load and the servers of the benchmark: between them no line is lost or changed."""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import attrs
import pytest

from bench import proc
from bench.build import BuildError, build
from bench.certificate import write_certificate
from bench.child import ChildError, Sent, loading, running
from bench.servers import Listener, Logsrv, Peer, Rsyslog, Server, Sink, SyslogNg
from bench.watch import Growth, follow
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.ports import free_port
from tests.parts.programs import missing

# So many wait at a socket with the usual buffer: a sink that is held up loses none.
DATAGRAMS = 400
NAME = len("b000001c0000l0000")


@attrs.define
class RunningSink:
    """A sink that listens on all three wires."""

    programs: Path
    output: Path
    tcp: str
    udp: str
    path: str

    def send(self, mode: str, target: str, **options: str | int) -> tuple[Sent, list[bytes]]:
        """Put a load on it; what was reported, and what is stored after so many lines."""
        words = [f"--{name}={value}" for name, value in options.items()]
        with loading(self.programs / "load", [mode, target, *words]) as load:
            sent = load.wait_sent()
            return sent, self.stored(sent.lines)

    def stored(self, count: int) -> list[bytes]:
        def lines() -> list[bytes]:
            return self.output.read_bytes().split(b"\n")[:-1]

        wait_until(lambda: len(lines()) >= count, f"{count} lines")
        return lines()


@pytest.fixture
def sink(programs: Path, tmp_path: Path) -> Iterator[RunningSink]:
    tcp, udp = str(free_port()), str(free_port(socket.SOCK_DGRAM))
    path = str(tmp_path / "s")
    output = tmp_path / "out"
    command = [str(programs / "sink"), f"--out={output}"]
    command += [f"--tcp={tcp}", f"--udp={udp}", f"--unix={path}"]
    # The UNIX socket is the last it opens.
    with running(command, {}, tmp_path / "said", partial(proc.is_bound, "unix", path)):
        yield RunningSink(programs, output, tcp, udp, path)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["plain", "crlf", "utf8", "control"])
@pytest.mark.parametrize(("connections", "size"), [(8, 20), (3, 65536)])
def test_each_line_arrives_once_whole_and_in_order(sink, variant, connections, size):
    """Block and line numbers of a connection only grow, also where the kernel took part of a block."""
    lines = 20_000 if size <= 1000 else 50
    options = {"lines": lines, "size": size, "connections": connections}
    for target in (f"tcp:{sink.tcp}", f"unix:{sink.path}"):
        sink.output.write_bytes(b"")
        sent, stored = sink.send("stream", target, variant=variant, **options)
        assert sent.lines == len(stored) == lines
        messages = [line.split(b" ", 2)[2] for line in stored]
        assert {len(message) for message in messages} == {size - 1}
        assert all(message.endswith(b"\r") is (variant == "crlf") for message in messages)
        names = [message[:NAME].decode() for message in messages]
        assert len(set(names)) == lines
        for connection in {name[7:12] for name in names}:
            own = [name for name in names if name[7:12] == connection]
            assert own == sorted(own)


@pytest.mark.parametrize(
    "kind",
    [*("sink", "rsyslog", "syslog-ng"), pytest.param("logsrv over TLS", marks=pytest.mark.slow)],
)
def test_lines_sent_are_lines_in_the_file_of_a_server(kind, programs, tmp_path):
    peers = os.environ.get("BENCH_PEERS")
    servers: dict[str, Server] = {
        "sink": Sink(programs / "sink"),
        "rsyslog": Rsyslog(Peer("rsyslogd", Path(peers, "rsyslog") if peers else None)),
        "syslog-ng": SyslogNg(Peer("syslog-ng", Path(peers, "syslog-ng") if peers else None)),
        "logsrv over TLS": Logsrv(("--sync", "never")),
    }
    server, load, wire = servers[kind], programs / "load", "tcp"
    if (reason := server.missing()) is not None:
        # The peers exclude each other as installed packages, so not even CI has both.
        pytest.skip(reason)
    if "TLS" in kind:
        wire = "tls"
        try:
            load = build("load-tls", programs)
        except BuildError as error:
            missing(f"{error} (Debian: apt install libssl-dev)")
    listener = Listener(wire, str(free_port()), 3, write_certificate(tmp_path / "pem"))
    launch = server.launch(listener, tmp_path)
    ready = partial(proc.is_bound, wire, listener.address)
    growth = Growth(launch.output)
    words = ["stream", f"{wire}:{listener.address}", "--lines=3000", "--connections=3"]
    with (
        running(launch.command, launch.env, tmp_path / "said", ready),
        loading(load, words) as at,
    ):
        at.wait_sent()
        follow(growth, lambda: 3000, patience=PATIENCE)
    assert growth.lines == 3000


FAILS = [
    sys.executable,
    "-c",
    """
from twisted.internet import reactor
from twisted.scripts.twistd import run
reactor.callWhenRunning(lambda: 1 / 0)
reactor.callWhenRunning(reactor.stop)
run()
""",
    *("-n", "--pidfile=", "greet", "--listen", "tcp:0:interface=127.0.0.1"),
]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [(), ("ZeroDivisionError",)])
def test_figures_of_a_server_that_logs_errors_count_for_nothing(tmp_path, asked):
    """Unless it was to log them."""
    log = tmp_path / "said"
    expected = contextlib.nullcontext() if asked else pytest.raises(ChildError, match="1 errors in")
    with (
        expected,
        running(FAILS, {}, log, lambda: " cut off" in log.read_text(), asked=asked),
    ):
        pass


def test_a_server_that_does_not_start_says_why(tmp_path):
    with (
        pytest.raises(ChildError, match="ended with status 3: 'no such luck"),
        running(["sh", "-c", "echo no such luck; exit 3"], {}, tmp_path / "said", lambda: False),
    ):
        pass
