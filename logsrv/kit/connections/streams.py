"""Twisted's ports, transports and epoll reactor with fewer steps for accepting and receiving.

`ports.use_our_classes` puts these classes in place of Twisted's.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from functools import partial
from typing import Any

from twisted.internet import main, tcp, unix
from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IFileDescriptorReceiver, IProtocol
from twisted.internet.tcp import _reservedFD as reserved_file
from twisted.logger import Logger
from twisted.python import context
from twisted.python import log as twisted_log
from twisted.python.failure import Failure

from logsrv.kit.connections.transports import ANSWERS, set_no_delay
from logsrv.kit.observe.rate_limited_log import RateLimitedLog

log = Logger()

NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
# Bytes received at a time: grow to 256 KiB after a full read, shrink after one of less than LITTLE. 256 KiB
# take a quarter less CPU time per line than 64 KiB. But the memory must be there before the read, and by
# default glibc lets the kernel map and unmap that much for each call.
LEAST_RECEIVED = 64 * 1024
MOST_RECEIVED = 256 * 1024
LITTLE = 4 * 1024
# Connections that a listener accepts in one turn of the reactor. Each may be served at once, a server has
# many listeners, and thousands of short connections would keep all others waiting. So the number grows
# while turns are shorter than TURN_SECONDS (128 cost an eighth less CPU than 16), and shrinks while they
# are longer.
LEAST_ACCEPTED = 8
MOST_ACCEPTED = 128
TURN_SECONDS = 0.004
# Errors of accept(2) that are not its own: a connection ended before it was accepted.
BROKEN_BEFORE = frozenset(
    getattr(errno, name)
    for name in (
        "ENETDOWN", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP",
        "ENETUNREACH", "ECONNABORTED",
    )
    if hasattr(errno, name)
)  # fmt: skip
# Errors of an exhausted machine: for a second nothing is accepted, because it would fail again.
EXHAUSTED = frozenset((errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
ADVICE = {errno.ENFILE: "sysctl fs.file-max", errno.EMFILE: "LimitNOFILE=, ulimit -n"}
AGAIN_SECONDS = 1.0
EXHAUSTIONS = RateLimitedLog(time.monotonic)
EPOLLIN = getattr(select, "EPOLLIN", 1)


def _log_exhausted(error: OSError, done: str = "accepted") -> None:
    EXHAUSTIONS.log_unless_recent(
        log.error,
        f"{done} {error.errno}",
        "peers wait, none can be {done}: {why} ({advice}); {number} since this was last logged",
        done=done,
        why=os.strerror(error.errno or 0),
        advice=ADVICE.get(error.errno or 0, "memory of the kernel"),
    )


class ReceivingTCP(tcp.Server):
    """A `tcp.Server` that receives more at a time while much data comes.

    Twisted's `bufferSize` cannot be used: it is also the limit of unsent data.
    """

    _most = LEAST_RECEIVED
    logstr: str | None = None  # type: ignore[assignment]

    def __init__(
        self,
        sock: socket.socket,
        protocol: IProtocol,
        client: tuple[Any, ...],
        server: tcp.Port,
        sessionno: int,
        reactor: Any,
    ) -> None:
        """Do what Twisted's does, except the text for `repr`, which is hardly ever needed."""
        sock.setblocking(False)
        set_no_delay(sock)
        self.reactor = reactor
        self.socket = sock
        self.fileno = sock.fileno
        self.protocol = protocol
        self._tempDataBuffer = []
        self._tempDataLen = 0
        if len(client) != 2:
            self._addressType = IPv6Address
        self.server = server
        self.client = client
        self.sessionno = sessionno
        self.hostname = client[0]
        self.startReading()
        self.connected = 1

    def logPrefix(self) -> str:
        """Return Twisted's prefix, made at the first call: many connections end without one."""
        if self.logstr is None:
            # Twisted's looks for the interface first. After the end there is no protocol any more.
            protocol = getattr(self, "protocol", None)
            prefix = getattr(protocol, "logPrefix", None)
            name = type(protocol).__name__ if prefix is None else prefix()
            self.logstr = f"{name},{self.sessionno},{self.client[0]}"
        return self.logstr

    def __repr__(self) -> str:
        name = self.logPrefix().partition(",")[0]
        return f"<{name} #{self.sessionno} on {getattr(self.server, '_realPortNumber', None)}>"

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
        if not data:
            # The kit's protocols may end at once, without all the steps of the reactor.
            leave = getattr(self.protocol, "close_if_finished", None)
            return None if leave is not None and leave() else main.CONNECTION_DONE
        received = len(data)
        if received == LEAST_RECEIVED:
            self._most = MOST_RECEIVED
        elif received < LITTLE and most > LEAST_RECEIVED:
            self._most = LEAST_RECEIVED
        self.protocol.dataReceived(data)
        return None

    def connectionLost(self, reason: Failure) -> None:
        """Do what Twisted's does, by a short way for the usual end."""
        if reason.value.__class__ is not ConnectionDone or self.producer or self.disconnected:
            super().connectionLost(reason)
            return
        self.disconnected, self.connected = 1, 0
        self.reactor.removeReader(self)
        self.reactor.removeWriter(self)
        self._closeSocket(True)
        protocol = self.protocol
        del self.protocol, self.socket, self.fileno
        protocol.connectionLost(reason)


