"""Connections that a plugin makes once, and relays between two: in memory, and with real servers."""

import gc
import socket
import threading
from socket import AF_UNIX
from typing import Any
from weakref import ref

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import SSL4ClientEndpoint, TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs

from logsrv.kit import Connection, DialError, LineProtocol, RequestProtocol, deadline, relay
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority
from tests.parts.ports import free_port
from tests.parts.reactor import REACTOR, until
from tests.parts.talking import Shout
from tests.parts.waits import join

pytest_plugins = ["logsrv.kit.testing.fixtures"]

FAR = "tcp:upstream:80"


async def ask(connection: Connection) -> None:
    """Passes each line on to another server, over a connection of its own, and its answer back."""
    async for line in connection:
        try:
            far = await connection.service.dial(FAR, timeout=5)
        except DialError as error:
            connection.send_line(f"{error}")
            continue
        far.send_line(line)
        connection.send_line(f"{await far.read_line()} from {far.peer}")
        far.close()


def test_a_dial_gives_a_connection_to_the_far_side(in_memory):
    service = in_memory(ask)
    far, peer = service.far(FAR), service.connect()
    peer.feed(b"hello\nbye\n")
    [first] = far.peers
    assert first.received() == b"hello\r\n"
    first.feed(b"HELLO\n")
    assert peer.received() == b"HELLO from tcp:127.0.0.1:50000\r\n"
    assert first.closed
    far.peers[1].feed(b"BYE\n")
    assert peer.received() == b"BYE from tcp:127.0.0.1:50001\r\n"
    assert service.metric("connections_total", listener="dial") == 2
    assert service.metric("connections_open", listener="dial") == 0
    assert list(service.service.peers) == [peer.protocol]


def test_a_far_side_that_refuses_or_is_silent_is_one_sentence(in_memory):
    service = in_memory(ask)
    peer = service.connect()
    peer.feed(b"hello\n")
    assert peer.received().startswith(b"cannot connect to tcp:upstream:80: Connection was refused")
    service.far(FAR).silent = True
    peer.feed(b"hello\n")
    service.clock.advance(4)
    assert peer.received() == b""
    service.clock.advance(1)
    assert peer.received() == b"cannot connect to tcp:upstream:80: no answer in 5 s\r\n"
    assert not peer.closed


async def keeps(connection: Connection) -> None:
    await connection.service.dial(FAR)
    await connection.read_line()


def test_it_is_closed_with_the_coroutine_that_dialled(in_memory):
    service = in_memory(keeps)
    far, peer, other = service.far(FAR), service.connect(), service.connect()
    assert not far.peers[0].closed
    peer.disconnect(ConnectionResetError())
    assert far.peers[0].closed
    assert not far.peers[1].closed
    other.feed(b"done\n")
    assert far.peers[1].closed


async def dials_for_each_line(connection: Connection) -> None:
    async for line in connection:
        far = await connection.service.dial(FAR)
        far.send_line(line)
        far.close()


def test_a_coroutine_that_dials_for_days_keeps_none_that_it_has_closed(in_memory):
    service = in_memory(dials_for_each_line)
    far, peer = service.far(FAR), service.connect()
    dialled = []
    for _ in range(10):
        peer.feed(b"hello\n")
        [one] = far.peers
        assert one.received() == b"hello\r\n" and one.closed
        dialled.append(ref(one.protocol))
        far.peers.clear()
        del one
    gc.collect()
    # The last one may be known until there is another.
    assert [each() for each in dialled[:-1]] == [None] * 9


class Keeper:
    """A state that dials once, for all."""

    def __init__(self, service: Any) -> None:
        self.service = service

    async def start(self) -> None:
        self.service.spawn(self.work())

    async def work(self) -> None:
        self.far = await self.service.dial(FAR)
        await self.far.read_line()


def test_a_stop_closes_what_is_left_and_refuses_further_dials(in_memory):
    service = in_memory(ask, state=Keeper)
    service.clock.advance(0)
    assert service.metric("tasks_failed_total") == 1
    service.far(FAR)
    service.service.spawn(service.service.state.work())
    [far] = service.far(FAR).peers
    assert service.stop() == 0
    assert far.closed
    with pytest.raises(RuntimeError, match=f"^{FAR} cannot be used: the service has stopped$"):
        service.service.dial(FAR).send(None)


