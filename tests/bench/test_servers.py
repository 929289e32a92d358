"""How the servers are started."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from bench import proc
from bench.build import BuildError, build
from bench.certificate import write_certificate
from bench.child import ChildError, loading, running
from bench.servers import Listener, Logsrv, Peer, Rsyslog, Server, Sink, SyslogNg
from bench.watch import Growth, follow
from logsrv.kit.testing.patience import PATIENCE
from tests.ports import free_port
from tests.programs import missing

WIRES = ("tcp", "udp", "unix")


@pytest.mark.parametrize(("kind", "wire"), [*product((Rsyslog, SyslogNg), WIRES), (Rsyslog, "tls")])
def test_configurations_have_no_gap_left(
    wire: str, kind: type[Rsyslog] | type[SyslogNg], tmp_path: Path
) -> None:
    listener = Listener(wire, "1234", 500, tmp_path / "pem")
    launch = kind(Peer("true", None)).launch(listener, tmp_path)
    [conf] = tmp_path.glob("*.conf")
    assert "@" not in conf.read_text().replace("@version", "") and str(conf) in launch.command


def test_syslog_ng_has_a_window_for_every_connection(tmp_path: Path) -> None:
    """It would be slow, or refuse the rest, otherwise."""
    SyslogNg(Peer("true", None)).launch(Listener("tcp", "1", 500), tmp_path)
    text = (tmp_path / "syslog-ng-tcp.conf").read_text()
    assert "max-connections(502) log-iw-size(499992) log-fetch-limit(996)" in text


def test_logsrv_listens_on_loopback_only(tmp_path: Path) -> None:
    command = Logsrv(("--sync", "never")).launch(Listener("udp", "1", 1), tmp_path).command
    assert "udp:1:interface=127.0.0.1" in command and command[-2:] == ("--sync", "never")


def test_another_version_runs_in_its_own_environment(tmp_path: Path) -> None:
    before = Logsrv((), tmp_path)
    assert "run make in that checkout" in str(before.missing())
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.touch()
    launch = before.launch(Listener("tcp", "1", 1), tmp_path)
    assert (before.name, before.missing(), launch.command[0]) == ("before", None, str(python))


@pytest.mark.slow
def test_lines_sent_over_tls_are_lines_in_the_file(programs: Path, tmp_path: Path) -> None:
    """Ours, with the certificate and the load generator of the benchmark; blocks that the kernel
    took only in part among them."""
    try:
        load = build("load-tls", programs)
    except BuildError as error:
        missing(f"{error} (Debian: apt install libssl-dev)")
    certificate = write_certificate(tmp_path / "pem")
    listener = Listener("tls", str(free_port()), 3, certificate)
    launch = Logsrv(("--sync", "never")).launch(listener, tmp_path)
    growth = Growth(launch.output)
    arguments = ["stream", f"tls:{listener.address}", "--lines=200000", "--connections=3"]
    with (
        running(
            launch.command,
            launch.env,
            tmp_path / "said",
            partial(proc.is_bound, "tls", listener.address),
        ),
        loading(load, arguments) as at,
    ):
        at.wait_sent()
        follow(growth, lambda: 200_000, patience=PATIENCE)
        lines = launch.output.read_bytes().splitlines()
    assert len({line.split(b" ", 2)[2][:17] for line in lines}) == len(lines) == 200_000
    assert {len(line.split(b" ", 2)[2]) for line in lines} == {99}
    assert all(line.split(b" ")[1].startswith(b"tls:") for line in lines)


def test_a_load_without_openssl_says_so(programs: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"tls:{server.getsockname()[1]}"
        done = subprocess.run([programs / "load", "stream", target], capture_output=True)
    assert done.returncode == 1 and b"this load was compiled without" in done.stderr


def test_a_peer_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "no-such-daemon is not in" in str(Peer("no-such-daemon", tmp_path).missing())


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
def test_figures_of_a_server_that_logs_errors_count_for_nothing(
    tmp_path: Path, asked: tuple[str, ...]
) -> None:
    """Unless it was to log them."""
    log = tmp_path / "said"
    expected = contextlib.nullcontext() if asked else pytest.raises(ChildError, match="1 errors in")
    with (
        expected,
        running(FAILS, {}, log, lambda: "connections cut off" in log.read_text(), asked=asked),
    ):
        pass


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(ChildError, match="ended with status 3: 'no such luck"),
        running(["sh", "-c", "echo no such luck; exit 3"], {}, tmp_path / "said", lambda: False),
    ):
        pass


@pytest.mark.parametrize("kind", ["sink", "rsyslog", "syslog-ng"])
def test_lines_sent_are_lines_in_the_file(kind: str, programs: Path, tmp_path: Path) -> None:
    """What the load sends over TCP is found where the launch says."""
    peers = os.environ.get("BENCH_PEERS")
    servers: dict[str, Server] = {
        "sink": Sink(programs / "sink"),
        "rsyslog": Rsyslog(Peer("rsyslogd", Path(peers, "rsyslog") if peers else None)),
        "syslog-ng": SyslogNg(Peer("syslog-ng", Path(peers, "syslog-ng") if peers else None)),
    }
    server = servers[kind]
    if (reason := server.missing()) is not None:
        # The peers exclude each other as installed packages, so not even CI has both.
        pytest.skip(reason)
    listener = Listener("tcp", str(free_port()), 3)
    launch = server.launch(listener, tmp_path)
    ready = partial(proc.is_bound, "tcp", listener.address)
    growth = Growth(launch.output)
    with (
        running(launch.command, launch.env, tmp_path / "said", ready),
        loading(
            programs / "load",
            ["stream", f"tcp:{listener.address}", "--lines=3000", "--connections=3"],
        ) as at,
    ):
        at.wait_sent()
        follow(growth, lambda: 3000, patience=PATIENCE)
    assert growth.lines == 3000
