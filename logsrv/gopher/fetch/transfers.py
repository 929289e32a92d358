"""Any number of transfers in one thread. Only this module connects, sends and receives for the client.

A program without an event loop calls `run_round` repeatedly. In an event loop, call `run_round(0)` when the
descriptor of `fileno` is readable, and every `LOOK_AT_CLOCKS` seconds while a transfer is `active`.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Protocol

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.addresses import Address, AddressLookup, Found
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.transfer import Transfer
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.connections.keepalive import KEEPALIVE, set_keepalive

LOOK_AT_CLOCKS = 0.1
CHUNK = 256 * 1024
# After this many chunks of one answer, the next answer has its turn.
_IN_A_ROW = 4
# Seconds for each address: an unreachable one must not use up the time for the others.
EACH_ADDRESS = 3.0


class AnswerSink(Protocol):
    """The receiver of an answer.

    feed: called with the next bytes; returns true if the answer is complete before the server has closed.
    finish: called when the answer is complete; `has_header`: it had a Gopher+ header. abort: called if the
    answer failed.
    """

    def feed(self, data: bytes) -> bool: ...
    def finish(self, has_header: bool) -> None: ...
    def abort(self) -> None: ...


class SocketTransfer(Transfer):
    """A transfer with its socket. sink: receives the body. addresses: those to try next."""

    sink: AnswerSink
    addresses: list[Address]
    # Defaults of the class: setting them for each of ten thousand transfers takes time.
    socket: socket.socket | None = None
    is_connected = False
    # With a socket: the time at which the next address is tried. Without: the time at which the transfer
    # begins.
    try_at = math.inf
    # The events registered at the selector; 0: the socket is not registered.
    events = 0
    paused = False


class Transfers:
    """Starts requests, and returns those that have ended.

    One that failed has an `error`: a LogsrvError, or an OSError of the disk. received: bytes of all answers
    together.
    """

    def __init__(
        self,
        options: ConnectionOptions,
        clock: Callable[[], float],
        *,
        allow: Callable[[str, int], None] | None = None,
    ) -> None:
        """clock: monotonic, in seconds. allow: called with an address and a port; raises a LogsrvError if
        they are not allowed, and the host's next address is tried.
        """
        self.options = options
        self.received = 0
        self.clock = clock
        self._allow = allow
        self._selector = DefaultSelector()
        self._addresses = AddressLookup(self._selector, clock)
        self._active: set[SocketTransfer] = set()
        self._finished: list[SocketTransfer] = []
        self._next_look = 0.0

    @property
    def active(self) -> int:
        """Return the number of requests that are running, or that ended and were not yet returned."""
        return len(self._active) + len(self._finished)

    def fileno(self) -> int:
        """Return the descriptor that is readable when `run_round` has something to do."""
        # Only `SelectSelector` has no descriptor, and none of our systems uses it.
        return self._selector.fileno()  # type: ignore[attr-defined, no-any-return, unused-ignore]

    def start(
        self,
        url: GopherURL,
        sink: AnswerSink,
        kind: AnswerKind | None = None,
        after: float = 0.0,
    ) -> SocketTransfer:
        """Request `url`, `after` seconds from now. kind: see `Transfer`."""
        now = self.clock() + after
        transfer = SocketTransfer(url, self.options, now, kind)
        transfer.sink = sink
        self._active.add(transfer)
        if transfer.done:
            self._end(transfer)
        elif after:
            transfer.try_at = now
        else:
            self._look_up(transfer)
        return transfer

    def run_round(self, seconds: float) -> list[SocketTransfer]:
        """Do one round of work; return the transfers that have ended. Blocks for at most `seconds`."""
        for key, _ in self._selector.select(
            0.0 if self._finished else min(seconds, LOOK_AT_CLOCKS)
        ):
            key.data()
        now = self.clock()
        if now >= self._next_look:
            self._next_look = now + LOOK_AT_CLOCKS
            self._check_deadlines(now)
        return self.take_ended()

    def take_ended(self) -> list[SocketTransfer]:
        """Return the transfers that have ended, without further work.

        For an interrupted run: its running transfers may have lost received bytes, and must not go on.
        """
        finished, self._finished = self._finished, []
        return finished

    def look_up_addresses(self, url: GopherURL) -> list[str]:
        """Look up the addresses of the host of `url`, and block until then. Raises UnknownHost."""
        transfer, found = Transfer(url, self.options, self.clock()), list[Found]()
        if not transfer.done:
            self._addresses.look_up(url.host, url.port, found.append)
            while not found:
                self.run_round(LOOK_AT_CLOCKS)
            if not isinstance(found[0], OSError):
                return [address[0] for _, address in found[0]]
            transfer.on_connect_failed(found[0])
        assert transfer.error is not None
        raise transfer.error

    def pause(self, transfer: SocketTransfer) -> None:
        """Receive nothing for `transfer` until `resume`: TCP then stops the server."""
        if transfer in self._active:
            transfer.deadline = math.inf
            transfer.paused = True
            self._watch(transfer)

    def resume(self, transfer: SocketTransfer) -> None:
        """Receive again for a paused transfer."""
        if transfer in self._active:
            transfer.restart_timeout(self.clock())
            transfer.paused = False
            self._watch(transfer)

    def stop(self, transfer: SocketTransfer) -> None:
        """Close the connection of a request without calling its sink; `run_round` does not return it."""
        if transfer in self._active:
            self._active.discard(transfer)
            transfer.done = True
            self._close_socket(transfer)

    def close(self) -> None:
        """Abort all running transfers, which removes their incomplete files."""
        for transfer in list(self._active):
            transfer.sink.abort()
            self.stop(transfer)
        self._addresses.cancel_lookups()
        self._selector.close()

    # Connecting.

    def _look_up(self, transfer: SocketTransfer) -> None:
        transfer.try_at = math.inf
        self._addresses.look_up(*transfer.connect_address, partial(self._connect, transfer))

    def _connect(self, transfer: SocketTransfer, found: Found) -> None:
        if transfer.done:
            # The transfer was stopped, or timed out, while the name was looked up.
            return
        error = found if isinstance(found, OSError) else None
        transfer.addresses = [] if isinstance(found, OSError) else list(found)
        self._try_next_address(transfer, error)

    def _try_next_address(self, transfer: SocketTransfer, error: Exception | None = None) -> None:
        """Connect to the next address. error: the failure before it."""
        self._close_socket(transfer)
        while transfer.addresses:
            family, address = transfer.addresses.pop(0)
            try:
                if self._allow is not None:
                    self._allow(address[0], address[1])
                sock = transfer.socket = socket.socket(family)
                sock.setblocking(False)
                # With Nagle's algorithm, the request would wait for the ACK of a TLS or SOCKS handshake.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                set_keepalive(sock, KEEPALIVE)
                with suppress(BlockingIOError):
                    sock.connect(address)
            except (LogsrvError, OSError) as failed:
                error = failed
                self._close_socket(transfer)
                continue
            transfer.try_at = self.clock() + EACH_ADDRESS
            self._watch(transfer)
            return
        self._addresses.forget(*transfer.connect_address)
        assert error is not None, "getaddrinfo returns one address or more"
        transfer.on_connect_failed(error)
        self._end(transfer)

    # Sending and receiving.

    def _watch(self, transfer: SocketTransfer) -> None:
        """Register at the selector the events that a transfer with a socket waits for now."""
        if transfer.socket is None:
            return
        events = EVENT_READ if transfer.is_connected and not transfer.paused else 0
        if transfer.outgoing or not transfer.is_connected:
            events |= EVENT_WRITE
        if events != transfer.events:
            if transfer.events:
                self._selector.unregister(transfer.socket)
            if events:
                self._selector.register(transfer.socket, events, partial(self._step, transfer))
            transfer.events = events

    def _close_socket(self, transfer: SocketTransfer) -> None:
        if transfer.socket is not None:
            if transfer.events:
                self._selector.unregister(transfer.socket)
                transfer.events = 0
            transfer.socket.close()
            transfer.socket = None

    def _step(self, transfer: SocketTransfer) -> None:
        """Go on: the socket is ready."""
        sock = transfer.socket
        if sock is None:
            # It was closed in the same round of the selector.
            return
        if not transfer.is_connected:
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._try_next_address(transfer, OSError(number, os.strerror(number)))
                return
            transfer.is_connected = True
            transfer.try_at = math.inf
            transfer.on_connected(self.clock())
        else:
            self._receive(transfer, sock)
        if transfer in self._active:
            if transfer.outgoing and not transfer.done:
                self._send(transfer, sock)
            if transfer.done:
                self._end(transfer)
            else:
                self._watch(transfer)

    def _send(self, transfer: SocketTransfer, sock: socket.socket) -> None:
        try:
            sent = sock.send(transfer.outgoing)
        except BlockingIOError:
            return
        except OSError:
            # The server may have sent a reason before it closed: that says more than this error.
            sent = len(transfer.outgoing)
        transfer.outgoing = transfer.outgoing[sent:]

    def _receive(self, transfer: SocketTransfer, sock: socket.socket) -> None:
        now = self.clock()
        for _ in range(_IN_A_ROW):
            if transfer.done or transfer.paused:
                return
            try:
                data = sock.recv(CHUNK)
                self.received += len(data)
                body = transfer.on_received(data, now) if data else transfer.on_ended()
            except BlockingIOError:
                return
            except OSError as error:
                body = transfer.on_ended(error)
            try:
                if body and transfer.sink.feed(body):
                    transfer.done = True
            except (LogsrvError, OSError) as error:
                transfer.done, transfer.error = True, error

    # Times and ends.

    def _check_deadlines(self, now: float) -> None:
        for transfer in list(self._active):
            # The end of one transfer may have stopped another one in the list.
            if transfer not in self._active:
                continue
            if transfer.deadline <= now:
                transfer.expire(now)
                self._end(transfer)
            elif transfer.try_at <= now:
                if transfer.socket is None:
                    self._look_up(transfer)
                elif transfer.addresses:
                    self._try_next_address(transfer)

    def _end(self, transfer: SocketTransfer) -> None:
        """Finish or abort the sink; the next `run_round` returns the transfer."""
        self._active.discard(transfer)
        self._close_socket(transfer)
        if transfer.error is None:
            try:
                transfer.sink.finish(transfer.reader.has_header)
            except (LogsrvError, OSError) as local:
                transfer.error = local
        if transfer.error is not None:
            transfer.sink.abort()
        self._finished.append(transfer)