class Registered:
    """A state whose task tells a far server at its end that this one is gone."""

    def __init__(self, service: Any) -> None:
        service.spawn(self.work(service))

    async def work(self, service: Any) -> None:
        try:
            await Deferred()
        finally:
            far = await service.dial(FAR)
            far.send_line("gone")


def test_a_task_that_the_stop_ends_may_dial_once_more(in_memory):
    service = in_memory(ask, state=Registered)
    far = service.far(FAR)
    assert service.stop() == 0
    [told] = far.peers
    assert told.received() == b"gone\r\n" and told.closed


@pytest.mark.parametrize("read", ["ask", "read_exactly"])
@pytest.mark.parametrize("kind", [RequestProtocol, LineProtocol])
def test_a_far_side_that_goes_is_no_peer_of_ours_that_went(in_memory, kind, read):
    """Else a request stays without an answer, and the connection open."""

    async def answer(self: Any, line: str) -> str:
        far = await self.service.dial(FAR)
        return str(await getattr(far, read)(*{"ask": (), "read_exactly": (5,)}[read]))

    class Asks(kind):  # type: ignore[valid-type, misc]
        request_received = line_received = answer

    if kind is RequestProtocol:
        del Asks.line_received
    service = in_memory(Asks)
    far, peer = service.far(FAR), service.connect()
    peer.feed(b"one\n")
    with capturedLogs() as events:
        far.peers[0].disconnect()
    assert [event["log_level"].name for event in events if "log_failure" in event] == ["critical"]
    if kind is RequestProtocol:
        assert peer.received() == b"error: the server failed to answer this\r\n"
    assert peer.closed is (kind is LineProtocol)


async def proxy(connection: Connection) -> None:
    far = await connection.service.dial(FAR)
    try:
        counts = await relay(connection, far)
    finally:
        connection.service.state.counts = locals().get("counts")


def test_a_relay_copies_both_ways_and_passes_ends_on(in_memory):
    service = in_memory(proxy)
    far, peer = service.far(FAR), service.connect()
    peer.feed(b"question\xff\0")
    [upstream] = far.peers
    assert upstream.received() == b"question\xff\0"
    peer.half_close()
    assert upstream.ended and not upstream.closed
    upstream.feed(b"an answer")
    assert peer.received() == b"an answer"
    upstream.half_close()
    assert peer.closed and upstream.closed
    assert service.service.state.counts == (10, 9)


def test_a_relay_reads_no_faster_than_the_other_side_takes(in_memory):
    service = in_memory(proxy)
    far, peer = service.far(FAR), service.connect()
    [upstream] = far.peers
    upstream.stop_reading()
    for _ in range(100):
        peer.feed(b"x" * 100_000)
    assert peer.unread > 8_000_000
    assert len(upstream.transport.buffer) < 1_500_000
    upstream.start_reading()
    came = 0
    while more := len(upstream.received()):
        came += more
        service.clock.advance(0)
    assert came == 10_000_000


def test_a_side_of_a_relay_is_read_while_it_does_not_take_its_output(in_memory):
    """Two servers that send before they read would wait for each other for ever."""
    service = in_memory(proxy)
    far, peer = service.far(FAR), service.connect()
    [upstream] = far.peers
    upstream.stop_reading()
    peer.feed(b"x" * 1_000_000)
    upstream.feed(b"an answer")
    assert peer.received() == b"an answer"


def test_what_a_side_has_sent_before_it_went_is_copied(in_memory):
    """By TLS's goodbye, too, which ends both directions at once."""
    service = in_memory(proxy)
    far, peer = service.far(FAR), service.connect()
    [upstream] = far.peers
    upstream.stop_reading()
    for _ in range(8):
        peer.feed(b"x" * 50_000)
    sent = 400_000 - peer.unread
    peer.disconnect()
    upstream.start_reading()
    came = 0
    while more := len(upstream.received()):
        came += more
        service.clock.advance(0)
    assert came == sent > 100_000
    assert service.service.state.counts is None


