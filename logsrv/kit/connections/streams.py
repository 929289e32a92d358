"""Twisted's ports and transports: they receive more at a time, and accept few peers in a turn.

`ports.use_our_classes` puts these classes in place of Twisted's.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from functools import partial
from typing import Any

from twisted.internet import main, tcp, unix
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import _reservedFD as reserved_file
from twisted.logger import Logger
from twisted.python.log import callWithLogger

from logsrv.kit.connections.linger import LingeringMixin
from logsrv.kit.connections.transports import set_no_delay
from logsrv.kit.observe.rate_limited_log import RateLimitedLog

log = Logger()

NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV

# Bytes received at a time: grow to 256 KiB after a full read, shrink after one of less than LITTLE. 256 KiB
# take a quarter less CPU time per line than 64 KiB. But the memory must be there before the read, and by
# default glibc lets the kernel map and unmap that much for each call.
LEAST_RECEIVED = 64 * 1024
MOST_RECEIVED = 256 * 1024
LITTLE = 4 * 1024
# Connections that a listener accepts in one turn of the reactor: a server has many listeners, and thousands
# of short connections would keep all others waiting.
MOST_ACCEPTED = 32

# Errors of an exhausted machine: for a second nothing is accepted, because it would fail again.
EXHAUSTED = frozenset((errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
ADVICE = {errno.ENFILE: "sysctl fs.file-max", errno.EMFILE: "LimitNOFILE=, ulimit -n"}
AGAIN_SECONDS = 1.0
EXHAUSTIONS = RateLimitedLog(time.monotonic)


def _log_exhausted(error: OSError, done: str = "accepted") -> None:
    EXHAUSTIONS.log_unless_recent(
        log.error,
        f"{done} {error.errno}",
        "peers wait, none can be {done}: {why} ({advice}); {number} since this was last logged",
        done=done,
        why=os.strerror(error.errno or 0),
        advice=ADVICE.get(error.errno or 0, "memory of the kernel"),
    )


class PromptMixin:
    """A `tcp.Server` or `unix.Server` that sends and closes at once where Twisted's wait for the next turn.

    In that turn, they ask the system to be told of room to write, are told so, and withdraw the request:
    three system calls for each answer to a request, and as many for a close.
    """

    # Cleared by protocols of the kit: no message of theirs needs the context of Twisted's old log.
    needs_log_context = True
    _sendmsgQueue: Any = ()
    producer: Any = None
    # Set while the protocol gets data: a close waits for its return, as the protocol may be in the middle
    # of something.
    _delivers = False

    def write_at_once(self: Any, data: bytes) -> None:
        """Send what the system takes, and let the rest wait as `write` does.

        For who has gathered all that he writes in a turn. An error shows at the next write or read, which
        is no call of the protocol.
        """
        # No greeting is sent at once: in the turn in which it is accepted, a quick visitor would read it,
        # leave and come again, and again, until it seemed to have more connections than it may.
        at_once = self._delivers and not (
            self.disconnecting or self._writeDisconnecting or self.TLS or self._has_more_to_send
        )
        if not at_once:
            self.write(data)
            return
        try:
            sent = self.socket.send(data)
        except OSError:
            sent = 0
        else:
            self._has_written = True
        if sent < len(data):
            self.write(data[sent:])

    @property
    def _has_more_to_send(self: Any) -> bool:
        """True while bytes wait, or descriptors, which are sent with the next bytes; and once closed."""
        return bool(
            self._tempDataLen or self.dataBuffer or self._sendmsgQueue or not self.connected
        )

    def doWrite(self: Any) -> Any:
        # The read before, for which the reactor was told in the same turn, may have closed it.
        return super().doWrite() if self.connected else None  # type: ignore[misc]

    def loseConnection(self: Any) -> None:
        if self._delivers and not (self.disconnecting or self._writeDisconnected):
            self.stopReading()
            self.disconnecting = 1
        else:
            super().loseConnection()  # type: ignore[misc]

    def unregisterProducer(self: Any) -> None:
        if self._delivers:
            self.producer = None
        else:
            super().unregisterProducer()  # type: ignore[misc]

    def _close_or_write(self: Any) -> None:
        if self.producer is not None or self._writeDisconnecting or self._has_more_to_send:
            self.startWriting()
        elif self._postLoseConnection() is not None:
            self.connectionLost(connectionDone)


def poll_without_context(reactor: Any) -> None:
    """Let a reactor call our transports without the context of Twisted's old log: a tenth of a request."""
    # By its name: its module cannot be imported on other systems than Linux.
    if type(reactor).__qualname__ == "EPollReactor":
        reactor.doIteration = partial(_poll, reactor)


