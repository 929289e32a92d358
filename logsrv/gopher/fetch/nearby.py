"""Thousands of small answers: a server nearby has often answered by the time the next one has been asked.

So a request is sent, and looked at again by the next `wait`. What has come whole by then, and is content
without doubt, is handed over as it is: most never meet the selector, nor have a `Transfer` made for them.
Everything else goes on as a flight.
"""

from __future__ import annotations

import errno
import math
import os

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.ready import READ, WRITE
from logsrv.gopher.fetch.transfers import EACH_ADDRESS, Transfers, new_socket, received
from logsrv.gopher.wire.response import is_content

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from socket import SocketType

    from logsrv.gopher.fetch.addresses import Address
    from logsrv.gopher.fetch.settings import ConnectionOptions
    from logsrv.gopher.fetch.transfers import Finished, Flight, Sink
    from logsrv.gopher.wire.url import GopherURL

    # The most bytes and the most seconds, and when it was asked for.
    How = tuple[int | None, float, float]
    Asked = tuple[SocketType, GopherURL, Sink, How]
else:
    # As in `transfers`.
    import _socket as socket

# Seconds until an answer is left to the selector.
_NEAR = 0.0003


def _nothing() -> None:
    pass


_TCP_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_give_way = getattr(os, "sched_yield", _nothing)


class Nearby(Transfers):
    """Transfers for whoever calls `wait` all the time; nobody else watches `fileno`."""

    def __init__(self, options: ConnectionOptions, clock: Callable[[], float]) -> None:
        super().__init__(options, clock)
        self._asked: list[Asked] = []

    @property
    def active(self) -> int:
        return super().active + len(self._asked)

    def ask(
        self,
        url: GopherURL,
        sink: Sink,
        most_bytes: int | None = None,
        most_seconds: float = math.inf,
    ) -> None:
        """Ask for `url`, as `start` does, for who needs no flight."""
        known = None
        if self.options.proxy is None:
            known = self._addresses.known(url.host, url.port)
        if known is None or url.tls or url.plus is not None:
            self.start(url, sink, most_bytes=most_bytes, most_seconds=most_seconds)
            return
        how = (most_bytes, most_seconds, self._clock())
        family, address = known[0]
        try:
            sock = new_socket(family)
            if _TCP_QUICKACK is not None:
                # The request goes with the ACK: a packet less, and the server is woken once, not twice.
                sock.setsockopt(socket.IPPROTO_TCP, _TCP_QUICKACK, 0)
        except OSError as error:
            self._try_next(self._asking(url, sink, how, known[1:]), error)
            return
        number = sock.connect_ex(address)
        if number in (0, errno.EINPROGRESS):
            request = url.request()
            try:
                size = sock.send(request)
            except OSError as error:
                number = error.errno or 0
            else:
                asked = (sock, url, sink, how)
                if size == len(request):
                    self._asked.append(asked)
                else:
                    flight = self._answering(asked)
                    flight.outgoing = request[size:]
                    self._listen(flight, READ | WRITE)
                return
        flight = self._asking(url, sink, how, known[1:])
        flight.socket = sock
        if number in (errno.EAGAIN, errno.ENOTCONN):
            flight.patience = how[2] + EACH_ADDRESS
            self._listen(flight, WRITE)
        else:
            self._try_next(flight, OSError(number, os.strerror(number)))

    def wait(self, seconds: float) -> list[Finished]:
        if self._asked:
            self._look_at_asked()
            while self._asked and not self._finished:
                # The server may wait for this very processor.
                _give_way()
                self._look_at_asked()
            # Nothing that the selector knows is kept waiting, nor for long a name that was looked up.
            if self._finished and not self._listening and self._clock() < self._next_look:
                return self.ended()
        return super().wait(seconds)

    def close(self) -> None:
        for sock, _, sink, _ in self._asked:
            sink.abort()
            sock.close()
        self._asked.clear()
        super().close()

    def forked(self) -> Nearby:
        """Return what a forked process takes instead: these are the other one's, and a server would
        never see the end of a connection that is still open here.
        """
        for sock in (*[asked[0] for asked in self._asked], *[each.socket for each in self._active]):
            if sock is not None:
                sock.close()
        self._selector.close()
        return Nearby(self.options, self._clock)

    def _look_at_asked(self) -> None:
        asked, self._asked = self._asked, []
        now = self._clock()
        for each in asked:
            sock, _, sink, (most_bytes, _, begun) = each
            data = received(sock)
            if data is None and now < begun + _NEAR:
                self._asked.append(each)
                continue
            rest = None
            if isinstance(data, bytes) and is_content(data):
                rest = received(sock)
                if rest == b"" and (most_bytes is None or len(data) <= most_bytes):
                    sock.close()
                    self.received += len(data)
                    self._hand_back(sink, _fed(sink, data), has_header=False)
                    continue
            flight = self._answering(each)
            for piece in (data, rest):
                if piece is not None and not flight.done:
                    self._came(flight, piece, now)
            if not flight.done:
                self._listen(flight, READ)

    def _asking(self, url: GopherURL, sink: Sink, how: How, others: list[Address]) -> Flight:
        """Return a flight that has no connection yet, and `others` to try."""
        most_bytes, most_seconds, now = how
        flight = self._flight(url, sink, now, most_bytes=most_bytes, most_seconds=most_seconds)
        flight.addresses = iter(others)
        return flight

    def _answering(self, asked: Asked) -> Flight:
        """Return a flight whose request is sent."""
        sock, url, sink, how = asked
        flight = self._asking(url, sink, how, [])
        flight.socket = sock
        flight.connected(how[2])
        flight.outgoing = b""
        flight.step = self._moving
        return flight


def _fed(sink: Sink, body: bytes) -> Exception | None:
    """Give `sink` all of an answer; return its error."""
    try:
        sink.feed(body)
    except (LogsrvError, OSError) as error:
        return error
    return None