async def test_a_relay_passes_the_end_on_while_much_is_under_way(serving):
    size = 4_000_000

    async def handle(connection: Connection) -> None:
        await relay(connection, await connection.service.dial(place))

    def echo() -> None:
        for _ in range(5):
            with server.accept()[0] as client:
                while data := client.recv(65536):
                    client.sendall(data)

    def receive(peer: socket.socket) -> int:
        def send() -> None:
            peer.sendall(b"x" * size)
            peer.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        came = 0
        while data := peer.recv(65536):
            came += len(data)
        join(sender)
        return came

    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"tcp:127.0.0.1:{server.getsockname()[1]}"
        far = threading.Thread(target=echo)
        far.start()
        async with serving(handle) as running:
            for _ in range(5):
                port = int(running.addresses[0].rpartition(":")[2])
                with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
                    assert await deferToThread(receive, peer) == size
        join(far)


@pytest.mark.parametrize("side", [0, 1])
def test_a_side_that_is_reset_ends_both(in_memory, side):
    service = in_memory(proxy)
    far, peer = service.far(FAR), service.connect()
    sides = [peer, far.peers[0]]
    peer.feed(b"abc")
    sides[side].disconnect(ConnectionResetError())
    sides[1 - side].feed(b"more")
    assert sides[1 - side].closed
    assert service.metric("connections_failed_total") == 0


def test_a_relay_under_a_deadline_is_ended(in_memory):
    async def handle(connection: Connection) -> None:
        far = await connection.service.dial(FAR)
        try:
            async with deadline(5):
                await relay(connection, far)
        except TimeoutError:
            connection.service.state.late = True

    service = in_memory(handle)
    far, peer = service.far(FAR), service.connect()
    service.clock.advance(5)
    assert service.service.state.late
    assert peer.closed and far.peers[0].closed
    assert service.metric("connections_failed_total") == 0


async def tells(connection: Connection) -> None:
    """Tells its peer how a dial has ended."""
    try:
        async with deadline(3):
            await connection.service.dial(await connection.ask())
    except Exception as error:
        connection.close(f"{type(error).__name__}: {error}")


def test_a_peer_that_goes_cancels_the_dial_for_it(in_memory):
    ends: list[type[BaseException]] = []

    async def handle(connection: Connection) -> None:
        try:
            await connection.service.dial(FAR)
        except BaseException as error:
            ends.append(type(error))
            raise

    service = in_memory(handle)
    service.far(FAR).silent = True
    service.connect().disconnect(ConnectionResetError())
    assert ends == [CancelledError]
    assert service.metric("connections_failed_total") == 0


def test_a_dial_to_no_endpoint_fails_as_one_to_nobody(in_memory):
    """The text may be a peer's."""
    peer = in_memory(tells).connect()
    peer.feed(b"garbage\n")
    assert peer.received().startswith(
        b"DialError: garbage is no place to connect to; known are tcp:"
    )


@pytest.mark.parametrize("place", ["tcp:127.0.0.1:{}", "ssl:127.0.0.1:{}", "unix:{}"])
async def test_a_dial_with_a_real_socket_can_be_cancelled(serving, tmp_path, place):
    ends: list[type[BaseException]] = []

    async def work(service: Any) -> None:
        path = tmp_path / "socket"
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(AF_UNIX) as local:
            local.bind(str(path))
            local.listen()
            where = path if place.startswith("unix") else server.getsockname()[1]
            try:
                await service.dial(place.format(where))
            except BaseException as error:
                ends.append(type(error))
                raise

    async with serving(tells) as running:
        task = running.service.spawn(work(running.service))
        task.cancel()
        await task.done
    assert ends == [CancelledError]


def answering(server: socket.socket) -> threading.Thread:
    """Answer one connection: all that comes, in upper case, when the client sends no more."""

    def run() -> None:
        with server, server.accept()[0] as client:
            came = b""
            while data := client.recv(65536):
                came += data
            client.sendall(came.upper())

    thread = threading.Thread(target=run)
    thread.start()
    return thread


