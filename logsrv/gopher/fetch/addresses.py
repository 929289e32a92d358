"""The addresses of hosts, remembered for a minute.

`getaddrinfo` blocks, so each lookup has its own thread. The threads are not from a pool: Python would wait
for them at its end, and a name server may be silent for long.
"""

from __future__ import annotations

import _thread
import errno
import os
import socket
from collections.abc import Callable
from io import FileIO
from selectors import EVENT_READ, BaseSelector
from typing import Any

Address = tuple[socket.AddressFamily, Any]
Found = list[Address] | OSError

# Seconds for which the addresses of a name are remembered. A lookup for each of a thousand small files
# would take longer than fetching them.
KNOWN_FOR = 60.0
_MOST_KNOWN = 1000


class AddressLookup:
    """The addresses of hosts, remembered for a minute.

    selector: of the module `selectors`. Each lookup registers a pipe there; when that is readable, the
    owner of the selector calls the function in the `data` of its key.
    """

    def __init__(self, selector: BaseSelector, clock: Callable[[], float]) -> None:
        self._selector = selector
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, list[Address] | None]] = {}
        self._waiting: set[FileIO] = set()

    def look_up(self, host: str, port: int, then: Callable[[Found], None]) -> None:
        """Call `then` with the addresses of a host: at once if they are known, else when they are found."""
        until, known = self._known.get((host, port), (0.0, None))
        if until <= self._clock():
            known = _numeric_address(host, port)
        if known is not None:
            then(known)
            return
        try:
            here, result = _start_lookup_thread(host, port)
        except OSError as error:
            then(error)
            return

        def finish() -> None:
            self._waiting.discard(here)
            self._close_pipe(here)
            self._remember(host, port, result[0])
            then(result[0])

        self._waiting.add(here)
        self._selector.register(here, EVENT_READ, finish)

    def forget(self, host: str, port: int) -> None:
        """Forget the addresses of a name: none of them accepted a connection."""
        self._known.pop((host, port), None)

    def cancel_lookups(self) -> None:
        """Drop all lookups; their callbacks are not called."""
        for here in self._waiting:
            self._close_pipe(here)
        self._waiting.clear()

    def _close_pipe(self, here: FileIO) -> None:
        self._selector.unregister(here)
        here.close()

    def _remember(self, host: str, port: int, found: Found) -> None:
        if isinstance(found, OSError):
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[host, port] = (self._clock() + KNOWN_FOR, found)


def _numeric_address(host: str, port: int) -> list[Address] | None:
    try:
        if ":" in host:
            socket.inet_pton(socket.AF_INET6, host)
            return [(socket.AF_INET6, (host, port, 0, 0))]
        socket.inet_pton(socket.AF_INET, host)
        return [(socket.AF_INET, (host, port))]
    except OSError:
        return None


def _start_lookup_thread(host: str, port: int) -> tuple[FileIO, list[Found]]:
    """Begin a lookup in a thread. Return a pipe, which ends with the lookup, and a list for its result.

    Raises OSError.
    """
    reading, writing = os.pipe()
    here = FileIO(reading)
    result: list[Found] = []

    def look_up() -> None:
        # Closing the pipe reports the end of the lookup; perhaps nobody waits for it any more.
        try:
            result.append(_resolve_blocking(host, port))
        finally:
            os.close(writing)

    try:
        _thread.start_new_thread(look_up, ())
    except RuntimeError:
        here.close()
        os.close(writing)
        reason = "the name cannot be looked up: the system starts no more threads"
        raise OSError(errno.EAGAIN, reason) from None
    return here, result


def _resolve_blocking(host: str, port: int) -> Found:
    try:
        # The host is passed as bytes: for a string, Python would load its tables of international names.
        found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        return error
    return [(family, address) for family, _, _, _, address in found]
