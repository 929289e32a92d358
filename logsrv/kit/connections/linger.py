"""A way to close a connection so that the peer still gets the last output, even if the peer continues to
send.

A socket that is closed with unread bytes, or that gets bytes afterwards, is reset by the system: what the
peer had not read by then, such as its last acknowledgement, is lost. So the sending direction is closed
first. Then what the peer sends is read and dropped, until it closes too, or has sent enough, or for long
enough.
"""

from __future__ import annotations

import socket
import termios
from typing import Any, Final

from twisted.internet import main
from twisted.internet.abstract import FileDescriptor
from twisted.python.failure import Failure

from logsrv.kit.connections.transports import ioctl_byte_count
from logsrv.reactor import Timer

LINGER_SECONDS: Final = 5.0
"""The seconds in which a peer must read the last bytes and close the connection."""
LINGER_BYTES: Final = 64 << 20
"""The most bytes of the peer that are dropped during this time: more than the window of a sender, or the
body of a request.
"""


class LingeringMixin:
    """A mix-in for `tcp.Server` and `unix.Server`: the connection lingers when it is closed, if something
    was written to the peer.

    lingers: whether the next close is of that kind; None: if there are unread bytes. taken_bytes: how many
    bytes the system has taken for the peer.
    """

    lingers: bool | None = None
    taken_bytes = 0
    _has_written = False
    # Runs while the connection lingers.
    _linger: Timer | None = None
    _dropped = 0

    @property
    def lingering(self) -> bool:
        """Return true while the connection lingers: all output is sent, and input is dropped."""
        return self._linger is not None

    def writeSomeData(self: Any, data: bytes) -> Any:
        # A close without output asks for the writing of nothing.
        if data:
            self._has_written = True
        sent = super().writeSomeData(data)  # type: ignore[misc]
        if isinstance(sent, int) and sent > 0:
            self.taken_bytes += sent
        return sent

    def _postLoseConnection(self: Any) -> Any:
        if self._linger is not None:
            return None
        lingers = self.lingers
        if lingers is None:
            lingers = bool(ioctl_byte_count(self, termios.FIONREAD))
        if lingers and self._has_written:
            return self._begin_to_linger()
        return super()._postLoseConnection()  # type: ignore[misc]

    def _begin_to_linger(self: Any) -> Any:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return main.CONNECTION_LOST
        # Later writes are dropped.
        self._writeDisconnected = True
        self._linger = Timer(self.reactor)
        self._linger.start(LINGER_SECONDS, self.stop_lingering)
        self.startReading()
        return None

    def drop_input(self: Any, size: int) -> Any:
        """Count dropped input; return the reason to end the connection if more than LINGER_BYTES were
        dropped, else None.
        """
        self._dropped += size
        return main.CONNECTION_DONE if self._dropped > LINGER_BYTES else None

    def stop_lingering(self: Any) -> None:
        """Close the connection now, if it lingers."""
        if self._linger is not None and self.connected:
            self.connectionLost(Failure(main.CONNECTION_DONE))

    def pauseProducing(self: Any) -> None:
        if self._linger is None:
            super().pauseProducing()  # type: ignore[misc]

    def readConnectionLost(self: Any, reason: Failure) -> None:
        if self._linger is None:
            super().readConnectionLost(reason)  # type: ignore[misc]
        else:
            self.connectionLost(reason)

    def connectionLost(self: Any, reason: Failure) -> None:
        if self._linger is not None:
            self._linger.stop()
        super().connectionLost(reason)  # type: ignore[misc]


def _lingering_under(transport: Any) -> LingeringMixin | None:
    """Return the transport under layers such as TLS, if it can linger."""
    while transport is not None and not isinstance(transport, FileDescriptor):
        transport = getattr(transport, "__dict__", {}).get("transport")
    return transport if isinstance(transport, LingeringMixin) else None


def linger_at_close(transport: Any, lingers: bool = True) -> None:
    """Set whether the next `loseConnection` of a transport lingers, because the peer may continue to send.

    It has no effect on transports in memory and of other packages, nor if nothing was written.
    """
    found = _lingering_under(transport)
    if found is not None:
        found.lingers = lingers


def is_lingering(transport: Any) -> bool:
    """Return true if a connection lingers: it drops its input, and only waits until the peer closes."""
    found = _lingering_under(transport)
    return found is not None and found.lingering


def stop_lingering(transport: Any) -> None:
    """Close a lingering connection now."""
    found = _lingering_under(transport)
    if found is not None:
        found.stop_lingering()