async def test_a_real_server_is_dialled_and_told_the_end(serving):
    said: list[object] = []

    async def handle(connection: Connection) -> None: ...

    async with serving(handle) as running:
        server = socket.create_server(("127.0.0.1", 0))
        thread = answering(server)
        far = await running.service.dial(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        far.write(b"x" * 1_000_000)
        said.append(await far.end_output())
        said.append(await far.read_exactly(1_000_000))
        said.append(await far.read_some())
        join(thread)
        with pytest.raises(DialError, match=r"cannot connect to tcp:127.0.0.1:\d+: .*refused"):
            await running.service.dial(f"tcp:127.0.0.1:{free_port()}")
        with pytest.raises(DialError, match="there is no host of that name"):
            await running.service.dial("tcp:nobody.invalid:80", timeout=20)
    assert said == [True, b"X" * 1_000_000, b""]


async def test_a_server_that_is_silent_in_the_handshake_is_left(serving):
    async def handle(connection: Connection) -> None: ...

    async with serving(handle) as running:
        with socket.create_server(("127.0.0.1", 0)) as server:
            place = f"tls:127.0.0.1:{server.getsockname()[1]}"
            with pytest.raises(DialError, match=r"no answer in 0\.2 s"):
                await running.service.dial(place, timeout=0.2)
        value = running.service.metrics.value
        await until(lambda: value("connections_open", listener="dial") == 0, "the end of it")


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
async def test_a_certificate_is_checked_before_there_is_a_connection(serving, tmp_path):
    authority = Authority(tmp_path)
    pem = authority.certify("localhost")
    listen = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    async with serving(Shout, "--listen", listen) as running:
        place = f"tls:localhost:{running.port}"
        far = await running.service.dial(f"{place}:cafile={authority.cafile}")
        far.send_line("hello")
        assert await far.read_line() == "HELLO"
        assert far.encrypted and far.certificate and far.peer.endswith(",dns=localhost")
        # The other side reads on: TLS has no half close.
        assert not await far.end_output()
        far.close()
        with pytest.raises(DialError, match="certificate verify failed"):
            await running.service.dial(place)
        other = f"tls:127.0.0.1:{running.port}:cafile={authority.cafile}"
        with pytest.raises(DialError, match=r"cannot connect to tls:127\.0\.0\.1:"):
            await running.service.dial(other)
        await until(
            lambda: running.service.metrics.value("connections_open", listener="dial") == 0, "ends"
        )


@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
@pytest.mark.parametrize("make", ["wrapClientTLS", "SSL4ClientEndpoint"])
async def test_the_handshake_of_an_endpoint_object_is_awaited_too(serving, tmp_path, make):
    authority = Authority(tmp_path)
    pem = authority.certify("localhost")
    listen = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"
    trusted = Certificate.loadPEM(authority.cafile.read_bytes())

    def place(port: int, trust: Any) -> Any:
        options = optionsForClientTLS("localhost", trust)
        if make == "SSL4ClientEndpoint":
            return SSL4ClientEndpoint(REACTOR, "127.0.0.1", port, options)
        return wrapClientTLS(options, TCP4ClientEndpoint(REACTOR, "127.0.0.1", port))

    async with serving(Shout, "--listen", listen) as running:
        far = await running.service.dial(place(running.port, trusted))
        far.send_line("hello")
        assert await far.read_line() == "HELLO"
        assert far.encrypted and far.certificate
        assert not await far.end_output()
        far.close()
        with pytest.raises(DialError, match="certificate verify failed"):
            await running.service.dial(place(running.port, None))
        await until(
            lambda: running.service.metrics.value("connections_open", listener="dial") == 0, "ends"
        )


def test_a_deadline_ends_a_dial(in_memory):
    service = in_memory(tells)
    service.far(FAR).silent = True
    peer = service.connect()
    peer.feed(FAR.encode() + b"\n")
    service.clock.advance(3)
    assert peer.received() == b"DeadlineExceeded: the deadline has passed, after 3 s\r\n"
