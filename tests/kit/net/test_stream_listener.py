"""Listening with real sockets and certificates: what binds, who gets in; a stop loses nothing."""

import errno
import os
import socket
import threading
from ipaddress import ip_network
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net._stream_listener import StreamListener
from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.kept_sockets import KeptSockets
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.listening import LOOPBACK, Noted, port_of, unverified
from tests.parts.reactor import REACTOR, logged, until


def connect(listener: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(listener)), PATIENCE)


async def test_a_line_sent_is_a_line_received(site):
    with logged() as messages:
        listener = site.start(LOOPBACK)
    assert f"listening on tcp 127.0.0.1:{port_of(listener)}" in messages
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
async def test_a_connection_that_broke_before_it_was_accepted_is_no_failure_of_ours(
    number, site, monkeypatch
):
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


async def test_an_ipv4_client_of_an_ipv6_listener_is_subject_to_ipv4_networks(site):
    listener = site.start("tcp6:0:interface=\\:\\:", deny=(ip_network("127.0.0.0/8"),))
    with connect(listener) as client:
        assert await deferToThread(client.recv, 1) == b""
    assert site.factory.made == []


@pytest.mark.parametrize(
    ("endpoint", "sentence"),
    [
        ("tcp:0:interface=192.0.2.77", "this machine has no such address"),
        ("unix:/nonexistent/x", "there is no directory /nonexistent"),
        ("systemd:domain=INET:index=0", "LISTEN_FDS"),
        ("systemd:domain=INET:name=logs", "LISTEN_FDS"),
    ],
)
async def test_whatever_cannot_be_bound_raises_a_sentence(site, endpoint, sentence):
    with pytest.raises(ListenError, match=sentence):
        site.start(endpoint)


async def test_a_denied_peer_is_closed_and_counted(site):
    listener = site.start(LOOPBACK, deny=(ip_network("127.0.0.0/8"),))
    with connect(listener) as client:
        assert await deferToThread(client.recv, 1) == b""
    assert site.factory.made == []
    assert site.value("connections_refused_total", reason="denied") == 1
    listener.apply(GuardPolicy())
    with connect(listener):
        await until(lambda: site.factory.made, "the connection after the reload")


async def test_a_unix_client_is_named_and_networks_are_not_for_it(site, tmp_path):
    path = tmp_path / "x.sock"
    listener = site.start(f"unix:{path}", allow=(ip_network("10.0.0.0/8"),))
    assert listener.address == str(path)
    assert path.stat().st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        await until(lambda: site.factory.made, "the connection")
    if hasattr(socket, "SO_PEERCRED"):
        assert site.factory.made[0].source == f"unix:uid={os.getuid()},pid={os.getpid()}"


async def test_the_socket_file_is_there_only_as_long_as_the_listener(site, tmp_path):
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = site.start(f"unix:{path}")
    with pytest.raises(ListenError, match="another program listens"):
        site.start(f"unix:{path}")
    await listener.drain(0)
    assert not path.exists()


async def test_what_a_client_sent_before_it_closed_is_all_taken_in(site):
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


async def test_an_open_connection_is_closed_when_it_is_silent_and_nobody_new_gets_in(site):
    listener = site.start(LOOPBACK)
    address = ("127.0.0.1", port_of(listener))
    with connect(listener) as client:
        client.sendall(b"last\n")
        assert await listener.drain(10) == 0
        assert client.recv(1) == b""
    assert site.factory.data == b"last\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, PATIENCE)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
async def test_from_the_stop_on_nobody_gets_in_who_would_not_be_heard(scheme, site, tmp_path):
    """Nor before the next turn of the reactor: who has sent its line by then would be reset."""
    listener = site.start(LOOPBACK if scheme == "tcp" else f"unix:{tmp_path}/s")
    tcp = scheme == "tcp"
    address: Any = ("127.0.0.1", port_of(listener)) if tcp else str(tmp_path / "s")
    draining = Deferred.fromCoroutine(listener.drain(10))
    with (
        socket.socket(socket.AF_INET if tcp else socket.AF_UNIX) as client,
        pytest.raises((ConnectionRefusedError, FileNotFoundError)),
    ):
        client.connect(address)
    assert await draining == 0


async def test_a_flood_of_peers_does_not_keep_it_from_stopping(site, monkeypatch):
    """Where the kernel lets them in until the end, the log says that some were left."""
    monkeypatch.setattr("logsrv.kit.net._stream_listener.block_new_connections", lambda port: None)
    listener = site.start(LOOPBACK)
    address = ("127.0.0.1", port_of(listener))
    clients = [socket.create_connection(address, PATIENCE)]

    def connect_again(self: Noted) -> None:
        clients.append(socket.create_connection(address, PATIENCE))

    monkeypatch.setattr(Noted, "connectionMade", connect_again)
    monkeypatch.setattr("logsrv.kit.net._stream_listener.MOST_WAITING", 2)
    with logged() as messages:
        await listener.drain(10)
    for client in clients:
        client.close()
    assert "test stopped accepting, although more peers were waiting" in messages


