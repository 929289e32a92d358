"""Lines in datagrams over real sockets: every answer reaches the one who asked, and nobody gets many."""

import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit import DatagramLines, Datagrams, PeerError, Sender, protocol_plugin
from logsrv.kit.testing import MemoryService, Running
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.reactor import REACTOR, logged, until
from tests.parts.talking import carry

pytest_plugins = ["logsrv.kit.testing.fixtures"]


class Shout(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        if line == "boom":
            raise RuntimeError("as asked")
        self.send_line(f"{peer.source.partition(':')[0]} {line.upper()}", peer)


def asking(family: int, mine: Any, where: Any) -> Callable[..., list[bytes]]:
    """Sends from a socket of its own, and waits for a number of answers."""

    def ask(data: bytes, answers: int = 1) -> list[bytes]:
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            if mine is not None:
                client.bind(mine)
            client.sendto(data, where)
            return [client.recv(65536) for _ in range(answers)]

    return ask


@pytest.mark.parametrize("interface", ["127.0.0.1", r"\:\:1", r"\:\:"])
async def test_a_udp_datagram_is_answered(serving, interface):
    """IPv4, IPv6, and IPv4 at a socket that takes both."""
    running = serving(Shout, "--listen", f"udp:0:interface={interface}")
    host = "::1" if interface == r"\:\:1" else "127.0.0.1"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ask = asking(family, None, (host, running.port))
    assert await deferToThread(ask, b"one\r\ntwo\n", 2) == [b"udp ONE\r\n", b"udp TWO\r\n"]


@pytest.mark.parametrize("mine", ["client é.sock", "\0abstract name"])
async def test_a_unix_datagram_is_answered(serving, tmp_path, mine):
    """A sender that has bound a name gets its answer, whatever is in the name."""
    path = str(tmp_path / "server")
    serving(Shout, "--listen", f"unixgram:{path}")
    name = mine if mine.startswith("\0") else str(tmp_path / mine)
    assert await deferToThread(asking(socket.AF_UNIX, name, path), b"x") == [b"unix X\r\n"]


async def test_bad_datagrams_are_counted_and_harm_nobody(serving, tmp_path):
    """An error is counted and harms no other; a line too long is dropped; nobody there: unsent."""
    path = str(tmp_path / "server")
    running = serving(
        Shout, "--listen", "udp:0:interface=127.0.0.1", "--listen", f"unixgram:{path}",
        "--max-line", "10",
    )  # fmt: skip
    ask = asking(socket.AF_INET, None, ("127.0.0.1", running.port))
    await deferToThread(ask, b"boom", 0)
    await deferToThread(asking(socket.AF_UNIX, None, path), b"nameless", 0)
    # What came before is dealt with when this is answered: the sockets are read in turn.
    for _ in range(2):
        assert await deferToThread(ask, b"x" * 11 + b"\nok") == [b"udp OK\r\n"]
    value = running.service.metrics.value
    assert value("datagrams_failed_total") == 1
    assert value("datagrams_unsent_total") == 1
    assert value("oversize_lines_total") == 2
    assert value("dropped_bytes_total") == 22


async def test_a_line_is_measured_in_bytes(serving):
    """As over a connection: whatever it becomes as text, its ending not counted."""
    running = serving(Shout, "--listen", "udp:0:interface=127.0.0.1", "--max-line", "10")
    ask = asking(socket.AF_INET, None, ("127.0.0.1", running.port))
    fitting = "ééééé"
    assert await deferToThread(ask, f"{fitting}x\n{fitting}\r\n".encode()) == [
        f"udp {fitting.upper()}\r\n".encode()
    ]
    # Of what is no text, each byte becomes a character of three.
    assert await deferToThread(ask, b"\xff" * 10) == [f"udp {chr(0xFFFD) * 10}\r\n".encode()]
    assert running.service.metrics.value("oversize_lines_total") == 1
    assert running.service.metrics.value("dropped_bytes_total") == 11


async def test_reload_and_stop_leave_no_socket(serving):
    """A stopped service has closed the descriptor it answered with."""
    running = serving(Shout, "--listen", "udp:0:interface=127.0.0.1")
    port = running.port
    await deferToThread(asking(socket.AF_INET, None, ("127.0.0.1", port)), b"x")
    await running.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))


