"""The target `relp:`: each line is acknowledged, refused, or sent again."""

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from logsrv.kit.connections.client_tls import TLSOptions
from logsrv.linelog.formats.relp.target import WINDOW, RelpTarget
from logsrv.linelog.ship.targets.target import LineBatch, PartlyRefused, Unavailable, call_target
from logsrv.linelog.store.segment import Position
from tests.parts.far_sides import (
    RelpPeer,
    closing,
    far_side,
    numbered,
    sent,
    settings,
    texts,
    unavailable,
)
from tests.parts.reactor import REACTOR, until


def target(port: int) -> RelpTarget:
    return RelpTarget(settings(f"relp://127.0.0.1:{port}"), REACTOR)


async def test_lines_arrive_in_order_over_one_connection():
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        await one.send(sent())
        for _ in range(3):
            await one.send(numbered(10))
    assert texts(peers.messages) == [b"message %d" % number for number in range(10)] * 3
    assert len(peers.connections) == 1


async def test_a_send_larger_than_the_window_arrives_whole():
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        await one.send(numbered(2 * WINDOW + 5))
    assert len(peers.messages) == 2 * WINDOW + 5


async def test_no_more_is_written_than_the_window_has_room_for():
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        sending = call_target(one.send, sent(*(b"!silent" for _ in range(2 * WINDOW))))
        await until(lambda: len(peers.messages) >= WINDOW, "a full window")
        for _ in range(100):
            await deferLater(REACTOR, 0)
        assert len(peers.messages) == WINDOW
        sending.cancel()
        with pytest.raises(CancelledError):
            await sending


async def test_a_line_that_is_refused_is_named_and_the_others_are_there():
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        with pytest.raises(
            PartlyRefused, match=r'127\.0\.0\.1:\d+: it answers "500 never!"'
        ) as some:
            await one.send(sent(b"a", b"!refuse", b"b", b"!refuse"))
        assert (some.value.number, list(some.value.which)) == (2, [1, 3])
        with pytest.raises(PartlyRefused) as all_of_it:
            await one.send(sent(b"!refuse"))
        assert list(all_of_it.value.which) == [0]
        await one.send(sent(b"c"))
    assert texts(peers.messages)[-1] == b"c"
    assert len(peers.connections) == 1


async def test_sends_in_a_row_are_answered_in_their_order():
    """Each has an answer of its own, in the order of the sendings."""
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        under_way = [
            call_target(one.send, some)
            for some in (numbered(WINDOW), sent(b"a", b"!refuse"), sent(b"b"))
        ]
        with pytest.raises(PartlyRefused) as some:
            await under_way[1]
        assert list(some.value.which) == [1]
        assert under_way[0].called
        await under_way[2]
    assert texts(peers.messages)[WINDOW:] == [b"a", b"!refuse", b"b"]


async def test_lines_are_written_while_earlier_ones_wait_for_their_answers():
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        first = call_target(one.send, sent(b"!silent"))
        await until(lambda: len(peers.messages) == 1, "the first line")
        second = call_target(one.send, sent(b"b"))
        await until(lambda: len(peers.messages) == 2, "the second line")
        first.cancel()
        for sending in (first, second):
            with pytest.raises(CancelledError):
                await sending


async def test_all_sends_in_flight_fail_together():
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        first, second = (call_target(one.send, sent(text)) for text in (b"!end", b"a"))
        await unavailable(first)
        await unavailable(second)
        await one.send(sent(b"a"))
    assert len(peers.connections) == 2


async def test_a_send_that_fails_at_once_does_not_block_the_next_ones(tmp_path):
    """The file of the authority is missing for a moment: each send reads it again."""
    url = settings("relp+tls://127.0.0.1:1", tls=TLSOptions(cafile=tmp_path / "none"))
    async with closing(RelpTarget(url, REACTOR)) as one:
        for _ in range(2):
            sending = call_target(one.send, sent(b"a"))
            assert sending.called
            assert (await unavailable(sending)).settled


async def test_a_relp_server_that_ends_inside_an_answer_has_hung_up():
    """What it did not answer is sent again, over a new connection."""
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        with pytest.raises(PartlyRefused):
            await one.send(sent(b"!refuse"))
        why = await unavailable(one.send(sent(b"a", b"!end", b"b")))
        assert not why.settled and "closed the connection" in str(why)
        assert why.hung_up and why.taken == 1
        await one.send(sent(b"c"))
    assert len(peers.connections) == 2


@pytest.mark.parametrize("with_next", [False, True])
async def test_what_was_acknowledged_of_a_long_send_is_known_when_the_server_hangs_up(with_next):
    """While it is still being written, and whether or not another send waits behind it."""
    lines = [*numbered(100).lines, *sent(b"!end").lines, *numbered(2 * WINDOW).lines]
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        first = call_target(one.send, LineBatch(lines, Position(1, 0)))
        second = call_target(one.send, sent(b"b")) if with_next else None
        why = await unavailable(first)
        assert (why.hung_up, why.taken) == (True, 100)
        if second is not None:
            await unavailable(second)
        await one.send(sent(b"c"))
    assert len(peers.connections) == 2


