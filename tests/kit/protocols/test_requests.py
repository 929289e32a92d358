"""RequestProtocol as an author and a peer see it, over connections in memory; `--max-answers`."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs

from logsrv.errors import LogsrvError
from logsrv.kit import (
    DatagramLines,
    Datagrams,
    LineProtocol,
    PeerError,
    RequestError,
    RequestProtocol,
    Sender,
    protocol_plugin,
)
from logsrv.kit.testing import MemoryService


class Sums(RequestProtocol):
    pending: list[Deferred[str]] = []

    def request_received(self, request: str) -> Any:
        if request == "later":
            self.pending.append(Deferred())
            return self.pending[-1]
        if request == "bytes":
            return b"raw"
        if request == "silence":
            return None
        if request == "bug":
            raise ZeroDivisionError
        if not request.isdecimal():
            raise RequestError("not a number")
        return str(int(request) + 1)


def test_requests_are_answered_in_order():
    """Pipelined requests get their answers in their order, also when one takes its time."""
    peer = MemoryService(Sums).connect()
    peer.feed(b"1\nlater\n2\nbytes\nsilence\n3\n")
    assert peer.received() == b"2\r\n"
    Sums.pending.pop().callback("now")
    assert peer.received() == b"now\r\n3\r\nraw4\r\n"


def test_requests_that_fail_are_answered_and_the_connection_goes_on():
    """The peer's mistake gets its sentence; ours gets the line for that, and is counted."""
    service = MemoryService(Sums)
    peer = service.connect()
    peer.feed(b"x\nbug\nlater\n1\n")
    Sums.pending.pop().errback(RequestError("too late"))
    assert peer.received().splitlines() == [
        b"error: not a number",
        b"error: the server failed to answer this",
        b"error: too late",
        b"2",
    ]
    assert not peer.closed
    assert service.metric("requests_failed_total") == 1


def test_a_wrong_answer_is_an_error_with_a_sentence():
    class Number(RequestProtocol):
        def request_received(self, request: str) -> Any:
            return 5

    with capturedLogs() as events:
        MemoryService(Number).connect().feed(b"x\n")
    [event] = [event for event in events if "log_failure" in event]
    assert "gave 5; it has to be str, bytes, None or" in str(event["log_failure"].value)


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_peer_that_broke_a_rule_is_dismissed(when):
    """A PeerError that is no RequestError goes to the connection, and the plugin is not to blame."""

    class Strict(RequestProtocol):
        def request_received(self, request: str) -> Any:
            error = PeerError("not with you")
            if when == "at once":
                raise error
            return fail(error)

    service = MemoryService(Strict)
    peer = service.connect()
    peer.feed(b"x\ny\n")
    assert peer.received() == b"not with you\r\n"
    assert peer.closed
    assert service.metric("requests_failed_total") == 0
    assert service.metric("connections_cut_total", reason="peer_error") == 1


def test_a_peer_that_leaves_during_its_answer_is_no_failure():
    """Who waits for room to answer in, and gets none, need not handle that."""

    class Long(RequestProtocol):
        async def request_received(self, request: str) -> None:
            self.send_line("x" * 100_000)
            await self.drain()

    service = MemoryService(Long)
    peer = service.connect(reads=False)
    with capturedLogs() as events:
        peer.feed(b"x\n")
        peer.disconnect()
    assert not [event for event in events if "log_failure" in event]
    assert service.metric("requests_failed_total") == 0


class Echo(DatagramLines):
    answer_burst = 1

    def line_received(self, line: str, peer: Sender) -> None:
        self.send_line(line, peer)


class Unlimited(Echo):
    max_answers = None


class Slow(Datagrams):
    max_answers = 0.5
    answer_burst = 1

    def datagram_received(self, data: bytes, peer: Sender) -> None:
        self.send(data, peer)


def answers_in_ten_seconds(service: MemoryService, to: str | None = None) -> int:
    sender = service.sender(to=to)
    for _ in range(80):
        sender.send(b"x")
        service.clock.advance(0.125)
    return len(sender.received())


@pytest.mark.parametrize(
    ("protocol", "arguments", "answers"),
    [
        (Echo, [], 80),
        (Echo, ["--max-answers", "4"], 40),
        (Echo, ["--max-answers", "0.1"], 1),
        (Echo, ["--max-answers", "off"], 80),
        (Unlimited, [], 80),
        (Unlimited, ["--max-answers", "2"], 20),
        (Slow, [], 5),
        (Slow, ["--max-answers", "1"], 10),
        (Slow, ["--max-answers", "off"], 80),
    ],
)
def test_the_operators_limit_replaces_that_of_the_class(protocol, arguments, answers):
    service = MemoryService(protocol, *arguments)
    assert answers_in_ten_seconds(service) == pytest.approx(answers, abs=2)


def test_each_class_has_its_own_limit_without_the_option():
    plugin = protocol_plugin(
        "two", Unlimited, listeners={"slow": Slow}, listen=("udp:1", "slow:udp:2")
    )
    service = MemoryService(plugin)
    assert answers_in_ten_seconds(service, "udp:1") == 80
    assert answers_in_ten_seconds(service, "slow") < 8


def test_a_reload_changes_it():
    service = MemoryService(Slow)
    service.reload(max_answers=None)
    assert answers_in_ten_seconds(service) == 80


@pytest.mark.parametrize("wrong", ["0", "-1", "many", "1e3", "", "nan", "inf"])
def test_a_wrong_limit_is_one_sentence(wrong):
    with pytest.raises((LogsrvError, SystemExit), match="max-answers"):
        MemoryService(Echo, f"--max-answers={wrong}")


def test_a_plugin_without_datagrams_has_no_such_option():
    with pytest.raises((LogsrvError, SystemExit), match="max-answers"):
        MemoryService(LineProtocol, "--max-answers", "5")
