"""The transport of an accepted TCP connection, which the reactor watches only when it has to."""

from __future__ import annotations

from typing import Any

from twisted.internet import tcp


class AcceptedTCP(tcp.Server):
    """A `tcp.Server` that waits for input only when its protocol has been connected.

    Twisted's own does so before, which costs one that says something and closes two epoll_ctl(2) for
    nothing, a fifth of all its work.
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
        """`connectionMade` has returned: watch for input, unless the protocol said otherwise."""
        self._connected_protocol = True
        if self._wants_input:
            super().startReading()


def watch_later(port: Any) -> None:
    """Let a listening port make these transports, if it is one for plain TCP."""
    if isinstance(port, tcp.Port) and port.transport is tcp.Server:
        port.transport = AcceptedTCP