ONE_WITHHELD = "it had 3 answers at once, then 0.001 a second (--max-answers)"


class Sparing(Shout):
    max_answers = 0.001
    answer_burst = 3


class Weary(Shout):
    """By default it would answer ten more each second: on a slow machine that is as much as is asked."""

    max_answers = 0.001


class Shortening(Sparing):
    def shorten_answer(self, data: bytes) -> bytes:
        return data[:1]


def test_the_log_says_that_answers_are_shorter():
    service = MemoryService(Shortening)
    sender = service.sender("192.0.2.1", 4000)
    with logged() as messages:
        sender.send(*[b"long"] * 4)
    assert [len(answer) for answer in sender.received()][-1] == 1
    assert messages == [f"udp:7000 answers 192.0.2.1 shorter: {ONE_WITHHELD}"]


class Suspicious(Shout):
    """Every port that there is counts as one of echo, chargen and the like."""

    lowest_port = 65536


async def test_the_answers_to_one_address_are_limited(serving, tmp_path):
    """From whichever of its ports; others are answered as before, and the operator is told."""
    path = str(tmp_path / "server")
    running = serving(
        Sparing, "--listen", "udp:0:interface=127.0.0.1", "--listen", f"unixgram:{path}"
    )
    udp = str(running.service.settings.listen[0])
    ask = asking(socket.AF_INET, None, ("127.0.0.1", running.port))
    with logged() as messages:
        for _ in range(3):
            assert await deferToThread(ask, b"x") == [b"udp X\r\n"]
        await deferToThread(ask, b"x\nx\nx", 0)
        # The sockets are read in turn: when this is answered twice, that was dealt with.
        local = asking(socket.AF_UNIX, str(tmp_path / "mine"), path)
        assert await deferToThread(local, b"x\nx\nx", 3) == [b"unix X\r\n"] * 3
        value = running.service.metrics.value
        await until(
            lambda: value("answers_withheld_total", listener=udp, reason="rate") == 3, "the limit"
        )
    assert messages == [f"{udp} does not answer 127.0.0.1: {ONE_WITHHELD}"]


async def test_ports_of_services_that_answer_anything_are_not_answered(serving):
    running = serving(Suspicious, "--listen", "udp:0:interface=127.0.0.1")
    await deferToThread(asking(socket.AF_INET, None, ("127.0.0.1", running.port)), b"x", 0)
    value = running.service.metrics.value
    await until(lambda: value("answers_withheld_total", reason="port") == 1, "the datagram")


async def test_two_servers_of_any_plugin_do_not_answer_each_other_for_ever(serving):
    """What one says is carried to the other, as if each had asked: it ends with the default burst."""
    running = [serving(Weary, "--listen", "udp:0:interface=127.0.0.1") for _ in range(2)]
    ports = [one.port for one in running]
    carried = await deferToThread(carry, ports, lambda: any(map(withheld, running)))
    assert carried <= 2 * DatagramLines.answer_burst + 10


def withheld(running: Running) -> float:
    value: float = running.service.metrics.value("answers_withheld_total")
    return value


class Patient(DatagramLines):
    async def line_received(self, line: str, peer: Sender) -> None:
        await deferLater(REACTOR, 0)
        if line == "rude":
            raise PeerError("mind your words")
        if line == "boom":
            raise RuntimeError("as asked")
        self.send_line(line.upper(), peer)


