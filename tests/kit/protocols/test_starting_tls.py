"""TLS begun in the middle of a connection: for lines, frames and streams, and what can go wrong halfway."""

from __future__ import annotations

import gc
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from logsrv.kit import (
    ConfigurationError,
    Connection,
    Delimiter,
    FrameProtocol,
    LineProtocol,
    PeerTimeout,
)
from logsrv.kit.protocols._stream import READ_AHEAD
from logsrv.kit.testing import MemoryService, Running
from tests.kit.starting_tls import SAID, Client, Lines, trusting, upgraded
from tests.parts.certificates import Authority
from tests.parts.reactor import logged, until

pytest_plugins = ["logsrv.kit.testing.fixtures"]
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")

Serving = Callable[..., Running]


class Frames(FrameProtocol):
    """The same in frames."""

    framing = Delimiter(b"\n")

    async def frame_received(self, frame: bytes) -> None:
        if frame == b"tls":
            self.send_frame(b"go on\r")
            await self.start_tls()
            self.send_frame(b"welcome %r %r\r" % (self.encrypted, self.can_start_tls))
        else:
            self.send_frame(b"said " + frame + b"\r")


async def stream(connection: Connection) -> None:
    """The same as a stream."""
    async for line in connection:
        if line == "tls":
            connection.send_line("go on")
            await connection.start_tls()
            connection.send_line(f"welcome {connection.encrypted} {connection.can_start_tls}")
        else:
            connection.send_line(f"said {line}")


KINDS = [Lines, Frames, stream]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def place(authority: Authority) -> str:
    pem = authority.certify("localhost")
    return f"tcp:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"


@pytest.fixture
def running(serving: Serving, place: str) -> Callable[..., Running]:
    def start(what: Any, *arguments: str) -> Running:
        return serving(what, f"--listen={place}", *arguments, start_tls=True)

    return start


@pytest.mark.parametrize("kind", KINDS)
async def test_all_later_input_and_output_goes_over_tls(kind, running, authority):
    started = running(kind)
    assert await deferToThread(upgraded, started.port, trusting(authority)) == SAID


async def test_tls_may_begin_after_some_work(running, authority):
    """While the author worked, nothing was read from the peer."""
    port = running(Lines).port
    assert await deferToThread(upgraded, port, trusting(authority), b"later\n") == SAID


async def slow_stream(connection: Connection) -> None:
    """Reads nothing for a moment, before TLS and after it."""
    await deferLater(reactor, 0.1)  # type: ignore[arg-type]
    while await connection.read_line() != "tls":
        pass
    connection.send_line("go on")
    await connection.start_tls()
    await deferLater(reactor, 0.3)  # type: ignore[arg-type]
    connection.send_line(f"{connection.service.metrics.value('received_bytes_total'):.0f}")
    while await connection.read_line() != "end":
        pass
    connection.send_line("ended")


