"""A server may hang, dribble, flood or go away at any point: the clock and the queue end it."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.gopher.fetch.exchange import HIGH_WATER, Exchange
from logsrv.gopher.fetch.settings import Timeouts
from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.wire.errors import GopherError, ServerError, TimedOut, Truncated
from logsrv.gopher.wire.response import ResponseReader
from logsrv.gopher.wire.url import GopherURL

URL = GopherURL.parse("gopher://h/0/x")
TIMEOUTS = Timeouts(connect=1, first_byte=2, between=3, whole=10)


class Talk:
    """An exchange, its clock and its transport."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.exchange = Exchange(
            cast(IReactorTime, self.clock),
            URL,
            URL.request(),
            ResponseReader(URL),
            TIMEOUTS,
            Trust(),
        )
        self.exchange.makeConnection(cast(Any, self.transport))

    def lose(self, reason: type[Exception] = ConnectionDone) -> None:
        self.exchange.connectionLost(Failure(reason()))

    def next_chunk(self) -> Deferred[bytes]:
        return Deferred.fromCoroutine(self.exchange.next_chunk())

    def read(self) -> bytes | type[GopherError]:
        """What is there without waiting, or the error."""
        found: list[Any] = []
        self.next_chunk().addBoth(found.append)
        assert found, "it waits for the server"
        (result,) = found
        return cast(type[GopherError], result.type) if isinstance(result, Failure) else result


def test_the_request_is_sent_and_the_answer_read() -> None:
    talk = Talk()
    assert talk.transport.value() == b"/x\r\n"
    waiting = talk.next_chunk()
    talk.exchange.dataReceived(b"some")
    assert cast(bytes, waiting.result) == b"some"
    talk.lose()
    assert talk.read() == b""
    assert talk.exchange.ended.called and not talk.clock.getDelayedCalls()


def test_silence_before_the_first_byte_is_a_time_out() -> None:
    talk = Talk()
    talk.clock.advance(1.9)
    assert not talk.exchange.ended.called
    talk.clock.advance(0.2)
    assert cast(Failure, talk.exchange.opened.result).type is TimedOut
    assert talk.read() is TimedOut
    assert talk.transport.disconnected
    talk.exchange.opened.addErrback(lambda _: None)


def test_silence_in_the_middle_is_a_time_out_behind_what_came() -> None:
    talk = Talk()
    talk.exchange.dataReceived(b"half")
    talk.clock.advance(2.9)
    talk.exchange.dataReceived(b" of it")
    talk.clock.advance(2.9)
    assert not talk.exchange.ended.called
    talk.clock.advance(0.2)
    assert [talk.read(), talk.read(), talk.read()] == [b"half", b" of it", TimedOut]


def test_a_byte_now_and_then_does_not_keep_a_menu_open_for_ever() -> None:
    talk = Talk()
    talk.exchange.dataReceived(b"x")
    talk.exchange.limit_whole()
    for _ in range(10):
        talk.clock.advance(1)
        talk.exchange.dataReceived(b"x")
    assert talk.exchange.ended.called
    assert not talk.clock.getDelayedCalls()


def test_a_flood_is_held_back_until_somebody_reads() -> None:
    talk = Talk()
    chunk = b"x" * 65536
    sent = 0
    while talk.transport.producerState == "producing" and sent < 100 * len(chunk):
        talk.exchange.dataReceived(chunk)
        sent += len(chunk)
    assert HIGH_WATER < sent <= HIGH_WATER + len(chunk)
    talk.clock.advance(1000)  # a slow reader is not the server's fault
    assert not talk.exchange.ended.called
    while talk.transport.producerState == "paused":
        assert talk.read() == chunk
    talk.clock.advance(2.9)
    talk.exchange.dataReceived(chunk)
    assert talk.read() == chunk
    talk.clock.advance(3.1)
    assert talk.read() is TimedOut


def test_a_reset_is_an_error_behind_what_came() -> None:
    talk = Talk()
    talk.exchange.dataReceived(b"half")
    talk.lose(ConnectionLost)
    assert talk.exchange.opened.called
    assert [talk.read(), talk.read()] == [b"half", Truncated]


def test_an_end_that_a_proxy_library_packed_is_still_an_end() -> None:
    class Packed(Exception):
        message = Failure(ConnectionDone())

    talk = Talk()
    talk.exchange.dataReceived(b"all")
    talk.lose(Packed)
    assert [talk.read(), talk.read()] == [b"all", b""]


def test_a_reset_before_the_first_byte_fails_the_opening() -> None:
    talk = Talk()
    talk.lose(ConnectionLost)
    with pytest.raises(Truncated):
        cast(Failure, talk.exchange.opened.result).raiseException()
    talk.exchange.opened.addErrback(lambda _: None)


def test_an_error_of_the_server_fails_the_opening() -> None:
    talk = Talk()
    talk.exchange.dataReceived(b"3no\t\terror.host\t1\r\n")
    talk.lose()
    assert cast(Failure, talk.exchange.opened.result).type is ServerError
    talk.exchange.opened.addErrback(lambda _: None)


def test_closing_lets_go_of_everything() -> None:
    talk = Talk()
    talk.exchange.dataReceived(b"x")
    talk.exchange.limit_whole()
    talk.exchange.close()
    assert talk.transport.disconnected and not talk.clock.getDelayedCalls()
    talk.exchange.dataReceived(b"late")
    talk.lose()
    assert [talk.read(), talk.read()] == [b"x", b""]
