"""A transfer with its socket, and the sink that its answer goes to."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from selectors import BaseSelector
from typing import Protocol

from logsrv.gopher.fetch.transfers.addresses import Address
from logsrv.gopher.fetch.transfers.transfer import Transfer


class AnswerSink(Protocol):
    """The receiver of an answer.

    feed: takes what came, and returns whether that was all, although the server has not closed.
    finish: the answer is whole; `has_header`: it came with one of Gopher+. abort: it will not be.
    descriptor: an open file that may take the rest, if nobody has to look at it; `passed` is told how
    much it took.
    """

    @property
    def descriptor(self) -> int | None: ...
    def passed(self, size: int) -> None: ...
    def feed(self, data: bytes) -> bool: ...
    def finish(self, has_header: bool) -> None: ...
    def abort(self) -> None: ...


_NO_ADDRESSES: Iterator[Address] = iter(())


class SocketTransfer(Transfer):
    """A transfer with its socket. sink: takes the body; step: called when the socket is ready."""

    sink: AnswerSink
    selector: BaseSelector
    step: Callable[[SocketTransfer], None]
    # Defaults in the class need not be set for each of ten thousand.
    socket: socket.socket | None = None
    addresses: Iterator[Address] = _NO_ADDRESSES
    # The time at which the next address is tried; without a socket, at which the transfer begins.
    patience = math.inf
    # The events that the selector looks out for; 0: it does not know the socket.
    events = 0
    paused = False

    def listen(self, events: int) -> None:
        """Let the selector look out for these events, for none if 0."""
        if events == self.events:
            return
        assert self.socket is not None
        if not events:
            self.selector.unregister(self.socket)
        elif self.events:
            self.selector.modify(self.socket, events, self.ready)
        else:
            self.selector.register(self.socket, events, self.ready)
        self.events = events

    def ready(self) -> None:
        """Go on; the selector may tell of a socket that was closed in the same round."""
        if self.events:
            self.step(self)

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self.socket is not None:
            self.listen(0)
            self.socket.close()
            self.socket = None
