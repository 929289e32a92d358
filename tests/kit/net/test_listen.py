"""Listening with real sockets: what binds, who gets in, and that a stop loses nothing."""

from __future__ import annotations

import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.listen import StreamListener
from logsrv.kit.testing import wait_until
from tests.kit.net.network import (
    LOOPBACK,
    REACTOR,
    Site,
    in_reactor,
    logged,
    port_of,
    reactor_fixture,
    until,
)

SOCKETS = {
    "unix": socket.SOCK_STREAM,
    "haproxy:unix": socket.SOCK_STREAM,
    "unixgram": socket.SOCK_DGRAM,
}


@reactor_fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    yield made
    await made.stop()


def connect(listener: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(listener)), 60)


@in_reactor
async def test_a_line_sent_is_a_line_received(site: Site) -> None:
    with logged() as messages:
        listener = site.start(LOOPBACK)
    assert f"listening on {LOOPBACK} at 127.0.0.1:{port_of(listener)}" in messages
    with connect(listener) as client:
        client.sendall(b"hello\n")
        await until(lambda: site.factory.data, "the line")
        name = f"tcp:127.0.0.1:{client.getsockname()[1]}"
        assert site.factory.made[0].source == name
        assert site.value("connections_open") == 1
    await until(lambda: site.factory.lost, "the end of the connection")
    assert site.factory.data == b"hello\n"
    assert site.value("connections_open") == 0


@pytest.mark.parametrize("number", [errno.ENETDOWN, errno.EPROTO, errno.EHOSTUNREACH])
@in_reactor
async def test_a_connection_that_broke_before_it_was_accepted_is_no_failure_of_ours(
    number: int, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, broken = socket.socket.accept, [number]

    def accept_after(listening: socket.socket) -> Any:
        if broken:
            raise OSError(broken.pop(), "it broke")
        return accept(listening)

    listener = site.start(LOOPBACK)
    monkeypatch.setattr(socket.socket, "accept", accept_after)
    with logged() as messages, connect(listener):
        await until(lambda: site.factory.made, "the connection after it")
    assert not any("Unhandled" in message or "it broke" in message for message in messages)


@in_reactor
async def test_ipv6_has_its_brackets(site: Site) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    listener = site.start("tcp6:0:interface=\\:\\:1")
    with socket.create_connection(("::1", port_of(listener)), 60) as client:
        await until(lambda: site.factory.made, "the connection")
        assert site.factory.made[0].source == f"tcp:[::1]:{client.getsockname()[1]}"


@in_reactor
async def test_an_ipv4_client_of_an_ipv6_listener_is_subject_to_ipv4_networks(site: Site) -> None:
    listener = site.start("tcp6:0:interface=\\:\\:", deny=(ip_network("127.0.0.0/8"),))
    with connect(listener) as client:
        assert await deferToThread(client.recv, 1) == b""
    assert site.factory.made == []


@in_reactor
async def test_a_port_in_use_is_told_at_once_and_in_one_sentence(site: Site) -> None:
    port = port_of(site.start(LOOPBACK))
    with pytest.raises(ListenError) as caught:
        site.start(f"tcp:{port}:interface=127.0.0.1")
    assert f"tcp:{port}:interface=127.0.0.1: the port is in use" in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        ("tcp:0:interface=192.0.2.77", "this machine has no such address"),
        ("unix:/nonexistent/x", "there is no directory /nonexistent"),
        ("systemd:domain=INET:index=0", "LISTEN_FDS"),
        ("systemd:domain=INET:name=logs", "LISTEN_FDS"),
    ],
)
@in_reactor
async def test_whatever_cannot_be_bound_raises_a_sentence(
    site: Site, endpoint: str, sentence: str
) -> None:
    with pytest.raises(ListenError, match=sentence):
        site.start(endpoint)


@in_reactor
async def test_a_denied_peer_is_closed_and_counted(site: Site) -> None:
    listener = site.start(LOOPBACK, deny=(ip_network("127.0.0.0/8"),))
    with connect(listener) as client:
        assert await deferToThread(client.recv, 1) == b""
    assert site.factory.made == []
    assert site.value("connections_refused_total", reason="denied") == 1
    listener.apply(GuardPolicy())
    with connect(listener):
        await until(lambda: site.factory.made, "the connection after the reload")


