"""A transfer listens for what it waits for, and leaves nothing at the selector."""

from __future__ import annotations

import socket
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector

from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.transfers.socket_transfer import SocketTransfer
from logsrv.gopher.wire.url import GopherURL


def test_it_goes_on_when_its_socket_is_ready_and_not_after_its_end() -> None:
    here, there = socket.socketpair()
    steps: list[SocketTransfer] = []
    with DefaultSelector() as selector, there:
        transfer = SocketTransfer(GopherURL("h"), ConnectionOptions(), 0.0)
        transfer.selector, transfer.socket, transfer.step = selector, here, steps.append
        transfer.listen(EVENT_READ)
        assert selector.select(0) == []
        transfer.listen(EVENT_READ | EVENT_WRITE)
        ((key, _),) = selector.select(0)
        key.data()
        assert steps == [transfer]
        transfer.close()
        key.data()
        assert steps == [transfer], "the selector told of it in the same round"
        assert not selector.get_map()
        assert here.fileno() == -1
        transfer.close()
