"""Sockets for any number of transfers, in one thread: the only place where the client connects, sends and
receives.

Whoever has no loop of his own calls `wait`; in somebody else's loop it is called when the descriptor of
`fileno` is readable, and every `LOOK_AT_CLOCKS` seconds while a transfer is `active`.
"""

from __future__ import annotations

import errno
import math
import os

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.transfers.addresses import Addresses
from logsrv.gopher.fetch.transfers.ready import READ, WRITE, Selector
from logsrv.gopher.fetch.transfers.transfer import Transfer
from logsrv.gopher.wire.url import GopherURL

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    from logsrv.gopher.fetch.transfers.addresses import Address
    from logsrv.gopher.fetch.transfers.passage import Passage

    class Sink(Protocol):
        """feed: takes what came, and returns whether that was all, although the server has not closed.

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
else:
    # The same without enums for its numbers: where nothing else needs `enum`, that takes 6 ms to load.
    import _socket as socket


LOOK_AT_CLOCKS = 0.1
CHUNK = 64 * 1024
# How many chunks of one answer before the others have their turn.
_IN_A_ROW = 16
# A host with several addresses, one of them unreachable, should not use up all of the time.
EACH_ADDRESS = 3.0
# Without another system call, where there is such a kind.
_KIND = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)
_NOWHERE: Iterator[Address] = iter(())


class Finished:
    """An answer that has ended, well or with an error: a LogsrvError, or an OSError of the disk."""

    __slots__ = ("error", "sink")

    def __init__(self, sink: Sink, error: Exception | None) -> None:
        self.sink = sink
        self.error = error


class Flight(Transfer):
    """A transfer with its socket, and the sink of its body."""

    sink: Sink
    # What to do when the socket is ready.
    step: Callable[[Flight], None]
    # What is as here at the beginning need not be set for each of ten thousand.
    socket: socket.SocketType | None = None
    addresses: Iterator[Address] = _NOWHERE
    # Until when this address is tried, and no other; without a socket, until when nothing is asked.
    patience = math.inf
    # What the selector looks out for; 0: it does not know the socket.
    events = 0
    paused = False


def new_socket(family: socket.AddressFamily) -> socket.SocketType:
    """Return a socket that does not block. Raises OSError."""
    # As socket.socket, which takes three times as long.
    sock = socket.SocketType(family, _KIND)
    if _KIND == socket.SOCK_STREAM:
        sock.setblocking(False)
    return sock


def received(sock: socket.SocketType) -> bytes | OSError | None:
    """Return what has come, b"" at the end, or None if nothing has."""
    try:
        return sock.recv(CHUNK)
    except BlockingIOError:
        return None
    except OSError as error:
        return error


class Transfers:
    """Starts requests, and hands back those that have ended. received: bytes of all answers."""

    def __init__(
        self,
        options: ConnectionOptions,
        clock: Callable[[], float],
        *,
        allow: Callable[[str, int], None] | None = None,
    ) -> None:
        """clock: seconds that only grow. allow: raises a LogsrvError for an address and a port that
        must not be connected to; others of the same host are tried.
        """
        self.options = options
        self.received = 0
        self._clock = clock
        self._allow = allow
        self._selector = Selector()
        self._addresses = Addresses(self._selector, clock)
        self._active: set[Flight] = set()
        self._finished: list[Finished] = []
        self._next_look = 0.0
        self._passage: Passage | None = None

    @property
    def active(self) -> int:
        """The number of requests that are under way, or waiting to be handed back."""
        return len(self._active) + len(self._finished)

    def fileno(self) -> int:
        """Return the descriptor that is readable when `wait` has something to do."""
        return self._selector.fileno()

    def start(self, url: GopherURL, sink: Sink, *, after: float = 0.0, **how: Any) -> Flight:
        """Ask for `url`, after so many seconds. how: what `Transfer` takes."""
        now = self._clock() + after
        flight = self._flight(url, sink, now, **how)
        if flight.done:
            self._end(flight)
        elif after:
            flight.patience = now
        else:
            self._begin(flight)
        return flight

    def wait(self, seconds: float) -> list[Finished]:
        """Return what has ended, after at most `seconds`, and sooner if something ends."""
        self._select(0.0 if self._finished else min(seconds, LOOK_AT_CLOCKS))
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + LOOK_AT_CLOCKS
            self._look_at_clocks(now)
        return self.ended()

    def ended(self) -> list[Finished]:
        """Return what has ended already, for a run that was interrupted: what is still under way may
        have lost some of what came.
        """
        finished, self._finished = self._finished, []
        return finished

    def addresses(self, url: GopherURL) -> list[str]:
        """Return the addresses of the host of `url`, which blocks. Raises UnknownHost."""
        transfer = Transfer(url, self.options, self._clock())
        if not transfer.done:
            found = self._addresses.look_up_now(url.host, url.port)
            if not isinstance(found, OSError):
                return [address[0] for _, address in found]
            transfer.failed(found)
        assert transfer.error is not None
        raise transfer.error

    def pause(self, flight: Flight) -> None:
        """Leave what comes for `flight` in the system until `resume`: the server feels it."""
        if flight in self._active:
            flight.deadline = math.inf
            flight.paused = True
            self._look_out(flight)

    def resume(self, flight: Flight) -> None:
        """Go on with a flight that is paused."""
        if flight in self._active:
            flight.go_on(self._clock())
            flight.paused = False
            self._look_out(flight)

    def stop(self, flight: Flight) -> None:
        """Let go of a request that nobody wants any more; its sink hears nothing."""
        if flight in self._active:
            self._active.discard(flight)
            self._close(flight)

    def close(self) -> None:
        """Give up what is under way; no file is left of it."""
        for flight in list(self._active):
            flight.sink.abort()
            self.stop(flight)
        self._addresses.close()
        if self._passage is not None:
            self._passage.close()
            self._passage = None
        self._selector.close()

    def _select(self, seconds: float) -> None:
        for flight in self._selector.ready(seconds):
            if not isinstance(flight, Flight):
                flight()
            elif flight.events:
                flight.step(flight)

    # From the addresses to the request.

    def _flight(self, url: GopherURL, sink: Sink, now: float, **how: Any) -> Flight:
        """Return a flight that has no connection yet."""
        flight = Flight(url, self.options, now, **how)
        flight.sink = sink
        flight.step = self._connecting
        self._active.add(flight)
        return flight

    def _begin(self, flight: Flight) -> None:
        host, port = flight.place
        known = self._addresses.known(host, port)
        if known is not None:
            self._found(flight, known)
        else:
            self._addresses.look_up(host, port, lambda found: self._found(flight, found))

    def _found(self, flight: Flight, addresses: list[Address] | OSError) -> None:
        if flight not in self._active:
            return
        if isinstance(addresses, OSError):
            flight.failed(addresses)
            self._end(flight)
            return
        flight.addresses = iter(addresses)
        self._try_next(flight, None)

    def _try_next(self, flight: Flight, error: Exception | None) -> None:
        self._close(flight)
        for family, address in flight.addresses:
            try:
                if self._allow is not None:
                    self._allow(address[0], address[1])
                sock = new_socket(family)
            except (LogsrvError, OSError) as refused:
                error = refused
                continue
            flight.socket = sock
            flight.patience = self._clock() + EACH_ADDRESS
            number = sock.connect_ex(address)
            if number in (0, errno.EINPROGRESS):
                # To hosts nearby this saves a round through the selector.
                if number == 0 or flight.is_plain:
                    self._connecting(flight)
                else:
                    self._listen(flight, WRITE)
                return
            self._close(flight)
            error = OSError(number, os.strerror(number))
        assert error is not None, "getaddrinfo returns one address or more"
        self._addresses.forget(*flight.place)
        flight.failed(error)
        self._end(flight)

    def _connecting(self, flight: Flight) -> None:
        sock = flight.socket
        assert sock is not None
        if flight.is_plain:
            # The first send tells whether there is a connection.
            try:
                sent = sock.send(flight.request)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ENOTCONN):
                    self._listen(flight, WRITE)
                else:
                    self._try_next(flight, error)
                return
        else:
            sent = 0
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._try_next(flight, OSError(number, os.strerror(number)))
                return
        flight.connected(self._clock())
        flight.outgoing = flight.outgoing[sent:]
        flight.patience = math.inf
        flight.step = self._moving
        if flight.done:
            self._end(flight)
        else:
            self._send(flight)

    # Between the connection and its end.

    def _moving(self, flight: Flight) -> None:
        if flight.outgoing:
            self._send(flight)
        elif flight.sink.descriptor is not None and flight.verbatim:
            self._pass_on(flight, flight.sink.descriptor)
            return
        if not flight.paused:
            self._receive(flight)

    def _pass_on(self, flight: Flight, file: int) -> None:
        """Let what comes go into `file`, without a look at it."""
        # Small answers do without it.
        from logsrv.gopher.fetch.transfers.passage import passage

        way = self._passage = self._passage or passage()
        if way is None:
            self._receive(flight)
            return
        assert flight.socket is not None
        for _ in range(_IN_A_ROW):
            try:
                size = way.take(flight.socket.fileno())
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EINVAL:
                    self._came(flight, error, self._clock())
                    return
                size = 0
            if not size:
                # The end, or a kind of socket that knows no such way: to receive will tell.
                self._receive(flight)
                return
            self.received += size
            try:
                way.give(file, size)
            except OSError as error:
                flight.done, flight.error = True, error
                # Of what is still in it nothing may come into another file.
                way.close()
                self._passage = None
                self._end(flight)
                return
            flight.sink.passed(size)
            flight.passed(size, self._clock())
            if flight.done:
                self._end(flight)
                return

    def _send(self, flight: Flight) -> None:
        if flight.outgoing:
            assert flight.socket is not None
            try:
                sent = flight.socket.send(flight.outgoing)
                flight.outgoing = flight.outgoing[sent:]
            except BlockingIOError:
                pass
            except OSError:
                # What the server said before it closed is worth reading, and tells more.
                flight.outgoing = b""
        self._look_out(flight)

    def _receive(self, flight: Flight) -> None:
        sock = flight.socket
        assert sock is not None
        now = self._clock()
        for _ in range(_IN_A_ROW):
            data = received(sock)
            if data is None:
                return
            self._came(flight, data, now)
            if flight.socket is None or flight.paused:
                return

    def _came(self, flight: Flight, data: bytes | OSError, now: float) -> None:
        """Take what was received, b"" at the end."""
        if isinstance(data, OSError):
            body = flight.ended(data)
        else:
            self.received += len(data)
            body = flight.received(data, now) if data else flight.ended()
        try:
            if body and flight.sink.feed(body):
                flight.done = True
        except (LogsrvError, OSError) as error:
            flight.done, flight.error = True, error
        if flight not in self._active:
            # Who took it has stopped it.
            return
        if flight.outgoing:
            self._send(flight)
        if flight.done:
            self._end(flight)

    # What they have in common.

    def _look_out(self, flight: Flight) -> None:
        """Let the selector tell what a flight with a connection waits for now."""
        reading = 0 if flight.paused else READ
        self._listen(flight, reading | WRITE if flight.outgoing else reading)

    def _listen(self, flight: Flight, events: int) -> None:
        if events != flight.events:
            assert flight.socket is not None
            self._selector.watch(flight.socket.fileno(), events, flight)
            flight.events = events

    def _look_at_clocks(self, now: float) -> None:
        for flight in list(self._active):
            # The end of one may be why somebody stops another.
            if flight not in self._active:
                continue
            if flight.deadline <= now:
                flight.expire(now)
                self._end(flight)
            elif flight.patience <= now and flight.socket is None:
                flight.patience = math.inf
                self._begin(flight)
            elif flight.patience <= now and (others := list(flight.addresses)):
                flight.addresses = iter(others)
                self._try_next(flight, None)

    def _end(self, flight: Flight) -> None:
        self._active.discard(flight)
        self._close(flight)
        self._hand_back(flight.sink, flight.error, flight.reader.header is not None)

    def _hand_back(self, sink: Sink, error: Exception | None, has_header: bool) -> None:
        """End `sink` as its answer ended, and let the next `wait` tell."""
        if error is None:
            try:
                sink.finish(has_header)
            except (LogsrvError, OSError) as local:
                error = local
        if error is not None:
            sink.abort()
        self._finished.append(Finished(sink, error))

    def _close(self, flight: Flight) -> None:
        if flight.socket is not None:
            self._listen(flight, 0)
            flight.socket.close()
            flight.socket = None