@in_reactor
async def test_a_unix_client_is_named_and_networks_are_not_for_it(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "x.sock"
    listener = site.start(f"unix:{path}", allow=(ip_network("10.0.0.0/8"),))
    assert listener.address == str(path)
    assert path.stat().st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        await until(lambda: site.factory.made, "the connection")
    if hasattr(socket, "SO_PEERCRED"):
        assert site.factory.made[0].source == f"unix:uid={os.getuid()},pid={os.getpid()}"


@in_reactor
async def test_the_socket_file_is_there_only_as_long_as_the_listener(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = site.start(f"unix:{path}")
    with pytest.raises(ListenError, match="another program listens"):
        site.start(f"unix:{path}")
    await listener.drain(0)
    assert not path.exists()


@pytest.mark.parametrize(("scheme", "kind"), SOCKETS.items())
@in_reactor
async def test_the_socket_of_who_came_after_us_stays(
    scheme: str, kind: socket.SocketKind, site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "x.sock"
    listener = site.start(f"{scheme}:{path}")
    path.unlink()
    with socket.socket(socket.AF_UNIX, kind) as other, logged() as messages:
        other.bind(str(path))
        bound = path.stat().st_ino
        assert await listener.drain(1) == 0
        assert path.stat().st_ino == bound
    assert listener.address == ""
    assert not any(str(path) in message and "No such" in message for message in messages)


@in_reactor
async def test_a_socket_file_that_somebody_deleted_does_not_hinder_the_stop(
    site: Site, tmp_path: Path
) -> None:
    path = tmp_path / "x.sock"
    listener = site.start(f"unix:{path}")
    path.unlink()
    assert await listener.drain(1) == 0


@in_reactor
async def test_what_a_client_sent_before_it_closed_is_all_taken_in(site: Site) -> None:
    listener = site.start(LOOPBACK)
    sent = b"x" * 99 + b"\n"
    for _ in range(30):
        with connect(listener) as client:
            client.sendall(sent * 1000)
    # Not one of them has been accepted yet: the reactor had no turn.
    assert site.factory.made == []
    assert await listener.drain(10) == 0
    assert len(site.factory.data) == 30 * 1000 * len(sent)
    assert len(site.factory.lost) == 30


@in_reactor
async def test_an_open_connection_is_closed_when_it_is_silent_and_nobody_new_gets_in(
    site: Site,
) -> None:
    listener = site.start(LOOPBACK)
    address = ("127.0.0.1", port_of(listener))
    with connect(listener) as client:
        client.sendall(b"last\n")
        assert await listener.drain(10) == 0
        assert client.recv(1) == b""
    assert site.factory.data == b"last\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 10)


@in_reactor
async def test_a_connection_that_the_store_holds_back_is_drained_when_it_goes_on(
    site: Site,
) -> None:
    listener = site.start(LOOPBACK)
    with connect(listener) as client:
        await until(lambda: site.factory.made, "the connection")
        transport = site.factory.made[0].transport
        transport.pauseProducing()
        client.sendall(b"held back\n")
        draining = Deferred.fromCoroutine(listener.drain(10))
        await deferLater(REACTOR, 0.1)
        assert (draining.called, site.factory.data) == (False, b"")
        transport.resumeProducing()
        assert await draining == 0
    assert site.factory.data == b"held back\n"


@in_reactor
async def test_a_peer_that_goes_on_sending_is_cut_off_at_the_deadline(site: Site) -> None:
    listener = site.start(LOOPBACK)
    with connect(listener) as client:
        client.setblocking(False)
        await until(lambda: site.factory.made, "the connection")
        site.factory.made[0].transport.pauseProducing()
        client.send(b"never read\n")
        assert await listener.drain(0.1) == 1
    assert len(site.factory.lost) == 1


@in_reactor
async def test_an_input_that_takes_no_datagrams_says_so(site: Site) -> None:
    site.receiver = None  # type: ignore[assignment]
    with pytest.raises(ConfigurationError, match="udp:514: this input takes no datagrams"):
        site.make("udp:514")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost and its key in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def tls_send(port: int, data: bytes) -> bytes:
    """Send `data` over TLS, wait for the other side's end; gives what it said."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), 60) as plain,
        context.wrap_socket(plain) as client,
    ):
        client.sendall(data)
        return client.recv(1)


# Twisted's own; it says so once per listener.
tls = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


@tls
@in_reactor
async def test_tls_clients_are_named_as_such_and_drained_too(site: Site, certificate: Path) -> None:
    listener = site.start(f"ssl:0:privateKey={certificate}:interface=127.0.0.1")
    sent = b"x" * 99 + b"\n"
    sending = deferToThread(tls_send, port_of(listener), sent * 5000)
    await until(lambda: site.factory.data, "the first lines")
    assert await listener.drain(10) == 0
    assert await sending == b""
    assert site.factory.data == sent * 5000
    assert site.factory.made[0].source.startswith("tls:127.0.0.1:")


@in_reactor
async def test_a_useless_certificate_is_told_before_the_first_client_comes(
    site: Site, certificate: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(ListenError, match="cannot be used"):
        site.start(f"ssl:0:privateKey={certificate}:certKey={tmp_path}/empty.pem")


@tls
@in_reactor
async def test_a_denied_tls_client_gets_no_handshake(site: Site, certificate: Path) -> None:
    endpoint = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    listener = site.start(endpoint, deny=(ip_network("127.0.0.0/8"),))
    with logged() as messages, pytest.raises(OSError):
        await deferToThread(tls_send, port_of(listener), b"x")
    assert site.factory.made == []
    assert site.value("connections_refused_total", reason="denied") == 1
    assert not any("Traceback" in message for message in messages)


@in_reactor
async def test_behind_a_proxy_the_client_is_named(site: Site) -> None:
    listener = site.start(f"haproxy:{LOOPBACK}", allow=(ip_network("10.0.0.0/8"),))
    with connect(listener) as client:
        client.sendall(b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 514\r\nhello\n")
        await until(lambda: site.factory.data, "the line")
    assert site.factory.made[0].source == "tcp:10.0.0.1:4000"


@in_reactor
async def test_a_silent_client_is_closed(site: Site) -> None:
    listener = site.start(LOOPBACK, idle_timeout=0.2)
    with connect(listener) as client:
        assert await deferToThread(client.recv, 1) == b""
    await until(lambda: site.factory.lost, "the end of the connection")
    assert site.value("connections_idle_total") == 1


@in_reactor
async def test_stopping_what_never_started_is_no_error(site: Site) -> None:
    listener = site.make(LOOPBACK)
    assert isinstance(listener, StreamListener)
    assert listener.address == ""
    assert await listener.drain(1) == 0
    await listener.drain(0)


CHILD = """
import sys
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.protocols.wire import Echo
from logsrv.kit.net.endpoints.parse import parse_endpoint
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.listen import StreamListener
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
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def address_of(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


@pytest.mark.parametrize("domain", ["INET", "UNIX"])
def test_a_socket_of_the_service_manager_outlives_us(tmp_path: Path, domain: str) -> None:
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
            process.wait(20)
        with socket.socket(family) as client:
            client.connect(where)
        assert "Traceback" not in log.read_text()


def test_a_socket_that_the_service_manager_shut_down_is_no_trouble_at_a_stop(
    tmp_path: Path,
) -> None:
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
            process.wait(20)
        assert "Traceback" not in log.read_text()


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


def test_at_the_limit_of_open_files_peers_are_refused_and_later_ones_get_in_again(
    tmp_path: Path,
) -> None:
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


@tls
@pytest.mark.parametrize("before", ["", "haproxy:"])
@pytest.mark.parametrize("scheme", ["tcp", "ssl"])
def test_a_burst_at_the_limit_of_open_files_is_refused_by_us_and_counted(
    scheme: str, before: str, certificate: Path, tmp_path: Path
) -> None:
    """Twisted would close them uncounted, with a line in the log for each."""
    key = f":privateKey={certificate}" if scheme == "ssl" else ""
    log = tmp_path / "log"
    with child(f"{before}{scheme}:0:interface=127.0.0.1{key}", log, FEW_FILES) as process:
        port = int(address_of(process).rpartition(":")[2])
        process.send_signal(signal.SIGSTOP)
        clients = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(200)]
        process.send_signal(signal.SIGCONT)
        assert clients[-1].recv(1) == b""
        for client in clients:
            client.close()
        wait_until(lambda: "the limit of open files is near" in log.read_text(), "the refusal")
    assert "EMFILE" not in log.read_text()
    assert "Traceback" not in log.read_text()


@in_reactor
async def test_an_endpoint_of_another_package_that_fails_later_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take its time to listen; nobody waits for it then but the log."""
    later: Deferred[object] = Deferred()

    class Slow:
        def listen(self, factory: object) -> Deferred[object]:
            return later

    monkeypatch.setattr("logsrv.kit.net.listen.serverFromString", lambda reactor, text: Slow())
    listener = site.start(LOOPBACK)
    assert listener.address == ""
    with logged() as messages:
        later.errback(OSError(errno.EADDRINUSE, "in use"))
    (message,) = messages
    assert message.startswith(f"cannot listen on {LOOPBACK}: the port is in use")
