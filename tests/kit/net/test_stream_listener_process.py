"""A listener in a process of its own: sockets that are inherited, and few open files."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.listening import (
    LOOPBACK,
    port_of,
)
from tests.parts.waits import line_of


def connect(listener: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE)


# Twisted's own; it says so once per listener.
tls = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

CHILD = """
import sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.protocols.wire import Echo
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net._stream_listener import StreamListener
from logsrv.kit.observe.metrics import Metrics
globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
factory = Factory.forProtocol(Echo)
factory.noisy = False
listener = StreamListener(
    parse_endpoint(sys.argv[1]), factory,
    label="in", policy=GuardPolicy(), reactor=reactor, metrics=Metrics(),
)
listener.bind()
listener.open()
reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(listener.drain(5)))
print(listener.address, flush=True)
reactor.run()
"""

FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))"

INHERITING = """
import os
os.dup2(int(os.environ["INHERITED"]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="logs", LISTEN_PID=str(os.getpid()))
"""


@contextmanager
def child(
    endpoint: str, log: Path, first: str, inherited: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """An echo server in a process of its own, which does `first` before anything else."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", first + CHILD, endpoint],
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=inherited,
            env={**os.environ, "INHERITED": "".join(map(str, inherited))},
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()


def address_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return line_of(process.stdout).decode().strip()


def echoes_over(client: socket.socket) -> bool:
    with client:
        try:
            client.sendall(b"x")
            return client.recv(1) == b"x"
        except OSError:
            return False


def echoes(port: int) -> bool:
    client = socket.socket()
    client.connect_ex(("127.0.0.1", port))
    return echoes_over(client)


@pytest.mark.slow
@pytest.mark.parametrize("domain", ["INET", "UNIX"])
def test_a_socket_of_the_service_manager_outlives_us(tmp_path, domain):
    family = socket.AF_INET if domain == "INET" else socket.AF_UNIX
    where: Any = ("127.0.0.1", 0) if domain == "INET" else str(tmp_path / "x.sock")
    with socket.socket(family) as listening:
        listening.bind(where)
        listening.listen(5)
        where = listening.getsockname()
        endpoint = f"systemd:domain={domain}:name=logs"
        log = tmp_path / "log"
        with child(endpoint, log, INHERITING, [listening.fileno()]) as process:
            address_of(process)
            with socket.socket(family) as client:
                client.connect(where)
                assert echoes_over(client)
            process.terminate()
            process.wait(PATIENCE)
        with socket.socket(family) as client:
            client.connect(where)
        assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_a_socket_that_the_service_manager_shut_down_is_no_trouble_at_a_stop(tmp_path):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        log = tmp_path / "log"
        endpoint = "systemd:domain=INET:name=logs"
        with child(endpoint, log, INHERITING, [listening.fileno()]) as process:
            address_of(process)
            listening.shutdown(socket.SHUT_RDWR)
            wait_until(lambda: "Closed" in log.read_text(), "the port to notice")
            process.terminate()
            process.wait(PATIENCE)
        assert "Traceback" not in log.read_text()


@pytest.mark.slow
def test_at_the_limit_of_open_files_peers_are_refused_and_later_ones_get_in_again(tmp_path):
    log = tmp_path / "log"
    with child(LOOPBACK, log, FEW_FILES) as process:
        port = int(address_of(process).rpartition(":")[2])
        clients = [socket.socket() for _ in range(200)]
        for client in clients:
            client.connect_ex(("127.0.0.1", port))
        assert 10 <= sum(echoes_over(client) for client in clients) <= 48
        wait_until(lambda: echoes(port), "somebody to get in again")
    told = log.read_text()
    assert "the limit of open files is near" in told
    assert len(told.splitlines()) < 20


@pytest.mark.slow
@tls
@pytest.mark.parametrize("before", ["", "haproxy:"])
@pytest.mark.parametrize("scheme", ["tcp", "ssl"])
def test_a_burst_at_the_limit_of_open_files_is_refused_by_us_and_counted(
    scheme, before, certificate, tmp_path
):
    """Twisted would close them uncounted, with a line in the log for each."""
    key = f":privateKey={certificate}" if scheme == "ssl" else ""
    log = tmp_path / "log"
    with child(f"{before}{scheme}:0:interface=127.0.0.1{key}", log, FEW_FILES) as process:
        port = int(address_of(process).rpartition(":")[2])
        process.send_signal(signal.SIGSTOP)
        clients = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(200)]
        process.send_signal(signal.SIGCONT)
        try:
            # A refused client sees an end or a reset.
            with contextlib.suppress(ConnectionResetError):
                assert clients[-1].recv(1) == b""
        finally:
            for client in clients:
                client.close()
        wait_until(lambda: "the limit of open files is near" in log.read_text(), "the refusal")
    assert "EMFILE" not in log.read_text()
    assert "Traceback" not in log.read_text()


async def test_an_input_that_takes_no_datagrams_says_so(site):
    site.receiver = None  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match="udp:514: this input takes no datagrams"):
        site.make("udp:514")
