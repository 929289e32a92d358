"""Twisted's ports and transports: they receive more at a time, and accept few peers in a turn.

`ports.use_our_classes` puts these classes in place of Twisted's.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
import time
from functools import partial
from typing import Any, Final

from twisted.internet import main, tcp, unix
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import _reservedFD as reserved_file
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.log import callWithLogger

from logsrv.kit.connections.keepalive import NOT_INHERITED, set_keepalive
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

# Linux: what is sent waits for what is sent next, a close included.
MORE_FOLLOWS = getattr(socket, "MSG_MORE", 0)
# Linux: EPOLLIN alone.
READABLE = 1
# The calls of a protocol by its transport.
CONNECTING: Final = "CONNECTING"
DELIVERING: Final = "DELIVERING"


def _log_exhausted(error: OSError, done: str = "accepted") -> None:
    EXHAUSTIONS.log_unless_recent(
        log.error,
        f"{done} {error.errno}",
        "peers wait, none can be {done}: {why} ({advice})",
        counted="",
        done=done,
        why=os.strerror(error.errno or 0),
        advice=ADVICE.get(error.errno or 0, "memory of the kernel"),
    )


class PromptMixin:
    """A `tcp.Server` or `unix.Server` that sends and closes at once where Twisted's wait for the next turn.

    In that turn, they ask the system to be told of room to write, are told so, and withdraw the request:
    three system calls for each answer to a request, and as many for a close.

    Nothing is called back within a call of the protocol: neither `write_at_once` nor `loseConnection` calls
    `connectionLost`, `resumeProducing` or `dataReceived`. What they begin, `_end_call` ends when the
    protocol has returned to the transport, which is where Twisted's next turn would find it.
    """

    # Cleared by protocols of the kit: no message of theirs needs the context of Twisted's old log.
    needs_log_context = True
    _sendmsgQueue: Any = ()
    producer: Any = None
    disconnecting = 0
    # CONNECTING or DELIVERING while the protocol is called; None otherwise.
    _call: str | None = None
    # The requests to the reactor for when the protocol has returned.
    _reads = _writes = False

    def connect(self: Any, protocol: Any) -> None:
        """Connect the protocol of a peer that was just accepted."""
        try:
            protocol.makeConnection(self)
        finally:
            self._end_call()

    def startReading(self: Any) -> None:
        # A protocol that is being connected may pause or close: then the reactor is never asked.
        if self._call is CONNECTING:
            self._reads = True
        else:
            super().startReading()  # type: ignore[misc]

    def stopReading(self: Any) -> None:
        self._reads = False
        if self._call is not CONNECTING:
            super().stopReading()  # type: ignore[misc]

    def startWriting(self: Any) -> None:
        if self._call is None:
            super().startWriting()  # type: ignore[misc]
        else:
            self._writes = True

    def write_at_once(self: Any, data: bytes) -> None:
        """Send what the system takes, and let the rest wait as `write` does.

        For who has gathered all that he writes in a turn. TLS has bytes of its own to send. Bytes that
        wait come first: those of a peer that reads nothing, and those with which descriptors are sent; and
        what a producer writes is paused by `write`. An error shows at the next write or read, which is no
        call of the protocol.
        """
        # No greeting is sent at once: in the turn in which it is accepted, a quick visitor would read it,
        # leave and come again, and again, until it seemed to have more connections than it may.
        if (
            self._call is not DELIVERING
            or self._tempDataLen
            or self.dataBuffer
            or self.disconnecting
            or self._writeDisconnecting
            or self._sendmsgQueue
            or self.TLS
            or not self.connected
        ):
            self.write(data)
            return
        # The same as `_send`: a call less for each answer.
        try:
            sent = self.socket.send(data)
        except OSError:
            sent = 0
        else:
            self._has_written = True
            self.taken_bytes += sent
        if sent < len(data):
            # Under TLS, these are bytes of its own.
            FileDescriptor.write(self, data[sent:])

    def _send(self: Any, data: bytes, flags: int) -> None:
        try:
            sent = self.socket.send(data, flags)
        except OSError:
            sent = 0
        else:
            self._has_written = True
            self.taken_bytes += sent
        if sent < len(data):
            # Under TLS, these are bytes of its own.
            FileDescriptor.write(self, data[sent:])

    def send_waiting(self: Any) -> None:
        """Send what waits, as far as the system takes it, without waiting for the reactor's next turn.

        For who wants to know whether the peer is slow, or only this turn long. `doWrite` still follows, and
        tells producers.
        """
        if not self.connected or self._call is CONNECTING or self._sendmsgQueue:
            return
        # Bytes of a peer that takes nothing are not copied each time, as in Twisted's `doWrite`.
        if len(self.dataBuffer) - self.offset < self.SEND_LIMIT:
            self.dataBuffer = b"".join([self.dataBuffer[self.offset :], *self._tempDataBuffer])
            self.offset = self._tempDataLen = 0
            self._tempDataBuffer.clear()
        try:
            sent = self.socket.send(memoryview(self.dataBuffer)[self.offset :])
        except OSError:
            return
        self._has_written = True
        self.taken_bytes += sent
        self.offset += sent

    def doWrite(self: Any) -> Any:
        # The read before, for which the reactor was told in the same turn, may have closed it.
        return super().doWrite() if self.connected else None  # type: ignore[misc]

    def _end_call(self: Any) -> None:
        """Close if the protocol has said all; otherwise ask the reactor for what is wanted now.

        A close waits as Twisted's does: for a producer, for bytes of before, and for descriptors.
        """
        self._call = None
        if not self.connected or self._aborting:
            return
        closes = self.disconnecting and self.producer is None
        if closes and not (self.dataBuffer or self._sendmsgQueue):
            if self._tempDataLen:
                data = b"".join(self._tempDataBuffer)
                self._tempDataBuffer.clear()
                self._tempDataLen = 0
                # The close, which follows, goes out with the last bytes, as one packet.
                self._send(data, MORE_FOLLOWS)
            self._writes = bool(self._tempDataLen)
            if not self._writes and (why := self._postLoseConnection()) is not None:
                done = why is main.CONNECTION_DONE
                self.connectionLost(connectionDone if done else Failure(why))
                return
        if self._reads:
            self._reads = False
            self.startReading()
        if self._writes:
            self._writes = False
            self.startWriting()


def poll_without_context(reactor: Any) -> None:
    """Let a reactor call our transports without the context of Twisted's old log: a tenth of a request."""
    # By its name: its module cannot be imported on other systems than Linux.
    if type(reactor).__qualname__ == "EPollReactor":
        reactor.doIteration = partial(_poll, reactor)


