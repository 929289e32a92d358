"""Any number of transfers in one thread. Only this module sends and receives for the client.

A program without an event loop calls `run_round` repeatedly. In an event loop, call `run_round(0)` when the
descriptor of `fileno` is readable, and every `LOOK_AT_CLOCKS` seconds while a transfer is `active`.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
from collections.abc import Callable
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Any

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.connecting import AnswerSink, Connector, SocketTransfer
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.transfer import Transfer
from logsrv.gopher.wire.url import GopherURL

SPLICE_SIZE = 1024 * 1024
_SET_PIPE_SIZE = 1031


class SplicePipe:
    """A pipe between a socket and a file, on systems with `splice`: Linux. All methods raise OSError."""

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        # Linux limits the memory for all pipes of a user: then keep the pipe's default size, 64 KiB.
        with suppress(OSError):
            fcntl.fcntl(self._in, _SET_PIPE_SIZE, SPLICE_SIZE)

    def fill_from_socket(self, socket: int) -> int:
        """Move bytes from a socket into the pipe; return their number, 0 at the end.

        Raises BlockingIOError if there are none yet.
        """
        return os.splice(socket, self._in, SPLICE_SIZE)

    def empty_into_file(self, file: int, size: int) -> None:
        """Move the `size` bytes of the last `fill_from_socket` from the pipe to `file`."""
        while size:
            try:
                size -= os.splice(self._out, file, size)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # This file system does not support splice.
                data = memoryview(os.read(self._out, size))
                size -= len(data)
                while data:
                    data = data[os.write(file, data) :]

    def close(self) -> None:
        os.close(self._out)
        os.close(self._in)


LOOK_AT_CLOCKS = 0.1
CHUNK = 64 * 1024
# After this many chunks of one answer, the next answer has its turn.
_IN_A_ROW = 16


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
        self._clock = clock
        self._selector = DefaultSelector()
        self._connector = Connector(
            self._selector, clock, allow, self._on_connected, self._finish_or_abort_sink
        )
        self._active: set[SocketTransfer] = set()
        self._finished: list[SocketTransfer] = []
        self._next_look = 0.0
        self._splice: SplicePipe | None = None

    @property
    def active(self) -> int:
        """Return the number of requests that are running, or that ended and were not yet returned."""
        return len(self._active) + len(self._finished)

    def fileno(self) -> int:
        """Return the descriptor that is readable when `run_round` has something to do."""
        # Only `SelectSelector` has no descriptor, and none of our systems uses it.
        return self._selector.fileno()  # type: ignore[attr-defined, no-any-return, unused-ignore]

    def start(
        self, url: GopherURL, sink: AnswerSink, *, after: float = 0.0, **how: Any
    ) -> SocketTransfer:
        """Request `url`, `after` seconds from now. how: further arguments of `Transfer`."""
        now = self._clock() + after
        transfer = SocketTransfer(url, self.options, now, **how)
        transfer.sink = sink
        transfer.selector = self._selector
        self._active.add(transfer)
        if transfer.done:
            self._finish_or_abort_sink(transfer)
        elif after:
            transfer.try_at = now
        else:
            self._connector.look_up_and_connect(transfer)
        return transfer

    def run_round(self, seconds: float) -> list[SocketTransfer]:
        """Do one round of work; return the transfers that have ended. Blocks for at most `seconds`."""
        for key, _ in self._selector.select(
            0.0 if self._finished else min(seconds, LOOK_AT_CLOCKS)
        ):
            key.data()
        now = self._clock()
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
        transfer = Transfer(url, self.options, self._clock())
        if not transfer.done:
            found = self._connector.addresses.look_up_blocking(url.host, url.port)
            if not isinstance(found, OSError):
                return [address[0] for _, address in found]
            transfer.on_connect_failed(found)
        assert transfer.error is not None
        raise transfer.error

    def pause(self, transfer: SocketTransfer) -> None:
        """Receive nothing for `transfer` until `resume`: TCP then stops the server."""
        if transfer in self._active:
            transfer.deadline = math.inf
            transfer.paused = True
            self._register_events(transfer)

    def resume(self, transfer: SocketTransfer) -> None:
        """Receive again for a paused transfer."""
        if transfer in self._active:
            transfer.restart_timeout(self._clock())
            transfer.paused = False
            self._register_events(transfer)

    def stop(self, transfer: SocketTransfer) -> None:
        """Close the connection of a request without calling its sink; `run_round` does not return it."""
        if transfer in self._active:
            self._active.discard(transfer)
            transfer.done = True
            transfer.close()

    def close(self) -> None:
        """Abort all running transfers, which removes their incomplete files."""
        for transfer in list(self._active):
            transfer.sink.abort()
            self.stop(transfer)
        self._connector.addresses.cancel_lookups()
        self._close_splice()
        self._selector.close()

    # Between the connection and its end.

    def _on_connected(self, transfer: SocketTransfer) -> None:
        transfer.step = self._send_and_receive
        if transfer.done:
            self._finish_or_abort_sink(transfer)
        else:
            self._send(transfer)

    def _send_and_receive(self, transfer: SocketTransfer) -> None:
        if transfer.outgoing:
            self._send(transfer)
        elif (
            transfer.sink.descriptor is not None
            and transfer.rest_is_verbatim
            and hasattr(os, "splice")
        ):
            self._splice_to_file(transfer, transfer.sink.descriptor)
            return
        if not transfer.paused:
            self._receive(transfer)

    def _send(self, transfer: SocketTransfer) -> None:
        if transfer.outgoing:
            assert transfer.socket is not None
            try:
                sent = transfer.socket.send(transfer.outgoing)
                transfer.outgoing = transfer.outgoing[sent:]
            except BlockingIOError:
                pass
            except OSError:
                # The server may have sent a reason before it closed: receive that, it says more than this
                # error.
                transfer.outgoing = b""
        self._register_events(transfer)

    def _receive(self, transfer: SocketTransfer) -> None:
        assert transfer.socket is not None
        now = self._clock()
        for _ in range(_IN_A_ROW):
            data: bytes | OSError
            try:
                data = transfer.socket.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError as error:
                data = error
            self._process_received(transfer, data, now)
            if transfer.socket is None or transfer.paused:
                return

    def _process_received(
        self, transfer: SocketTransfer, data: bytes | OSError, now: float
    ) -> None:
        """Process received bytes, b"" at the end, or the error of receiving."""
        if isinstance(data, OSError):
            body = transfer.on_ended(data)
        else:
            self.received += len(data)
            body = transfer.on_received(data, now) if data else transfer.on_ended()
        try:
            if body and transfer.sink.feed(body):
                transfer.done = True
        except (LogsrvError, OSError) as error:
            transfer.done, transfer.error = True, error
        if transfer not in self._active:
            # The sink has stopped the transfer.
            return
        if transfer.outgoing:
            self._send(transfer)
        if transfer.done:
            self._finish_or_abort_sink(transfer)

    def _splice_to_file(self, transfer: SocketTransfer, file: int) -> None:
        """Move received bytes to `file` by splice, without parsing them."""
        if self._splice is None:
            self._splice = SplicePipe()
        assert transfer.socket is not None
        for _ in range(_IN_A_ROW):
            try:
                size = self._splice.fill_from_socket(transfer.socket.fileno())
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EINVAL:
                    self._process_received(transfer, error, self._clock())
                    return
                size = 0
            if not size:
                # Either the answer has ended, or the socket does not support splice: `recv` tells which.
                self._receive(transfer)
                return
            self.received += size
            try:
                self._splice.empty_into_file(file, size)
            except OSError as error:
                transfer.done, transfer.error = True, error
                # Bytes still in the pipe must not get into another file.
                self._close_splice()
                self._finish_or_abort_sink(transfer)
                return
            transfer.sink.count_written(size)
            transfer.count_spliced(size, self._clock())
            if transfer.done:
                self._finish_or_abort_sink(transfer)
                return

    def _close_splice(self) -> None:
        if self._splice is not None:
            self._splice.close()
            self._splice = None

    def _register_events(self, transfer: SocketTransfer) -> None:
        """Register at the selector the events that a connected transfer waits for now."""
        reading = 0 if transfer.paused else EVENT_READ
        transfer.watch_events(reading | EVENT_WRITE if transfer.outgoing else reading)

    # Times and ends.

    def _check_deadlines(self, now: float) -> None:
        for transfer in list(self._active):
            # The end of one transfer may have stopped another one in the list.
            if transfer not in self._active:
                continue
            if transfer.deadline <= now:
                transfer.expire(now)
                self._finish_or_abort_sink(transfer)
            else:
                self._connector.begin_or_try_next(transfer, now)

    def _finish_or_abort_sink(self, transfer: SocketTransfer) -> None:
        """Finish or abort the sink; the next `run_round` returns the transfer."""
        self._active.discard(transfer)
        transfer.close()
        if transfer.error is None:
            try:
                transfer.sink.finish(transfer.reader.header is not None)
            except (LogsrvError, OSError) as local:
                transfer.error = local
        if transfer.error is not None:
            transfer.sink.abort()
        self._finished.append(transfer)
