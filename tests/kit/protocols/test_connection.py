"""How conversations go and end, and who is told what, over real sockets and in memory."""

import gc
import socket
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from logsrv.kit import Connection, LineProtocol, PeerError
from logsrv.kit.protocols._connection import LAST_WORDS_SECONDS
from logsrv.kit.protocols.faults import wrong_value_text
from logsrv.kit.testing import MemoryService, serve
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import certificate_file
from tests.parts.listening import unverified
from tests.parts.talking import State, Talk, converse

pytest_plugins = ["logsrv.kit.testing.fixtures"]


async def test_a_dismissed_peer_gets_the_reason(serving):
    """A peer that is still sending when it is dismissed reads the sentence, and no reset."""
    running = serving(Talk, "--max-line", "100", state=State)
    why = await deferToThread(
        converse, running.port, b"x" * 1000, b"y" * 20_000_000, half_close=True
    )
    assert why == b"a line is longer than 100 bytes; closing the connection\r\n"


def test_peer_error_is_the_peers_fault():
    """An author raises PeerError: the peer gets the sentence, the log no traceback."""
    service = MemoryService(Talk, state=State)
    with capturedLogs() as events:
        peer = service.connect()
        peer.feed(b"a\nrefuse\nb\n")
        assert peer.received() == b"said a\r\nnot with you\r\n"
        assert peer.closed
    assert not [event for event in events if "log_failure" in event]
    assert service.metric("connections_cut_total", reason="peer_error") == 1


def test_every_log_message_names_the_peer():
    """`self.log` puts the peer before each message, and in the event as a field."""

    class Chatty(LineProtocol):
        def line_received(self, line: str) -> None:
            self.log.info("said {line}", line=line)

    with capturedLogs() as events:
        MemoryService(Chatty).connect().feed(b"hi\n")
    event = next(event for event in events if event.get("line") == "hi")
    assert event["log_format"] == "{peer}: said {line}"
    assert event["peer"] == "tcp:127.0.0.1:50000"


@pytest.mark.slow
@pytest.mark.parametrize("size", [5, 100_000, 30_000_000])
async def test_last_words_arrive_whole(serving, size):
    """Words said at once and closed arrive to the last byte, also when no buffer holds them; and the
    plugin hears of the end only when its own call has returned.
    """
    running = serving(Talk, state=State)
    running.service.state.words = "x" * size
    assert len(await deferToThread(converse, running.port)) == size + 2
    assert running.service.state.ended == [("Connection was closed cleanly.", True)]


async def test_answers_are_not_lost_at_half_close(serving):
    """`printf … | nc`: all lines are answered, the unfinished one too."""
    running = serving(Talk, state=State)
    lines = b"".join(b"%d\n" % number for number in range(50_000)) + b"end"
    received = await deferToThread(converse, running.port, lines, half_close=True)
    assert received.count(b"\n") == 50_001
    assert received.endswith(b"said end\r\n")


async def fetched() -> str:
    return "something"


SLIPS: dict[str, Callable[[Any], object]] = {
    "send_line takes str, not None": lambda peer: peer.send_line(None),
    "send_line takes str, not b'x'": lambda peer: peer.send_line(b"x"),
    "send_line takes str, not the coroutine of fetched: `await` it first": lambda peer: (
        peer.send_line(fetched())
    ),
    "write takes bytes, not 'x'": lambda peer: peer.write("x"),
    "write takes bytes, not None": lambda peer: peer.write(None),
    "close takes str, not 5": lambda peer: peer.close(5),
}
LATER = "later takes a function and its arguments, not the coroutine of fetched: `await` it first"


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [(kind, sentence) for kind in ("lines", "stream") for sentence in (*SLIPS, LATER)],
)
def test_sending_a_wrong_type_raises_type_error(kind, sentence):
    """In one sentence, from where it was given; all that was sent before arrives."""
    slip = SLIPS.get(sentence, lambda peer: peer.later(1, fetched()))

    class Lines(LineProtocol):
        def line_received(self, line: str) -> None:
            self.send_line("before")
            slip(self)

    async def stream(connection: Connection) -> None:
        await connection.read_line()
        connection.send_line("before")
        slip(connection)

    with capturedLogs() as events:
        peer = MemoryService(Lines if kind == "lines" else stream).connect()
        peer.feed(b"x\n")
        assert peer.received() == b"before\r\n"
        assert peer.closed
    failures = [event["log_failure"] for event in events if "log_failure" in event]
    assert [str(failure.value) for failure in failures] == [sentence]
    assert failures[0].getTraceback().count("test_connection.py")


@pytest.mark.parametrize("slip", [None, 5, b"x"])
@pytest.mark.parametrize("error", [None, ValueError("a bug"), PeerError("not with you")])
def test_sending_a_wrong_type_ends_only_that_connection(slip, error):
    """Whatever else goes wrong in the same call: it is counted, and the connection is closed."""

    class Slip(LineProtocol):
        def line_received(self, line: str) -> None:
            if line == "slip":
                try:
                    self.send_line(slip)
                finally:
                    if error is not None:
                        raise error
            self.send_line(line)

    service = MemoryService(Slip)
    peer = service.connect()
    peer.feed(b"slip\n")
    assert peer.closed
    assert service.metric("connections_failed_total") + service.metric("connections_cut_total") == 1