def _poll(reactor: Any, timeout: float | None) -> None:
    """Do the same as `EPollReactor.doPoll`, and for most events the same as its `_doReadOrWrite`."""
    selectables, call = reactor._selectables, reactor._doReadOrWrite
    try:
        events = reactor._poller.poll(-1 if timeout is None else timeout, len(selectables))
    except InterruptedError:
        return
    for number, event in events:
        found = selectables.get(number)
        if found is None:
            continue
        try:
            needs_context = found.needs_log_context
        except AttributeError:
            needs_context = True
        if needs_context:
            callWithLogger(found, call, found, number, event)
            continue
        try:
            if event != READABLE:
                call(found, number, event)
                continue
            try:
                why, in_read = found.doRead(), True
            except BaseException as error:
                log.failure("a connection failed while it was read")
                why, in_read = error, False
            # A connection that has closed itself has told the reactor.
            if why is not None:
                reactor._disconnectSelectable(found, why, in_read)
        except Exception:
            log.failure("a connection failed in the reactor")


class ReceivingTCP(PromptMixin, LingeringMixin, tcp.Server):
    """A `tcp.Server` that receives more at a time while much data comes.

    Twisted's `bufferSize` cannot be used: it is also the limit of unsent data.
    """

    _most = LEAST_RECEIVED

    def __init__(
        self,
        sock: socket.socket,
        protocol: Any,
        client: Any,
        server: Any,
        number: int,
        reactor: Any,
    ) -> None:
        # The same as `tcp.Server`, but for the names, which few ask for.
        tcp.Connection.__init__(self, sock, protocol, reactor)
        if len(client) != 2:
            self._addressType = IPv6Address
        self.server, self.client, self.sessionno = server, client, number
        self.hostname = client[0]
        if isinstance(server, BoundedAcceptMixin):
            self._call = CONNECTING
        if getattr(server, "inherited_keepalive", NOT_INHERITED) == NOT_INHERITED:
            set_no_delay(sock)
        self.startReading()
        self.connected = 1

    @property
    def logstr(self) -> str:  # type: ignore[override]
        prefix = self._getLogPrefix(getattr(self, "protocol", None))
        return f"{prefix},{self.sessionno},{self.hostname}"

    @property
    def repstr(self) -> str:  # type: ignore[override]
        name = type(getattr(self, "protocol", None)).__name__
        return f"<{name} #{self.sessionno} on {self.server._realPortNumber}>"

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
        self._call = DELIVERING
        try:
            self.protocol.dataReceived(data)
        finally:
            self._call = None
        if self._writes or self.disconnecting:
            self._end_call()
        return None