class AcceptedTCP(ReceivingTCP):
    """A transport that watches for input only after its protocol was connected.

    Twisted's watches before that: a protocol that writes and closes at once then needs two epoll_ctl(2) in
    vain, a fifth of all its work.
    """

    _connected_protocol = False
    _wants_input = False

    def startReading(self) -> None:
        if self._connected_protocol:
            super().startReading()
        else:
            self._wants_input = True

    def stopReading(self) -> None:
        if self._connected_protocol:
            super().stopReading()
        else:
            self._wants_input = False

    def protocol_connected(self) -> None:
        """Watch for input after `connectionMade`, unless the protocol has paused."""
        if not self.connected:
            # The protocol closed it at once, so it has no socket any more.
            return
        if self._wants_input and isinstance(self.server, AcceptingPort) and self.server.expecting:
            self._receive_first(self.server)
        self._connected_protocol = True
        if self._wants_input and self.connected:
            super().startReading()

    def _receive_first(self, port: AcceptingPort) -> None:
        """Receive the data that is there already, before the system is asked to watch."""
        try:
            data = self.socket.recv(LEAST_RECEIVED)
        except BlockingIOError:
            port.expecting = False
            return
        except OSError as error:
            if error.errno not in EXHAUSTED:
                self.connectionLost(Failure(main.CONNECTION_LOST))
            return
        if not data:
            # The peer has closed. The reactor will read the end once more, and then end the connection.
            return
        try:
            self.protocol.dataReceived(data)
        except BaseException:
            log.failure("Unhandled Error")
            self.connectionLost(Failure())


class ReceivingUNIX(unix.Server):
    """A ReceivingTCP for UNIX sockets. The kernel closes descriptors that a peer sends, if we take none."""

    _most = LEAST_RECEIVED

    def doRead(self) -> Any:
        if IFileDescriptorReceiver.providedBy(self.protocol):
            return super().doRead()
        return ReceivingTCP.doRead(self)  # type: ignore[arg-type]


