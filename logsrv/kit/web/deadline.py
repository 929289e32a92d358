"""A time limit for a whole HTTP exchange of a blocking client, whose own time-out limits only silences."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType


class ExchangeTooSlow(Exception):
    """An exchange took too long; its connection cannot be used any more."""


class ConnectionDeadline:
    """A time limit for a `with` block that uses a connection; at the limit the connection is shut down.

    The block then ends with TooSlow, whatever error the shutdown caused in it.
    """

    def __init__(
        self, connection: Callable[[], http.client.HTTPConnection | None], seconds: float
    ) -> None:
        """`connection`: returns the connection, which may be opened in the block; None before that."""
        self._connection = connection
        self._timer = threading.Timer(seconds, self._shut_connection_down)
        self._timer.daemon = True
        self._over = False

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._over and (kind is None or issubclass(kind, Exception)):
            raise ExchangeTooSlow from error

    def _shut_connection_down(self) -> None:
        self._over = True
        connection = self._connection()
        made = connection.sock if connection is not None else None
        if made is not None:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