class GarbagePeer(RelpPeer):
    """Opens a session, answers the first messages with what is no RELP, and stays connected."""

    transport: Any
    _is_open = False

    def dataReceived(self, data: bytes) -> None:
        if self._is_open:
            self.transport.write(b"HELLO WORLD\n")
        else:
            self._is_open = True
            super().dataReceived(data)


async def test_a_connection_on_which_no_relp_came_is_closed_while_another_send_waits():
    async with far_side(GarbagePeer) as (peers, port), closing(target(port)) as one:
        first = call_target(one.send, numbered(2 * WINDOW))
        second = call_target(one.send, sent(b"b"))
        assert not (await unavailable(first)).hung_up
        await unavailable(second)
        await until(lambda: all(peer.over for peer in peers.connections), "the end of each")
    assert peers.connections


class NoSessionPeer(RelpPeer):
    """Refuses to open the first session."""

    transport: Any

    def dataReceived(self, data: bytes) -> None:
        if self is self.factory.connections[0]:
            self.transport.write(b"1 rsp 6 500 no\n0 serverclose 0\n")
        else:
            super().dataReceived(data)


async def test_sends_that_wait_for_a_session_that_does_not_open_fail_and_the_next_one_opens():
    async with far_side(NoSessionPeer) as (peers, port), closing(target(port)) as one:
        first, second = (call_target(one.send, sent(text)) for text in (b"a", b"b"))
        for sending in first, second:
            assert not (await unavailable(sending)).hung_up
        await one.send(sent(b"c"))
    assert texts(peers.messages) == [b"c"]


async def test_a_relp_server_that_went_away_between_sends_is_connected_again():
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        await one.send(sent(b"a"))
        transport = peers.connections[0].transport
        transport.write(b"0 serverclose 0\n")  # type: ignore[union-attr]
        transport.loseConnection()  # type: ignore[union-attr]
        await until(lambda: peers.connections[0].over, "the end")
        # Our side reads the last message in one turn of the reactor, and the end in another.
        for _ in range(4):
            await deferLater(REACTOR, 0)
        await one.send(sent(b"b"))
    assert texts(peers.messages) == [b"a", b"b"]


class LeavingPeer(RelpPeer):
    """Ends the session right after its first answer, and stays connected."""

    transport: Any
    _is_open = False

    def dataReceived(self, data: bytes) -> None:
        if self._is_open:
            self.transport.write(b"2 rsp 6 200 OK\n0 serverclose 0\n")
        else:
            self._is_open = True
            super().dataReceived(data)


async def test_a_connection_whose_session_ended_with_the_last_answer_is_closed_by_the_next_send():
    async with far_side(LeavingPeer) as (peers, port), closing(target(port)) as one:
        for text in (b"a", b"b"):
            await one.send(sent(text))
            await deferLater(REACTOR, 0)
        await until(lambda: peers.connections[0].over, "the end of the first connection")
        assert not peers.connections[1].over


async def test_giving_up_ends_the_connection():
    """Answers that come later belong to nothing."""
    async with far_side() as (peers, port):
        sending = call_target(target(port).send, sent(b"a"))
        await until(lambda: peers.data.startswith(b"1 open "), "the session")
        sending.cancel()
        with pytest.raises(CancelledError):
            await sending
        await until(lambda: peers.connections[0].over, "the end")
    async with far_side(RelpPeer) as (peers, port), closing(target(port)) as one:
        sending = call_target(one.send, sent(b"!silent"))
        await until(lambda: peers.messages, "the message")
        sending.cancel()
        with pytest.raises(CancelledError):
            await sending
        await until(lambda: peers.connections[0].over, "the end")
        await one.send(sent(b"a"))
    assert len(peers.connections) == 2


async def test_closing_ends_a_send_that_still_connects():
    async with far_side(RelpPeer) as (peers, port):
        one = target(port)
        sending = call_target(one.send, sent(b"a"))
        await one.close()
        assert sending.called
        # Whichever step of connecting it was in.
        with pytest.raises((CancelledError, Unavailable)):
            await sending
        await until(lambda: all(peer.over for peer in peers.connections), "the end of each")
        assert not peers.messages


async def test_closing_says_goodbye():
    async with far_side(RelpPeer) as (peers, port):
        one = target(port)
        await one.close()
        await one.send(sent(b"a"))
        await one.close()
        await until(lambda: peers.connections[0].over, "the end")
        assert len(peers.connections) == 1 and b" close 0\n" in peers.data
