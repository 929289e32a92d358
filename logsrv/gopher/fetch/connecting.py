"""Transfers with sockets: look up the host, connect to one of its addresses, send the request.

`getaddrinfo` blocks, so each lookup has its own thread. The threads are not from a pool: Python would wait
for them at its end, and a name server may be silent for long.
"""

from __future__ import annotations

import _thread
import errno
import math
import os
import socket
from collections.abc import Callable, Iterator
from io import FileIO
from selectors import EVENT_READ, EVENT_WRITE, BaseSelector
from typing import Any, Protocol

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.transfer import Transfer

Address = tuple[socket.AddressFamily, Any]
Found = list[Address] | OSError

# Seconds for which the addresses of a name are remembered. A lookup for each of a thousand small files
# would take longer than fetching them.
KNOWN_FOR = 60.0
_MOST_KNOWN = 1000


class AddressLookup:
    """The addresses of hosts, remembered for a minute.

    selector: of the module `selectors`. Each lookup registers a pipe there; when that is readable, the
    owner of the selector calls the function in the `data` of its key.
    """

    def __init__(self, selector: BaseSelector, clock: Callable[[], float]) -> None:
        self._selector = selector
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._waiting: dict[tuple[str, int], tuple[FileIO, list[Callable[[Found], None]]]] = {}

    def known_addresses(self, host: str, port: int) -> list[Address] | None:
        """Return the addresses of a numeric address or a remembered name; None if it must be looked up."""
        known = self._known.get((host, port))
        if known is not None and known[0] > self._clock():
            return known[1]
        found = _numeric_address(host, port)
        if found is not None:
            self._remember(host, port, found)
        return found

    def look_up(self, host: str, port: int, then: Callable[[Found], None]) -> None:
        """Look a name up, and call `then` with the result later. Calls for the same name share a lookup."""
        place = (host, port)
        if place in self._waiting:
            self._waiting[place][1].append(then)
            return
        try:
            here, result = _start_lookup_thread(host, port)
        except OSError as error:
            then(error)
            return
        self._waiting[place] = (here, [then])
        self._selector.register(here, EVENT_READ, lambda: self._finish_lookup(place, result[0]))

    def look_up_blocking(self, host: str, port: int) -> Found:
        """Look a name up and block until there is a result."""
        found: Found | None = self.known_addresses(host, port)
        if found is None:
            found = _resolve_blocking(host, port)
            self._remember(host, port, found)
        return found

    def forget(self, host: str, port: int) -> None:
        """Forget the addresses of a name: none of them accepted a connection."""
        self._known.pop((host, port), None)

    def cancel_lookups(self) -> None:
        """Drop all lookups; their callbacks are not called."""
        for here, _ in self._waiting.values():
            self._close_pipe(here)
        self._waiting.clear()

    def _finish_lookup(self, place: tuple[str, int], found: Found) -> None:
        here, waiting = self._waiting.pop(place)
        self._close_pipe(here)
        self._remember(*place, found)
        for then in waiting:
            then(found)

    def _close_pipe(self, here: FileIO) -> None:
        self._selector.unregister(here)
        here.close()

    def _remember(self, host: str, port: int, found: Found) -> None:
        if isinstance(found, OSError):
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[host, port] = (self._clock() + KNOWN_FOR, found)


def _numeric_address(host: str, port: int) -> list[Address] | None:
    try:
        if ":" in host:
            socket.inet_pton(socket.AF_INET6, host)
            return [(socket.AF_INET6, (host, port, 0, 0))]
        socket.inet_pton(socket.AF_INET, host)
        return [(socket.AF_INET, (host, port))]
    except OSError:
        return None


def _start_lookup_thread(host: str, port: int) -> tuple[FileIO, list[Found]]:
    """Begin a lookup in a thread. Return a pipe, which ends with the lookup, and a list for its result.

    Raises OSError.
    """
    reading, writing = os.pipe()
    here = FileIO(reading)
    result: list[Found] = []

    def look_up() -> None:
        # Closing the pipe reports the end of the lookup; perhaps nobody waits for it any more.
        try:
            result.append(_resolve_blocking(host, port))
        finally:
            os.close(writing)

    try:
        _thread.start_new_thread(look_up, ())
    except RuntimeError:
        here.close()
        os.close(writing)
        reason = "the name cannot be looked up: the system starts no more threads"
        raise OSError(errno.EAGAIN, reason) from None
    return here, result


def _resolve_blocking(host: str, port: int) -> Found:
    try:
        # The host is passed as bytes: for a string, Python would load its tables of international names.
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    return [(family, address) for family, _, _, _, address in found]


class AnswerSink(Protocol):
    """The receiver of an answer.

    feed: called with the next bytes; returns true if the answer is complete before the server has closed.
    finish: called when the answer is complete; `has_header`: it had a Gopher+ header. abort: called if the
    answer failed. descriptor: returns None, or an open file if the rest of the answer needs no parsing. The
    rest is then written there, and `count_written` is called with the number of bytes.
    """

    @property
    def descriptor(self) -> int | None: ...
    def count_written(self, size: int) -> None: ...
    def feed(self, data: bytes) -> bool: ...
    def finish(self, has_header: bool) -> None: ...
    def abort(self) -> None: ...


_NO_ADDRESSES: Iterator[Address] = iter(())