async def test_who_waits_at_the_socket_of_a_unit_is_left_to_the_next_process(site):
    with socket.create_server(("127.0.0.1", 0)) as given:
        kept = KeptSockets([(given.fileno(), "lines")])
        where = f"tcp:{given.getsockname()[1]}:interface=127.0.0.1"
        listener = site.start(where, kept=kept)
        with connect(listener) as client:
            client.sendall(b"line\n")
            assert await listener.drain(10) == 0
            with given.accept()[0] as accepted:
                assert accepted.recv(100) == b"line\n"
    assert site.factory.data == b""


async def test_a_connection_that_the_store_holds_back_is_drained_when_it_goes_on(site):
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


async def test_stopping_what_never_started_is_no_error(site):
    listener = site.make(LOOPBACK)
    assert isinstance(listener, StreamListener)
    assert listener.address == ""
    assert await listener.drain(1) == 0
    await listener.drain(0)


async def test_an_endpoint_of_another_package_that_fails_later_is_told(site, monkeypatch):
    """It may take its time to listen; nobody waits for it then but the log."""
    later: Deferred[object] = Deferred()

    class Slow:
        def listen(self, factory: object) -> Deferred[object]:
            return later

    monkeypatch.setattr(
        "logsrv.kit.net._stream_listener.serverFromString", lambda reactor, text: Slow()
    )
    listener = site.start(LOOPBACK)
    assert listener.address == ""
    with logged() as messages:
        later.errback(OSError(errno.EADDRINUSE, "in use"))
    (message,) = messages
    assert message.startswith(f"cannot listen on {LOOPBACK}: the port is in use")


async def test_an_endpoint_of_another_package_that_listens_after_the_stop_is_closed(
    site, monkeypatch
):
    """Otherwise peers would get into a service that has ended, and the address would stay taken."""
    later: Deferred[object] = Deferred()
    asked: list[Any] = []

    class Slow:
        def listen(self, factory: object) -> Deferred[object]:
            asked.append(factory)
            return later

    monkeypatch.setattr(
        "logsrv.kit.net._stream_listener.serverFromString", lambda reactor, text: Slow()
    )
    listener = site.start(LOOPBACK)
    await listener.drain(0)
    port = REACTOR.listenTCP(0, asked[0], interface="127.0.0.1")
    address = port.getHost()
    with logged() as messages:
        later.callback(port)
        await until(lambda: not port.connected, "the end of the port")
    assert not any(message.startswith("listening") for message in messages)
    assert listener.address == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.host, address.port), PATIENCE)


def tls_send(port: int, data: bytes, sent: threading.Event | None = None) -> bytes:
    """Send `data` over TLS, wait for the other side's end; gives what it said. sent: set in between."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        unverified().wrap_socket(plain) as client,
    ):
        client.sendall(data)
        if sent is not None:
            sent.set()
        return client.recv(1)


# Twisted's own; it says so once per listener.
tls = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


@tls
async def test_tls_clients_are_named_as_such_and_drained_too(site, certificate):
    listener = site.start(f"ssl:0:privateKey={certificate}:interface=127.0.0.1")
    line, sent = b"x" * 99 + b"\n", threading.Event()
    sending = deferToThread(tls_send, port_of(listener), line * 5000, sent)
    await until(lambda: site.factory.data, "the first lines")
    # Who pauses between two lines is silent, and closed.
    site.factory.made[0].transport.pauseProducing()
    await until(sent.is_set, "the last lines to be on their way")
    site.factory.made[0].transport.resumeProducing()
    assert await listener.drain(10) == 0
    assert await sending == b""
    assert site.factory.data == line * 5000
    assert site.factory.made[0].source.startswith("tls:127.0.0.1:")


@tls
async def test_a_denied_tls_client_gets_no_handshake(site, certificate):
    endpoint = f"ssl:0:privateKey={certificate}:interface=127.0.0.1"
    listener = site.start(endpoint, deny=(ip_network("127.0.0.0/8"),))
    with logged() as messages, pytest.raises(OSError):
        await deferToThread(tls_send, port_of(listener), b"x")
    assert site.factory.made == []
    assert site.value("connections_refused_total", reason="denied") == 1
    assert not any("Traceback" in message for message in messages)


@tls
async def test_a_client_whose_handshake_is_not_done_is_not_reset(site, certificate):
    """Neither one that waits to be accepted nor one that hangs."""
    listener = site.start(f"ssl:0:privateKey={certificate}:interface=127.0.0.1")
    address = ("127.0.0.1", port_of(listener))
    with socket.create_connection(address, PATIENCE) as hanging:
        await until(lambda: site.value("connections_open"), "the connection")
        with socket.create_connection(address, PATIENCE) as waiting, logged() as messages:
            assert await listener.drain(10) == 0
            assert (hanging.recv(100), waiting.recv(100)) == (b"", b"")
    assert not any("Traceback" in message or "Unhandled" in message for message in messages)
