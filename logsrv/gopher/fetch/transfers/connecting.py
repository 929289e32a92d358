"""Connections: from the name of a host, by one of its addresses, to the request that is sent."""

from __future__ import annotations

import errno
import math
import os
import socket
from collections.abc import Callable
from selectors import EVENT_WRITE, BaseSelector

from logsrv.errors import LogsrvError
from logsrv.gopher.fetch.transfers.addresses import Address, Addresses
from logsrv.gopher.fetch.transfers.socket_transfer import SocketTransfer

# A host with several addresses, one of them unreachable, should not use up all of the time.
EACH_ADDRESS = 3.0
# Without it, the request goes with the ACK of the handshake: a packet less, and the server is woken once.
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)


class Connector:
    """Connects transfers. addresses: of their hosts."""

    def __init__(
        self,
        selector: BaseSelector,
        clock: Callable[[], float],
        allow: Callable[[str, int], None] | None,
        connected: Callable[[SocketTransfer], None],
        failed: Callable[[SocketTransfer], None],
    ) -> None:
        """allow: raises a LogsrvError for an address and a port that must not be connected to. connected,
        failed: called when a transfer has a connection, or `error` says why it will have none.
        """
        self._selector = selector
        self._clock = clock
        self._allow = allow
        self._connected = connected
        self._failed = failed
        self.addresses = Addresses(selector, clock)

    def begin(self, transfer: SocketTransfer) -> None:
        """Look the host up, and connect to it."""
        host, port = transfer.place
        known = self.addresses.known(host, port)
        if known is not None:
            self._found(transfer, known)
        else:
            self.addresses.look_up(host, port, lambda found: self._found(transfer, found))

    def try_next(self, transfer: SocketTransfer, error: Exception | None = None) -> None:
        """Connect to the next address; error: why the one before was none."""
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
            # The request would wait until the end of a handshake of TLS or SOCKS is acknowledged.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _QUICKACK is not None:
                sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 0)
            transfer.socket = sock
            transfer.patience = self._clock() + EACH_ADDRESS
            number = sock.connect_ex(address)
            if number in (0, errno.EINPROGRESS):
                # To a host nearby, sending at once saves a round through the selector.
                if number == 0 or transfer.is_plain:
                    self._connecting(transfer)
                else:
                    transfer.listen(EVENT_WRITE)
                return
            transfer.close()
            error = OSError(number, os.strerror(number))
        assert error is not None, "getaddrinfo returns one address or more"
        self.addresses.forget(*transfer.place)
        transfer.failed(error)
        self._failed(transfer)

    def look_at_clock(self, transfer: SocketTransfer, now: float) -> None:
        """Begin with a transfer whose pause is over, or with the next address of a silent one."""
        if transfer.patience > now:
            return
        if transfer.socket is None:
            transfer.patience = math.inf
            self.begin(transfer)
        elif others := list(transfer.addresses):
            transfer.addresses = iter(others)
            self.try_next(transfer)

    def _found(self, transfer: SocketTransfer, addresses: list[Address] | OSError) -> None:
        if transfer.done:
            # It was stopped, or its time was over, while the name was looked up.
            return
        if isinstance(addresses, OSError):
            transfer.failed(addresses)
            self._failed(transfer)
            return
        transfer.step = self._connecting
        transfer.addresses = iter(addresses)
        self.try_next(transfer)

    def _connecting(self, transfer: SocketTransfer) -> None:
        sock = transfer.socket
        assert sock is not None
        if transfer.is_plain:
            # The first send tells whether there is a connection.
            try:
                sent = sock.send(transfer.request)
            except OSError as error:
                if error.errno in (errno.EAGAIN, errno.ENOTCONN):
                    transfer.listen(EVENT_WRITE)
                else:
                    self.try_next(transfer, error)
                return
        else:
            sent = 0
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self.try_next(transfer, OSError(number, os.strerror(number)))
                return
        transfer.connected(self._clock())
        transfer.outgoing = transfer.outgoing[sent:]
        transfer.patience = math.inf
        self._connected(transfer)