def test_a_peer_that_does_not_read_its_last_words_is_cut_off():
    """Also when they are the first words: a peer that reads nothing is cut off after a while."""
    service = MemoryService(Talk, state=State)
    service.service.state.words = "x" * 100_000
    peer = service.connect(reads=False)
    service.clock.advance(LAST_WORDS_SECONDS - 1)
    assert not peer.closed
    service.clock.advance(1)
    assert peer.closed


def test_a_timer_of_a_closed_connection_does_not_fire():
    """`later` ends with the connection, also when the connection has ended before."""
    service = MemoryService(Talk, state=State)
    peer = service.connect()
    protocol: Any = peer.protocol
    for seconds in (1, 2):
        protocol.later(seconds, protocol.send_line, f"after {seconds} s")
    service.clock.advance(1)
    assert peer.received().endswith(b"after 1 s\r\n")
    peer.disconnect()
    assert service.clock.getDelayedCalls() == []
    assert not protocol.later(1, protocol.send_line, "nobody reads this").active()
    assert service.clock.getDelayedCalls() == []


def test_cancelled_timers_are_forgotten():
    """Those that the author has cancelled do not wait for the end of the connection."""
    service = MemoryService(Talk, state=State)
    protocol: Any = service.connect().protocol
    forgotten: list[weakref.ref[object]] = []
    for _ in range(1000):
        timer = protocol.later(60, protocol.send_line, "no line for a minute")
        forgotten.append(weakref.ref(timer))
        timer.cancel()
    last = protocol.later(60, protocol.send_line, "no line for a minute")
    del timer
    gc.collect()
    assert sum(one() is not None for one in forgotten) < 50
    assert last.active()


def test_a_closed_connection_can_still_be_used():
    """Nothing that an author does after the end is an error, and what is sent is dropped."""
    peer = MemoryService(Talk, state=State).connect()
    peer.disconnect()
    protocol: Any = peer.protocol
    protocol.send_line("x")
    protocol.write(b"x")
    protocol.close("bye")
    assert protocol.peer == "tcp:127.0.0.1:50000"
    assert not peer.transport.buffer


def test_drain_on_a_closed_connection_fails():
    """Who writes and drains for ever hears of the end, even if it did not wait when that came."""
    peer = MemoryService(Talk, state=State).connect()
    peer.disconnect()
    failed: list[Failure] = []
    peer.protocol.drain().addErrback(failed.append)  # type: ignore[union-attr]
    assert failed[0].check(PeerError)


def test_drain_waits_on_when_the_room_is_taken_at_once():
    """A line that had to wait is answered first; that may fill the transport again."""

    class Long(LineProtocol):
        def line_received(self, line: str) -> None:
            peer.stop_reading()
            self.send_line("x" * 100_000)

    peer = MemoryService(Long).connect()
    peer.feed(b"one\ntwo\n")
    drained = peer.protocol.drain()  # type: ignore[union-attr]
    peer.start_reading()
    assert not drained.called
    peer.start_reading()
    assert drained.called


def test_a_closed_connection_leaves_no_reference_cycle():
    """A connection that has gone is freed when nobody uses it any more."""
    peer = MemoryService(Talk, state=State).connect()
    peer.feed(b"hello\n")
    peer.stop_reading()
    # It fills the transport, and more waits.
    peer.protocol.write(b"x" * 100_000)  # type: ignore[union-attr]
    peer.protocol.write(b"x")  # type: ignore[union-attr]
    peer.disconnect()
    protocol = weakref.ref(peer.protocol)  # type: ignore[arg-type]
    gc.disable()
    try:
        peer.protocol = None
        assert protocol() is None
    finally:
        gc.enable()


def test_long_values_are_cut():
    assert wrong_value_text("x" * 1000) == "'" + "x" * 59


def test_a_coroutine_that_nobody_awaited_is_said_once():
    async def fetched() -> str:
        return ""

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sentence = wrong_value_text(fetched())
    assert sentence.endswith("fetched: `await` it first")


def test_settings_apply_to_connections_to_come():
    """The connection log is switched on and off, and a new limit is the new format's."""
    service = MemoryService(LineProtocol, "--log-connections", "--max-line", "7")
    context = service.service.make_factory("tcp:7")
    context.apply(service.service.settings)
    assert context.connection_log is not None
    assert context.line_format.max_line == 7
    context.apply(MemoryService(LineProtocol).service.settings)
    assert context.connection_log is None
    assert context.line_format.max_line == 65536


PLAIN, TLS = "tcp:0:interface=127.0.0.1", "ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}"


def connected(port: int, *, tls: bool) -> socket.socket:
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    peer.connect(("127.0.0.1", port))
    if not tls:
        return peer
    return unverified().wrap_socket(peer)


# Twisted's own use of pyOpenSSL.
@pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")
@pytest.mark.parametrize("listen", [PLAIN, TLS])
async def test_a_drain_before_the_handshake_ends_after_it(listen, tmp_path):
    class Patient(LineProtocol):
        async def connection_made(self) -> None:
            for _ in range(300):
                self.send_line("x" * 10_000)
                await self.drain()
            self.close("all")

    def received(port: int) -> bytes:
        data = bytearray()
        with connected(port, tls=listen == TLS) as peer:
            peer.settimeout(PATIENCE)
            while chunk := peer.recv(1 << 16):
                data += chunk
        return bytes(data)

    pem = certificate_file(tmp_path / "pem")
    async with serve(Patient, "--listen", listen.format(pem=pem)) as running:
        found: Any = await deferToThread(received, running.port)
    assert len(found) == 300 * 10_002 + len("all\r\n")
