"""A body that is taken piece by piece: in order, its error last, and no faster than it is wanted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from logsrv.gopher.fetch.settings import ConnectionOptions, Timeouts
from logsrv.gopher.fetch.stream import HIGH_WATER, Stream
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.wire.errors import ServerError, Truncated
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve


@pytest.fixture
def transfers() -> Iterator[Transfers]:
    timeouts = Timeouts(between=0.3)
    transfers = Transfers(ConnectionOptions(timeouts), time.monotonic)
    yield transfers
    transfers.close()


def taken(transfers: Transfers, stream: Stream) -> bytes:
    while (piece := stream.take()) is None:
        transfers.wait(1)
    return piece


def test_pieces_in_order_and_then_the_end(serve: Serve, transfers: Transfers) -> None:
    content = bytes(range(256)) * 20_000
    stream = Stream(transfers, GopherURL.parse(serve(content).url("/9x")))
    ends: list[bool] = []
    stream.at_end = lambda: ends.append(True)
    found = b""
    while piece := taken(transfers, stream):
        found += piece
    assert found == content
    assert stream.take() == b""
    assert ends == [True]


def test_who_takes_nothing_gets_no_more_and_no_time_out(serve: Serve, transfers: Transfers) -> None:
    """A slow reader is not the server's fault."""
    size = 20_000_000
    stream = Stream(transfers, GopherURL.parse(serve(b"x" * size).url("/9x")))
    end = time.monotonic() + 1
    while time.monotonic() < end:
        transfers.wait(0.1)
    assert HIGH_WATER < stream.reader.received < size
    found = 0
    while piece := taken(transfers, stream):
        found += len(piece)
    assert found == size


def test_an_error_comes_behind_what_came_before(serve: Serve, transfers: Transfers) -> None:
    def half(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"+10\r\nhalf")

    stream = Stream(transfers, GopherURL.parse(serve(half).url("/0x%09%09+")))
    while not stream.opened():
        transfers.wait(1)
    assert taken(transfers, stream) == b"half"
    with pytest.raises(Truncated):
        taken(transfers, stream)


def test_without_content_opening_it_fails(serve: Serve, transfers: Transfers) -> None:
    stream = Stream(transfers, GopherURL.parse(serve(b"3no\t\terror.host\t1\r\n").url("/0x")))
    while not stream.ended:
        transfers.wait(1)
    with pytest.raises(ServerError):
        stream.opened()


def test_closing_lets_the_server_go(serve: Serve, transfers: Transfers) -> None:
    gone = threading.Event()

    def stays(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"some")
        assert connection.recv(1) == b""
        gone.set()

    stream = Stream(transfers, GopherURL.parse(serve(stays).url("/0x")))
    assert taken(transfers, stream) == b"some"
    stream.close()
    assert gone.wait(20)
    assert transfers.active == 0
    assert stream.take() == b""
