"""Any number of transfers in one thread: the only place where the client connects, sends and receives.

A program without a loop of its own calls `wait`. In somebody else's loop, `wait` is called when the
descriptor of `fileno` is readable, and every `LOOK_AT_CLOCKS` seconds while a transfer is `active`.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
from collections.abc import Callable
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Any

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.connecting import AnswerSink, Connector, SocketTransfer
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.transfer import Transfer
from logsrv.gopher.wire.url import GopherURL

SPLICE_SIZE = 1024 * 1024
_SET_PIPE_SIZE = 1031


class Splice:
    """A pipe that `take` fills from a socket and `give` empties into a file, where `is_there`.

    Both raise OSError.
    """

    @staticmethod
    def is_there() -> bool:
        """Return true if the system has such a way: Linux."""
        return hasattr(os, "splice")

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        try:
            fcntl.fcntl(self._in, _SET_PIPE_SIZE, SPLICE_SIZE)
        except OSError:
            # Root sets a limit for all pipes of a user; with the usual 64 KiB it works as well.
            pass

    def take(self, socket: int) -> int:
        """Return how many bytes came; 0 at the end. Raises BlockingIOError if there are none yet."""
        return os.splice(socket, self._in, SPLICE_SIZE)

    def give(self, file: int, size: int) -> None:
        """Write the `size` bytes that came to `file`."""
        while size:
            try:
                size -= os.splice(self._out, file, size)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # A file system that knows no such way.
                data = memoryview(os.read(self._out, size))
                size -= len(data)
                while data:
                    data = data[os.write(file, data) :]

    def close(self) -> None:
        os.close(self._out)
        os.close(self._in)


LOOK_AT_CLOCKS = 0.1
CHUNK = 64 * 1024
# Chunks of one answer before the others have their turn.
_IN_A_ROW = 16


class Transfers:
    """Starts requests, and hands back those that have ended, well or with an error: a LogsrvError, or an
    OSError of the disk. received: bytes of all answers.
    """

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
        self._selector = DefaultSelector()
        self._connector = Connector(self._selector, clock, allow, self._connected, self._end)
        self._active: set[SocketTransfer] = set()
        self._finished: list[SocketTransfer] = []
        self._next_look = 0.0
        self._passage: Splice | None = None

    @property
    def active(self) -> int:
        """The number of requests that are under way, or waiting to be handed back."""
        return len(self._active) + len(self._finished)

    def fileno(self) -> int:
        """Return the descriptor that is readable when `wait` has something to do."""
        # Only `select`, which no system of ours is left with, has none.
        return self._selector.fileno()  # type: ignore[attr-defined, no-any-return, unused-ignore]

    def start(
        self, url: GopherURL, sink: AnswerSink, *, after: float = 0.0, **how: Any
    ) -> SocketTransfer:
        """Ask for `url`, after so many seconds. how: what `Transfer` takes."""
        now = self._clock() + after
        transfer = SocketTransfer(url, self.options, now, **how)
        transfer.sink = sink
        transfer.selector = self._selector
        self._active.add(transfer)
        if transfer.done:
            self._end(transfer)
        elif after:
            transfer.patience = now
        else:
            self._connector.begin(transfer)
        return transfer

    def wait(self, seconds: float) -> list[SocketTransfer]:
        """Return what has ended, after at most `seconds`, and sooner if something ends."""
        for key, _ in self._selector.select(
            0.0 if self._finished else min(seconds, LOOK_AT_CLOCKS)
        ):
            key.data()
        now = self._clock()
        if now >= self._next_look:
            self._next_look = now + LOOK_AT_CLOCKS
            self._look_at_clocks(now)
        return self.ended()

    def ended(self) -> list[SocketTransfer]:
        """Return what has ended already, for a run that was interrupted: what is still under way may
        have lost some of what came.
        """
        finished, self._finished = self._finished, []
        return finished

    def addresses(self, url: GopherURL) -> list[str]:
        """Return the addresses of the host of `url`, which blocks. Raises UnknownHost."""
        transfer = Transfer(url, self.options, self._clock())
        if not transfer.done:
            found = self._connector.addresses.look_up_now(url.host, url.port)
            if not isinstance(found, OSError):
                return [address[0] for _, address in found]
            transfer.failed(found)
        assert transfer.error is not None
        raise transfer.error

    def pause(self, transfer: SocketTransfer) -> None:
        """Leave what comes for `transfer` in the system until `resume`: the server feels it."""
        if transfer in self._active:
            transfer.deadline = math.inf
            transfer.paused = True
            self._look_out(transfer)

    def resume(self, transfer: SocketTransfer) -> None:
        """Go on with a transfer that is paused."""
        if transfer in self._active:
            transfer.go_on(self._clock())
            transfer.paused = False
            self._look_out(transfer)

    def stop(self, transfer: SocketTransfer) -> None:
        """Let go of a request that nobody wants any more; its sink hears nothing."""
        if transfer in self._active:
            self._active.discard(transfer)
            transfer.done = True
            transfer.close()

    def close(self) -> None:
        """Give up what is under way; no file is left of it."""
        for transfer in list(self._active):
            transfer.sink.abort()
            self.stop(transfer)
        self._connector.addresses.close()
        self._close_passage()
        self._selector.close()

    # Between the connection and its end.

    def _connected(self, transfer: SocketTransfer) -> None:
        transfer.step = self._moving
        if transfer.done:
            self._end(transfer)
        else:
            self._send(transfer)

    def _moving(self, transfer: SocketTransfer) -> None:
        if transfer.outgoing:
            self._send(transfer)
        elif transfer.sink.descriptor is not None and transfer.verbatim and Splice.is_there():
            self._pass_on(transfer, transfer.sink.descriptor)
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
                # The server's words before it closed tell more than the failed send.
                transfer.outgoing = b""
        self._look_out(transfer)

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
            self._came(transfer, data, now)
            if transfer.socket is None or transfer.paused:
                return

    def _came(self, transfer: SocketTransfer, data: bytes | OSError, now: float) -> None:
        """Take what was received, b"" at the end."""
        if isinstance(data, OSError):
            body = transfer.ended(data)
        else:
            self.received += len(data)
            body = transfer.received(data, now) if data else transfer.ended()
        try:
            if body and transfer.sink.feed(body):
                transfer.done = True
        except (LogsrvError, OSError) as error:
            transfer.done, transfer.error = True, error
        if transfer not in self._active:
            # The sink has stopped it.
            return
        if transfer.outgoing:
            self._send(transfer)
        if transfer.done:
            self._end(transfer)

    def _pass_on(self, transfer: SocketTransfer, file: int) -> None:
        """Let what comes go into `file`, without a look at it."""
        if self._passage is None:
            self._passage = Splice()
        assert transfer.socket is not None
        for _ in range(_IN_A_ROW):
            try:
                size = self._passage.take(transfer.socket.fileno())
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.EINVAL:
                    self._came(transfer, error, self._clock())
                    return
                size = 0
            if not size:
                # The end, or a kind of socket that knows no such way: to receive will tell.
                self._receive(transfer)
                return
            self.received += size
            try:
                self._passage.give(file, size)
            except OSError as error:
                transfer.done, transfer.error = True, error
                # The rest that is still in it must not come into another file.
                self._close_passage()
                self._end(transfer)
                return
            transfer.sink.passed(size)
            transfer.passed(size, self._clock())
            if transfer.done:
                self._end(transfer)
                return

    def _close_passage(self) -> None:
        if self._passage is not None:
            self._passage.close()
            self._passage = None

    def _look_out(self, transfer: SocketTransfer) -> None:
        """Let the selector tell what a transfer with a connection waits for now."""
        reading = 0 if transfer.paused else EVENT_READ
        transfer.listen(reading | EVENT_WRITE if transfer.outgoing else reading)

    # Times and ends.

    def _look_at_clocks(self, now: float) -> None:
        for transfer in list(self._active):
            # The end of one may be why somebody stops another.
            if transfer not in self._active:
                continue
            if transfer.deadline <= now:
                transfer.expire(now)
                self._end(transfer)
            else:
                self._connector.look_at_clock(transfer, now)

    def _end(self, transfer: SocketTransfer) -> None:
        """End the sink as its answer ended, and let the next `wait` tell."""
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
