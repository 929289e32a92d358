"""The end of an exchange over HTTP by a blocking client: its time-out is that of a silence alone."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType


class TooSlow(Exception):
    """An exchange took too long; its connection is of no more use."""


class Deadline:
    """A limit of seconds for a `with` block that uses a connection; at the limit it is hung up.

    The block then ends with TooSlow, whichever error that made in it.
    """

    def __init__(
        self, connection: Callable[[], http.client.HTTPConnection | None], seconds: float
    ) -> None:
        """`connection`: returns the one to hang up; it may be opened in the block."""
        self._connection = connection
        self._timer = threading.Timer(seconds, self._hang_up)
        self._timer.daemon = True
        self._over = False

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._over and (kind is None or issubclass(kind, Exception)):
            raise TooSlow from error

    def _hang_up(self) -> None:
        self._over = True
        connection = self._connection()
        made = connection.sock if connection is not None else None
        if made is not None:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