class FastAcceptMixin:
    """A port that takes fewer steps for each connection, and waits a second if the machine is exhausted.

    expecting: the next peer's first data has probably come, because several peers have waited, and the data
    of the one before had come. So it is read at once. That costs less than a watch and its event, and a
    connection that is answered and closed then is never watched.
    """

    expecting = False
    _most_accepted = LEAST_ACCEPTED
    _began = 0.0

    def doRead(self: Any) -> None:
        listening, factory = self.socket, self.factory
        scoped = self.addressFamily == socket.AF_INET6
        seconds = self.reactor.seconds
        accepted, began = 0, seconds()
        enough = began + TURN_SECONDS
        if began - self._began < TURN_SECONDS:
            self._most_accepted = min(2 * self._most_accepted, MOST_ACCEPTED)
        else:
            self._most_accepted = max(self._most_accepted // 2, LEAST_ACCEPTED)
        self._began = began
        self.expecting = False
        try:
            while accepted < self.numberAccepts and seconds() < enough:
                try:
                    descriptor, address = listening._accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno in BROKEN_BEFORE:
                        break
                    # Twisted may have lost the file that it would close to accept and refuse.
                    no_reserve = error.errno == errno.EMFILE and not reserved_file.available()
                    if error.errno in EXHAUSTED or no_reserve:
                        self._pause_accepting(error)
                        break
                    # Twisted's own method handles other errors, such as no free descriptor.
                    super().doRead()  # type: ignore[misc]
                    return
                accepted += 1
                if accepted == 2:
                    self.expecting = True
                connected = socket.socket(self.addressFamily, socket.SOCK_STREAM, 0, descriptor)
                try:
                    if scoped:
                        host, _ = socket.getnameinfo(address, NUMERIC)
                        address = (host, *address[1:])
                    protocol = factory.buildProtocol(self._buildAddr(address))
                except BaseException:
                    connected.close()
                    raise
                if protocol is None:
                    connected.close()
                    continue
                number = self.sessionno
                self.sessionno = number + 1
                protocol.makeConnection(
                    self.transport(connected, protocol, address, self, number, self.reactor)
                )
            # More connections wait: accept more of them in the next turn.
            if accepted == self.numberAccepts:
                accepted += 20
            self.numberAccepts = min(max(1, accepted), self._most_accepted)
        except BaseException:
            log.failure("cannot accept")

    def _pause_accepting(self: Any, error: OSError) -> None:
        """Accept nobody for a second: otherwise the reactor would do nothing but try."""
        _log_exhausted(error)
        self.stopReading()
        self.reactor.callLater(AGAIN_SECONDS, self._accept_again)

    def _accept_again(self: Any) -> None:
        listening = self.connected and self.socket
        if listening and not self.disconnecting and listening.fileno() >= 0:
            self.startReading()


class AcceptingPort(FastAcceptMixin, tcp.Port):
    """A `tcp.Port` with the methods of FastAcceptMixin."""


QUICK = frozenset((AcceptedTCP, ReceivingTCP, ReceivingUNIX))
"""The transports that read without the reactor's checks: their `doRead` copes with a closed socket."""


def speed_up_epoll(reactor: Any) -> None:
    """Let Twisted's epoll reactor read from our transports with fewer steps; leave any other as it is.

    For each event Twisted makes a context for its old log by nine calls: a tenth of a short request.
    """
    if type(reactor).__module__ == "twisted.internet.epollreactor":
        vars(reactor).setdefault("doIteration", partial(poll_once, reactor))


def poll_once(reactor: Any, timeout: float | None) -> None:
    """Wait for events, and handle them, as `EPollReactor.doPoll` does."""
    selectables = reactor._selectables
    try:
        events = reactor._poller.poll(-1 if timeout is None else timeout, len(selectables))
    except OSError as error:
        if error.errno == errno.EINTR:
            return
        raise
    contexts = context.theContextTracker.currentContext().contexts
    reading = ReadLogContext()
    contexts.append(reading)
    ANSWERS.collecting = len(events) > 1
    try:
        for descriptor, event in events:
            # An earlier event may have removed the selectable.
            selectable = selectables.get(descriptor)
            if event == EPOLLIN and type(selectable) in QUICK:
                reading.transport = selectable
                _read_selectable(reactor, selectable)
            elif selectable is not None:
                ANSWERS.send_to(selectable)
                twisted_log.callWithLogger(
                    selectable, reactor._doReadOrWrite, selectable, descriptor, event
                )
    finally:
        ANSWERS.collecting = False
        ANSWERS.send_all()
        contexts.pop()


class ReadLogContext:
    """The context of Twisted's old log while a transport reads: its prefix, made when it is asked for."""

    transport: Any = None

    def __getitem__(self, key: object) -> dict[str, str]:
        if key is not twisted_log.ILogContext or self.transport is None:
            raise KeyError(key)
        return {"system": self.transport.logPrefix()}


def _read_selectable(reactor: Any, selectable: Any) -> None:
    try:
        why = selectable.doRead()
    except BaseException as error:
        why = error
        twisted_log.err()
    if why:
        ANSWERS.send_to(selectable)
        try:
            reactor._disconnectSelectable(selectable, why, True)
        except Exception:
            twisted_log.err()