class SocketTransfer(Transfer):
    """A transfer with its socket. sink: receives the body; step: called when the socket is ready."""

    sink: AnswerSink
    selector: BaseSelector
    step: Callable[[SocketTransfer], None]
    # Defaults of the class: setting them for each of ten thousand transfers takes time.
    socket: socket.socket | None = None
    addresses: Iterator[Address] = _NO_ADDRESSES
    # With a socket: the time at which the next address is tried. Without: the time at which the transfer
    # begins.
    try_at = math.inf
    # The events registered at the selector; 0: the socket is not registered.
    events = 0
    paused = False

    def watch_events(self, events: int) -> None:
        """Register the socket for these events; 0: unregister it."""
        if events == self.events:
            return
        assert self.socket is not None
        if not events:
            self.selector.unregister(self.socket)
        elif self.events:
            self.selector.modify(self.socket, events, self.run_step)
        else:
            self.selector.register(self.socket, events, self.run_step)
        self.events = events

    def run_step(self) -> None:
        """Run `step`, unless the socket was closed in the same round of the selector."""
        if self.events:
            self.step(self)

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self.socket is not None:
            self.watch_events(0)
            self.socket.close()
            self.socket = None


# Seconds for each address: an unreachable one must not use up the time for the others.
EACH_ADDRESS = 3.0
# Quick ACKs are switched off: the request then carries the ACK of the TCP handshake. That saves a packet,
# and the server wakes up once, not twice.
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


class Connector:
    """Connects transfers. addresses: the lookup of their hosts."""

    def __init__(
        self,
        selector: BaseSelector,
        clock: Callable[[], float],
        allow: Callable[[str, int], None] | None,
        connected: Callable[[SocketTransfer], None],
        failed: Callable[[SocketTransfer], None],
    ) -> None:
        """allow: called with an address and a port; raises a LogsrvError if they are not allowed.
        connected: called with a transfer that has a connection. failed: with one that has only an `error`.
        """
        self._selector = selector
        self._clock = clock
        self._allow = allow
        self._connected = connected
        self._failed = failed
        self.addresses = AddressLookup(selector, clock)

    def look_up_and_connect(self, transfer: SocketTransfer) -> None:
        """Look the host up, and connect to it."""
        host, port = transfer.connect_address
        known = self.addresses.known_addresses(host, port)
        if known is not None:
            self._try_addresses(transfer, known)
        else:
            self.addresses.look_up(host, port, lambda found: self._try_addresses(transfer, found))

    def try_next_address(self, transfer: SocketTransfer, error: Exception | None = None) -> None:
        """Connect to the next address. error: the failure of the address before it."""
        transfer.close()
        for family, address in transfer.addresses:
            try:
                if self._allow is not None:
                    self._allow(address[0], address[1])
                sock = socket.socket(family)
            except (LogsrvError, OSError) as refused:
                error = refused
                continue
            sock.setblocking(False)
            # With Nagle's algorithm, the request would wait for the ACK of a TLS or SOCKS handshake.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _QUICKACK is not None:
                sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 0)
            transfer.socket = sock
            transfer.try_at = self._clock() + EACH_ADDRESS
            number = sock.connect_ex(address)
            if number in (0, errno.EINPROGRESS):
                # A nearby host may be connected already: to send at once saves a round of the selector.
                # If it is not, sending fails, and is repeated.
                if number == 0 or transfer.lacks_proxy_and_tls:
                    self._finish_connecting(transfer)
                else:
                    transfer.watch_events(EVENT_WRITE)
                return
            transfer.close()
            error = OSError(number, os.strerror(number))
        assert error is not None, "getaddrinfo returns one address or more"
        self.addresses.forget(*transfer.connect_address)
        transfer.on_connect_failed(error)
        self._failed(transfer)

    def begin_or_try_next(self, transfer: SocketTransfer, now: float) -> None:
        """Begin a transfer whose pause is over; try the next address if the current one is silent."""
        if transfer.try_at > now:
            return
        if transfer.socket is None:
            transfer.try_at = math.inf
            self.look_up_and_connect(transfer)
        elif others := list(transfer.addresses):
            transfer.addresses = iter(others)
            self.try_next_address(transfer)

    def _try_addresses(self, transfer: SocketTransfer, addresses: list[Address] | OSError) -> None:
        if transfer.done:
            # The transfer was stopped, or timed out, while the name was looked up.
            return
        if isinstance(addresses, OSError):
            transfer.on_connect_failed(addresses)
            self._failed(transfer)
            return
        transfer.step = self._finish_connecting
        transfer.addresses = iter(addresses)
        self.try_next_address(transfer)

    def _finish_connecting(self, transfer: SocketTransfer) -> None:
        sock = transfer.socket
        assert sock is not None
        if transfer.lacks_proxy_and_tls:
            # No check of SO_ERROR: if there is no connection, the first send fails with its error.
            try:
                sent = sock.send(transfer.request)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ENOTCONN):
                    transfer.watch_events(EVENT_WRITE)
                else:
                    self.try_next_address(transfer, error)
                return
        else:
            sent = 0
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self.try_next_address(transfer, OSError(number, os.strerror(number)))
                return
        transfer.on_connected(self._clock())
        transfer.outgoing = transfer.outgoing[sent:]
        transfer.try_at = math.inf
        self._connected(transfer)