async def test_reading_that_was_paused_goes_on_with_tls_and_is_paused_again(running, authority):
    """Little waits in memory, and all is read in the end."""

    def talk(port: int) -> tuple[bytes, bytes]:
        with Client(port) as client:
            # With the word that begins TLS as much as pauses reading.
            client.begin_tls(trusting(authority), b"x\n" * (READ_AHEAD // 2 - 2))
            client.socket.sendall((b"x" * 9_999 + b"\n") * 1000 + b"end\n")
            return client.line(), client.line()

    received, ended = await deferToThread(talk, running(slow_stream).port)
    assert int(received) < 2_000_000
    assert ended == b"ended\r\n"


class AtOnce(LineProtocol):
    """Begins TLS before anything was sent."""

    async def connection_made(self) -> None:
        self.made = self.peer
        await self.start_tls()
        self.send_line(f"{self.made.partition(':')[0]} then {self.peer.partition(':')[0]}")


async def stream_at_once(connection: Connection) -> None:
    before = connection.peer
    await connection.start_tls()
    connection.send_line(f"{before.partition(':')[0]} then {connection.peer.partition(':')[0]}")
    await connection.read_line()


def visited(where: int | str, context: ssl.SSLContext) -> bytes:
    with Client(where) as client:
        client.wrap(context)
        return client.line()


@pytest.mark.parametrize("kind", [AtOnce, stream_at_once])
async def test_tls_may_begin_before_the_first_line(kind, running, authority):
    port = running(kind).port
    assert await deferToThread(visited, port, trusting(authority)) == b"tcp then tls\r\n"


def told_in_plain_text(port: int, *said: bytes) -> bytes:
    with Client(port) as client:
        heard = b""
        with suppress(ConnectionResetError):
            for data in said:
                heard = client.ask(data)
        return heard + client.end()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", [b"injected\n", b"half a li", b"x" * 100_000])
async def test_plain_text_before_the_handshake_is_refused(behind, kind, running):
    """CVE-2011-0411: whoever goes on in plain text, in the same packet, is refused."""
    started = running(kind)
    with logged() as messages:
        heard = await deferToThread(told_in_plain_text, started.port, b"tls\n" + behind)
        await until(lambda: not started.service.peers, "the peer to go")
        # The log has errors that nobody has awaited as soon as they are garbage.
        gc.collect()
    assert b"said" not in heard and b"welcome" not in heard
    refused = started.service.metrics.value("connections_refused_total")
    assert refused == 1
    assert any("refused 127.0.0.1: it " in message for message in messages)
    assert not any("Traceback" in message or "Unhandled" in message for message in messages)


@pytest.mark.parametrize("kind", KINDS)
async def test_plain_text_in_place_of_a_handshake_ends_the_connection(kind, running):
    started = running(kind)
    heard = await deferToThread(told_in_plain_text, started.port, b"tls\n", b"injected\n")
    assert b"said" not in heard
    await until(lambda: not started.service.peers, "the peer to go")
    assert started.service.metrics.value("connections_refused_total", reason="tls") == 1


class Impatient(LineProtocol):
    async def line_received(self, line: str) -> None:
        self.send_line("go on")
        try:
            await self.start_tls(timeout=0.05)
        except PeerTimeout as error:
            self.service.state.error = str(error)
            raise


async def test_a_peer_that_begins_tls_too_late_is_cut_off(running):
    started = running(Impatient)
    assert await deferToThread(told_in_plain_text, started.port, b"tls\n") == b"go on\r\n"
    assert "did not begin TLS in time" in started.service.state.error


async def test_a_stop_does_not_wait_for_a_handshake(running):
    started = running(Lines)
    with Client(started.port) as client:
        assert await deferToThread(client.ask, b"tls\n") == b"go on\r\n"
        await started.stop()
        assert await deferToThread(client.end) == b""


class Working(LineProtocol):
    async def line_received(self, line: str) -> None:
        if line == "tls":
            self.send_line("go on")
            await self.start_tls()
        else:
            self.service.state.asked.callback(None)
            await deferLater(reactor, 0.2)  # type: ignore[arg-type]
            self.send_line("done")


async def test_an_answer_over_tls_goes_out_at_a_stop(running, authority):
    started = running(Working)
    asked: Deferred[None] = Deferred()
    started.service.state.asked = asked
    with Client(started.port) as client:
        await deferToThread(client.begin_tls, trusting(authority))
        client.socket.sendall(b"work\n")
        await asked
        stopped = Deferred.fromCoroutine(started.stop())
        assert await deferToThread(client.end) == b"done\r\n"
        await stopped
    assert started.service.served.cut == 0


class Twice(LineProtocol):
    async def line_received(self, line: str) -> None:
        self.send_line("go on")
        await self.start_tls()
        await self.start_tls()


async def test_tls_twice_is_an_error(running, authority):
    started = running(Twice)

    def talk() -> None:
        with Client(started.port) as client:
            client.begin_tls(trusting(authority))
            client.end()

    with logged(tracebacks=True) as messages:
        await deferToThread(talk)
        await until(lambda: not started.service.peers, "the peer to go")
    assert any("TLS already" in message for message in messages)


async def test_without_a_certificate_the_error_says_how_to_give_one(serving):
    for how, sentence in (
        ({"start_tls": True}, "privateKey=key.pem"),
        ({}, "protocol_plugin(…, start_tls=True)"),
    ):
        started = serving(Lines, **how)
        with logged(tracebacks=True) as messages:
            heard = await deferToThread(told_in_plain_text, started.port, b"tls\n")
        assert heard == b"go on\r\n"
        assert any("has no certificate" in said and sentence in said for said in messages)
        assert started.service.metrics.value("connections_failed_total") == 1


class Brings(LineProtocol):
    """Has a certificate of its own, or something else."""

    async def line_received(self, line: str) -> None:
        self.send_line("go on")
        await self.start_tls(self.service.state.certificate)
        self.send_line("welcome")


async def test_the_author_may_give_a_certificate(serving, authority):
    started = serving(Brings)
    pem = authority.certify("localhost").read_bytes()
    started.service.state.certificate = PrivateCertificate.loadPEM(pem).options()

    def talk() -> bytes:
        with Client(started.port) as client:
            client.begin_tls(trusting(authority))
            return client.line()

    assert await deferToThread(talk) == b"welcome\r\n"
    started.service.state.certificate = "cert.pem"
    with logged(tracebacks=True) as messages:
        await deferToThread(told_in_plain_text, started.port, b"tls\n")
    assert any("not 'cert.pem'" in message for message in messages)


class Flood(LineProtocol):
    """Sends far more over TLS than is read."""

    async def line_received(self, line: str) -> None:
        self.send_line("go on")
        await self.start_tls()
        while True:
            self.send_line("x" * 60000)
            self.service.state.sent += 60000
            await self.drain()


async def test_drain_over_tls_waits_for_readers(running, authority):
    """`drain` holds the author back over TLS that was begun, too; and it goes on as the peer reads."""
    started = running(Flood)
    state = started.service.state
    state.sent = 0
    with Client(started.port) as client:
        await deferToThread(client.begin_tls, trusting(authority))
        before = -1
        while before != state.sent:
            before = state.sent
            await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        assert 0 < before < 64 << 20

        def read() -> None:
            wanted = before + 100_000
            while wanted > 0:
                wanted -= len(client.socket.recv(65536))

        await deferToThread(read)
        await until(lambda: state.sent > before, "the author to go on")


def test_starting_tls_in_memory_is_an_error():
    with logged(tracebacks=True) as messages:
        peer = MemoryService(Lines, start_tls=True).connect()
        peer.feed(b"tls\n")
        assert peer.received() == b"go on\r\n" and peer.closed
    assert any("TLS cannot be begun over MemoryTransport" in message for message in messages)


def test_a_certificate_that_no_protocol_uses_is_refused(authority):
    """A listener whose certificate nobody uses is refused: all would be in plain text."""
    pem = authority.certify("localhost")
    with pytest.raises(ConfigurationError, match="this protocol never begins TLS"):
        MemoryService(Lines, f"--listen=tcp:7000:privateKey={pem}")


class WhoAmI(LineProtocol):
    async def line_received(self, line: str) -> None:
        if line == "tls":
            self.send_line("go on")
            await self.start_tls()
        name = self.certificate.name if self.certificate else "nobody"
        host = self.peer.partition(":")[2].rpartition(":")[0]
        self.send_line(f"{name} at {host}; named {'dns=' in self.peer}")


@pytest.fixture
def pem(authority: Authority) -> Path:
    return authority.certify("localhost")


def tcp(pem: Path, words: str = "") -> str:
    return f"--listen=tcp:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}{words}"


def who_am_i(port: int, context: Any, before: bytes = b"") -> bytes:
    with Client(port) as client:
        client.begin_tls(context, before)
        try:
            return client.line()
        except OSError:
            return b""


async def test_who_shows_a_certificate_is_known_by_it(serving, authority, pem):
    """Its name is the peer's from then on; who shows none, or a stranger's, is refused and counted."""
    started = serving(WhoAmI, tcp(pem, f":clientca={authority.cafile}"), start_tls=True)
    shown = trusting(authority, authority.certify("shop.example"))
    heard = await deferToThread(who_am_i, started.port, shown)
    assert heard == b"shop.example at 127.0.0.1; named True\r\n"
    with logged() as messages:
        assert await deferToThread(who_am_i, started.port, trusting(authority)) == b""
        await until(lambda: not started.service.peers, "the peer to go")
    metrics = started.service.metrics
    assert metrics.value("connections_refused_total", reason="certificate") == 1
    assert any("it shows no certificate" in message for message in messages)


async def test_behind_a_proxy_the_client_begins_tls(serving, authority, pem):
    """What its PROXY header says is in plain text; the client it names stays the peer."""
    listen = tcp(pem).replace("tcp:", "haproxy:tcp:")
    started = serving(WhoAmI, listen, start_tls=True)
    header = b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 25\r\n"
    heard = await deferToThread(who_am_i, started.port, trusting(authority), header)
    assert heard == b"nobody at 10.0.0.1; named False\r\n"
    await until(lambda: not started.service.peers, "the peer to go")


async def test_tls_can_begin_on_a_unix_socket(serving, authority, pem, tmp_path):
    path = str(tmp_path / "s")
    serving(Lines, f"--listen=unix:{path}:privateKey={pem}:certKey={pem}", start_tls=True)
    assert await deferToThread(upgraded, path, trusting(authority)) == SAID


async def test_limits_hold_with_start_tls(serving, authority, pem):
    """What one may send in a second is counted where it is decrypted, and silence is noticed."""
    limits = ("--peer-bytes=30KiB", "--peer-lines=100", "--idle-timeout=60s")
    started = serving(Lines, tcp(pem), *limits, start_tls=True)
    assert await deferToThread(upgraded, started.port, trusting(authority)) == SAID
    assert started.service.metrics.value("connections_slowed_total") >= 1


async def test_what_a_limit_held_back_is_plain_text_as_well(serving, authority, pem):
    """Lines that were not handed on yet when TLS began are not those of TLS."""
    started = serving(Lines, tcp(pem), "--peer-lines=1", start_tls=True)

    def talk() -> bytes:
        with Client(started.port) as client:
            client.socket.sendall(b"tls\n" + b"injected\n" * 20)
            return client.end()

    assert b"said" not in await deferToThread(talk)
    metrics = started.service.metrics
    assert metrics.value("connections_refused_total", reason="plain_text") == 1


@pytest.mark.slow
async def test_silence_ends_a_connection(serving, authority, pem):
    """Who says nothing over TLS, or never begins it, is closed after --idle-timeout."""
    started = serving(Lines, tcp(pem), "--idle-timeout=1s", start_tls=True)

    def talk(wraps: bool) -> bytes:
        with Client(started.port) as client:
            client.ask(b"tls\n")
            if wraps:
                client.wrap(trusting(authority))
                client.line()
            return client.end()

    for wraps in (True, False):
        assert await deferToThread(talk, wraps) == b""
    assert started.service.metrics.value("connections_idle_total") == 2


async def test_a_reload_takes_the_certificate_that_was_saved(serving, authority, pem):
    """For who begins TLS from then on; one that is damaged is refused with a sentence."""
    started = serving(WhoAmI, tcp(pem), start_tls=True)

    def serial() -> object:
        with Client(started.port) as client:
            client.begin_tls(trusting(authority))
            return client.socket.getpeercert()["serialNumber"]  # type: ignore[attr-defined]

    before = await deferToThread(serial)
    authority.certify("localhost")
    await started.service.reloads.reload_once()
    renewed = await deferToThread(serial)
    assert renewed != before
    pem.write_text("nothing\n")
    with pytest.raises(Exception, match="cannot be used"):
        await started.service.reloads.reload_once()
    assert await deferToThread(serial) == renewed