class ReceivingUNIX(PromptMixin, LingeringMixin, unix.Server):
    """A ReceivingTCP for UNIX sockets. The kernel closes descriptors that a peer sends, if we take none."""

    _most = LEAST_RECEIVED

    def __init__(self, sock: socket.socket, *about: Any) -> None:
        if isinstance(about[2], BoundedAcceptMixin):
            self._call = CONNECTING
        super().__init__(sock, *about)

    def doRead(self) -> Any:
        if IFileDescriptorReceiver.providedBy(self.protocol) and self._linger is None:
            return super().doRead()
        return ReceivingTCP.doRead(self)  # type: ignore[arg-type]


class BoundedAcceptMixin:
    """A port that accepts MOST_ACCEPTED peers in a turn, and waits a second if the machine is exhausted.

    inherited_keepalive: accepted sockets have TCP_NODELAY and this keepalive from the start; NOT_INHERITED
    if both are to be set.
    """

    # Its factory is ours. Only what a protocol of others logs while it is connected lacks the context.
    needs_log_context = False
    inherited_keepalive: float | None = NOT_INHERITED
    _given_keepalive: float | None = NOT_INHERITED
    # The peers to try for in the next turn. To find that nobody waits costs as much as a greeting's bytes:
    # peers that come one by one are looked for one by one.
    _most_accepted = MOST_ACCEPTED

    def pass_options_on(self: Any, keepalive: float | None) -> None:
        """Let accepted sockets have TCP_NODELAY and this keepalive from the start, if the system can.

        Linux copies the options of the listening socket when a peer is connected. Other systems copy some,
        so there, and for UNIX sockets, each socket gets its own.
        """
        if sys.platform != "linux" or self.addressFamily == socket.AF_UNIX:
            return
        set_no_delay(self.socket)
        set_keepalive(self.socket, keepalive)
        # Peers that wait now were connected before. So `doRead` relies on it once it has found none.
        self.inherited_keepalive, self._given_keepalive = NOT_INHERITED, keepalive

    def doRead(self: Any) -> None:
        for number in range(self._most_accepted):
            try:
                connected, address = self.socket.accept()
            except BlockingIOError:
                self.inherited_keepalive = self._given_keepalive
                self._most_accepted = max(number, 1)
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
        self._most_accepted = min(2 * self._most_accepted, MOST_ACCEPTED)

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
        made = self.transport(connected, protocol, address, self, self.sessionno, self.reactor)
        if isinstance(made, PromptMixin):
            made.connect(protocol)
        else:
            protocol.makeConnection(made)

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