def _poll(reactor: Any, timeout: float | None) -> None:
    """Do the same as `EPollReactor.doPoll`."""
    selectables, call = reactor._selectables, reactor._doReadOrWrite
    try:
        events = reactor._poller.poll(-1 if timeout is None else timeout, len(selectables))
    except InterruptedError:
        return
    for number, event in events:
        found = selectables.get(number)
        if found is None:
            continue
        if getattr(found, "needs_log_context", True):
            callWithLogger(found, call, found, number, event)
            continue
        try:
            call(found, number, event)
        except Exception:
            log.failure("a connection failed in the reactor")


class ReceivingTCP(PromptMixin, LingeringMixin, tcp.Server):
    """A `tcp.Server` that receives more at a time while much data comes.

    Twisted's `bufferSize` cannot be used: it is also the limit of unsent data.
    """

    _most = LEAST_RECEIVED

    def __init__(self, sock: socket.socket, *about: Any) -> None:
        super().__init__(sock, *about)
        set_no_delay(sock)

    def doRead(self) -> ConnectionDone | ConnectionLost | None:  # type: ignore[override]
        most = self._most
        try:
            data = self.socket.recv(most)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in EXHAUSTED:
                return main.CONNECTION_LOST
            # The peer's data stays in the kernel, and is read in a later turn.
            _log_exhausted(error, "heard")
            return None
        received = len(data)
        if not received:
            return main.CONNECTION_DONE
        if self._linger is not None:
            return self.drop_input(received)  # type: ignore[no-any-return]
        if received == LEAST_RECEIVED:
            self._most = MOST_RECEIVED
        elif received < LITTLE and most > LEAST_RECEIVED:
            self._most = LEAST_RECEIVED
        self._delivers = True
        try:
            self.protocol.dataReceived(data)
        finally:
            self._delivers = False
            if self.disconnecting and self.connected:
                self._close_or_write()
        return None


class ReceivingUNIX(PromptMixin, LingeringMixin, unix.Server):
    """A ReceivingTCP for UNIX sockets. The kernel closes descriptors that a peer sends, if we take none."""

    _most = LEAST_RECEIVED

    def doRead(self) -> Any:
        if IFileDescriptorReceiver.providedBy(self.protocol) and self._linger is None:
            return super().doRead()
        return ReceivingTCP.doRead(self)  # type: ignore[arg-type]


class BoundedAcceptMixin:
    """A port that accepts MOST_ACCEPTED peers in a turn, and waits a second if the machine is exhausted."""

    def doRead(self: Any) -> None:
        for _ in range(MOST_ACCEPTED):
            try:
                connected, address = self.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # Twisted may have lost the file that it would close to accept and refuse.
                no_reserve = error.errno == errno.EMFILE and not reserved_file.available()
                if error.errno in EXHAUSTED or no_reserve:
                    self._pause_accepting(error)
                else:
                    super().doRead()  # type: ignore[misc]
                return
            try:
                self._connect_peer(connected, address)
            except BaseException:
                log.failure("cannot accept")
                return

    def _connect_peer(self: Any, connected: socket.socket, address: Any) -> None:
        try:
            if self.addressFamily == socket.AF_INET6:
                host, _ = socket.getnameinfo(address, NUMERIC)
                address = (host, *address[1:])
            protocol = self.factory.buildProtocol(self._buildAddr(address))
        except BaseException:
            connected.close()
            raise
        if protocol is None:
            connected.close()
            return
        self.sessionno += 1
        protocol.makeConnection(
            self.transport(connected, protocol, address, self, self.sessionno, self.reactor)
        )

    def _pause_accepting(self: Any, error: OSError) -> None:
        """Accept nobody for a second: otherwise the reactor would do nothing but try."""
        _log_exhausted(error)
        self.stopReading()
        self.reactor.callLater(AGAIN_SECONDS, self._accept_again)

    def _accept_again(self: Any) -> None:
        listening = self.connected and self.socket
        if listening and not self.disconnecting and listening.fileno() >= 0:
            self.startReading()


class AcceptingPort(BoundedAcceptMixin, tcp.Port):
    """A `tcp.Port` with the methods of BoundedAcceptMixin."""
