"""A body that is taken piece by piece: in order, its error last, and no faster than it is wanted."""

import socket
import time
from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.stream import HIGH_WATER, AnswerStream, RetryPolicy
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.wire.errors import Refused, ServerError, TimedOut, Truncated
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.testing.patience import PATIENCE


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def transfers(clock: Clock) -> Iterator[Transfers]:
    transfers = Transfers(ConnectionOptions(Limits()), clock.seconds)
    yield transfers
    transfers.close()


def received(transfers: Transfers, stream: AnswerStream) -> None:
    """Wait until as much is there as is taken in ahead."""
    end = time.monotonic() + PATIENCE
    while stream.received <= HIGH_WATER:
        assert time.monotonic() < end
        transfers.run_round(0.1)


def taken(transfers: Transfers, stream: AnswerStream) -> bytes:
    end = time.monotonic() + PATIENCE
    while (piece := stream.take_received()) is None:
        assert time.monotonic() < end
        transfers.run_round(1)
    return piece


def test_pieces_in_order_and_then_the_end(serve, transfers):
    content = bytes(range(256)) * 20_000
    stream = AnswerStream(transfers, GopherURL.parse(serve(content).url("/9x")))
    ends: list[bool] = []
    stream.at_end = lambda: ends.append(True)
    found = b""
    while piece := taken(transfers, stream):
        found += piece
    assert found == content
    assert stream.take_received() == b""
    assert ends == [True]


def test_who_takes_nothing_gets_no_more_and_no_time_out(serve, transfers, clock):
    """A slow reader is not the server's fault."""
    size = 20_000_000
    stream = AnswerStream(transfers, GopherURL.parse(serve(b"x" * size).url("/9x")))
    received(transfers, stream)
    for _ in range(3):
        clock.advance(1000)
        transfers.run_round(0.1)
    assert stream.reader.received < size
    found = 0
    while piece := taken(transfers, stream):
        found += len(piece)
    assert found == size


def test_a_server_that_falls_silent_while_nothing_is_taken_is_left_later(serve, transfers, clock):
    """While nothing is taken no clock runs; from then on it does, though nothing comes."""

    def stops(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * (HIGH_WATER + 1))
        connection.recv(1)

    stream = AnswerStream(transfers, GopherURL.parse(serve(stops).url("/9x")))
    received(transfers, stream)
    clock.advance(1000)
    transfers.run_round(0)
    assert stream.take_received() == b"x" * (HIGH_WATER + 1)
    transfers.run_round(0)
    clock.advance(Limits().between + 1)
    with pytest.raises(TimedOut):
        taken(transfers, stream)


URL = GopherURL("h")
RESET = Truncated("h:70", 0, "reset")
HALF = Truncated("h:70", 5, "reset")


def test_pauses_double_and_end():
    retries = RetryPolicy(3)
    assert [retries.pause_before_retry(URL, RESET, tries) for tries in (1, 2, 3, 4)] == [
        0.2,
        0.4,
        0.8,
        None,
    ]
    assert RetryPolicy(0).pause_before_retry(URL, RESET, 1) is None


def test_what_was_begun_is_asked_again_only_if_it_can_be_thrown_away():
    assert RetryPolicy().pause_before_retry(URL, HALF, 1) is None
    assert RetryPolicy().pause_before_retry(URL, HALF, 1, afresh=True) == 0.2


@pytest.mark.parametrize("error", [Refused("h:70"), TimedOut("h:70", "connect", 1)])
def test_a_host_that_answered_before_gets_time(error):
    retries = RetryPolicy()
    assert retries.pause_before_retry(URL, error, 1) is None
    retries.note_answered("h")
    assert retries.pause_before_retry(URL, error, 1) == 0.2
    for number in range(1000):
        retries.note_answered(str(number))
    assert retries.pause_before_retry(URL, error, 1) is None, "of hosts only so many are remembered"


def test_a_host_that_answers_again_pushes_no_other_out():
    retries = RetryPolicy()
    hosts = ["h", *map(str, range(999))]
    for host in [*hosts, "998"]:
        retries.note_answered(host)
    assert retries.pause_before_retry(URL, Refused("h:70"), 1) == 0.2


@pytest.mark.parametrize("error", [ServerError("no"), TimedOut("h:70", "first byte", 1)])
def test_what_a_server_decided_stays(error):
    retries = RetryPolicy()
    retries.note_answered("h")
    assert retries.pause_before_retry(URL, error, 1, afresh=True) is None