async def test_a_datagram_may_be_answered_by_a_coroutine(serving):
    """Its failures are counted as others are; the peer's own is a sentence without a traceback."""
    running = serving(Patient, "--listen", "udp:0:interface=127.0.0.1")
    ask = asking(socket.AF_INET, None, ("127.0.0.1", running.port))
    with capturedLogs() as events:
        await deferToThread(ask, b"rude\nboom", 0)
        assert await deferToThread(ask, b"ok") == [b"OK\r\n"]
    assert running.service.metrics.value("datagrams_failed_total") == 1
    assert running.service.metrics.value("datagrams_faulty_total") == 1
    assert len([event for event in events if "log_failure" in event]) == 1
    assert any("mind your words" in formatEvent(event) for event in events)


class ShoutLines(DatagramLines):
    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line.upper(), peer)


def test_line_received_gets_lines_one_by_one():
    service = MemoryService(ShoutLines, "--listen", "udp:1", "--max-line", "5")
    sender = service.sender()
    sender.send(b"one\r\ntoo long\ntwo\n")
    assert sender.received() == [b"ONE\r\n", b"TWO\r\n"]
    sender.send(b"far too long")
    assert sender.received() == []
    assert service.metric("oversize_lines_total") == 2


def test_a_handler_that_exits_has_failed():
    """As argparse does for wrong words: one datagram must not end the listener."""

    class Exit(DatagramLines):
        def line_received(self, line: str, peer: Sender) -> None:
            self.send_line(line, peer) if line else sys.exit(2)

    service = MemoryService(Exit, "--listen", "udp:1")
    sender = service.sender()
    sender.send(b"\n")
    sender.send(b"ok\n")
    assert sender.received() == [b"ok\r\n"]
    assert service.metric("datagrams_failed_total") == 1


def test_lines_received_gets_all_lines_of_a_datagram():
    class Count(DatagramLines):
        def lines_received(self, lines: list[str], peer: Sender) -> None:
            self.send_line(str(len(lines)), peer)

    sender = MemoryService(Count, "--listen", "udp:1").sender()
    sender.send(b"a\nb\n\n")
    assert sender.received() == [b"3\r\n"]


def test_a_line_does_not_wait_for_the_one_before():
    work: Deferred[None] = Deferred()

    class Slow(DatagramLines):
        async def line_received(self, line: str, peer: Sender) -> None:
            if line == "slow":
                await work
            self.send_line(line, peer)

    sender = MemoryService(Slow, "--listen", "udp:1").sender()
    sender.send(b"slow\nfast")
    assert sender.received() == [b"fast\r\n"]


class Names(Datagrams):
    """As a DNS server: beyond its limit a client is told to ask by TCP."""

    max_answers = 1.0
    answer_burst = 2

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        self.send(data + b" is at 192.0.2.1" if data != b"?" else b"no", peer)

    def shorten_answer(self, data: bytes) -> bytes | None:
        return b"cut" if not data.startswith(b"never") else None


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        (b"a", [b"a is at 192.0.2.1"] * 2 + [b"cut"] * 2),
        (b"never", [b"never is at 192.0.2.1"] * 2),
        (b"?", [b"no"] * 2),
    ],
    ids=["shortened", "not shortened", "not shorter"],
)
def test_answers_beyond_the_limit_may_be_made_shorter(question, answers):
    """As many are sent as of the whole ones, and none that is not shorter; other peers get whole ones."""
    service = MemoryService(protocol_plugin("names", datagrams=Names, listen="udp:7000"))
    sender, other = service.sender("192.0.2.7", 5000), service.sender("192.0.2.8", 5000)
    sender.send(*[question] * 7)
    assert sender.received() == answers
    shortened = answers.count(b"cut")
    withheld = [
        service.metric("answers_withheld_total", reason=one) for one in ("rate", "shortened")
    ]
    assert withheld == [7 - len(answers), shortened]
    other.send(question)
    assert other.received() == answers[:1]
    service.clock.advance(1)
    sender.send(question, question)
    assert sender.received() == [answers[0], *[b"cut"] * bool(shortened)]
