"""The address of a listener: taken over from the last process, kept for the next one, or left."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from twisted.logger import Logger

from logsrv.kit.net.bind import (
    HIDDEN,
    ListenError,
    bound_socket,
    check_can_bind,
    listen_error,
    listening_address_of,
    socket_file_id,
)
from logsrv.kit.net.kept_sockets import KeptSockets, ListeningAddress
from logsrv.reactor import Timer

log = Logger()

# Seconds to wait until systemd has closed a kept socket, which it does in a thread, within a millisecond.
# Then the address is bound anyway, and the error of that is reported.
WAY_SECONDS = 2.0
LOOK_SECONDS = 10.0
GONE = "the file of a socket was removed or replaced, so no peer reaches it: {why}"


class ListenerAddress:
    """The address of one listener, and the file there of a UNIX socket.

    kept: the sockets that outlive this process. known: the address by which one of them is found; None
    before the listener is bound, and if no manager keeps sockets or the address is not known beforehand.
    """

    def __init__(self, listener: Any, kept: KeptSockets | None, reactor: Any) -> None:
        """`listener` has an `endpoint`, `open`, and `drain_old_socket`, which returns the object that the
        reactor watches.
        """
        self.kept = kept or KeptSockets()
        self.known: ListeningAddress | None = None
        self._listener, self._reactor = listener, reactor
        # The `socket_file_id` of the bound socket.
        self._file: tuple[int, int] | None = None
        self._next_look = Timer(reactor)

    @property
    def outlives(self) -> bool:
        """Return true if the service manager keeps the socket when this process closes it."""
        return self.kept.outlives(self.known)

    def take_kept_socket(self) -> socket.socket | None:
        """Return the socket that was kept at the address; None if there is none.

        A restart with another address leaves a kept socket at the same port. It is closed, if it is in the
        way; the service manager closes its copy a moment later, and this waits for that, up to WAY_SECONDS.
        Raises ListenError.
        """
        endpoint = self._listener.endpoint
        self.known = address = (
            listening_address_of(endpoint) if self.kept.may_have_sockets else None
        )
        if address is None:
            return None
        try:
            taken = self.kept.take(address)
        except OSError as error:
            raise listen_error(error, endpoint) from error
        if taken is None and self.kept.close_blocking(address):
            end = time.monotonic() + WAY_SECONDS
            while time.monotonic() < end:
                try:
                    check_can_bind(endpoint)
                    break
                except ListenError:
                    time.sleep(0.01)
        return taken

    def note_bound(self) -> None:
        """Note which file the bound socket has."""
        self._file = socket_file_id(self._listener.endpoint.path or "")

    def note_open(self, descriptor: int) -> None:
        """Give the open socket to the service manager to keep, and watch its file.

        Only now: a start that fails closes the sockets that it has bound.
        """
        address = (
            listening_address_of(self._listener.endpoint) if self.kept.may_have_sockets else None
        )
        if address is not None:
            self.known = address
            self.kept.give_to_manager(address, descriptor)
        self.watch_and_restore()

    def watch_and_restore(self) -> None:
        """Check the file now and every LOOK_SECONDS; make it again if it is gone.

        If that fails, log an error, and check no more.
        """
        try:
            self.restore_if_missing()
        except ListenError as error:
            log.error(GONE + "; mend that, then reload (SIGHUP)", why=str(error))

    def restore_if_missing(self) -> None:
        """Make a missing file again; if it is a socket unit's, only log that. Raises ListenError."""
        endpoint = self._listener.endpoint
        if socket_file_id(endpoint.path or "") in (self._file, HIDDEN):
            if self._file is not None:
                self._next_look.start(LOOK_SECONDS, self.watch_and_restore)
        elif self.kept.is_from_unit(listening_address_of(endpoint)):
            log.error(GONE, why=f"{endpoint} is of a .socket unit: stop the service, restart that")
        else:
            try:
                with bound_socket(endpoint) as fresh:
                    reader = self._listener.drain_old_socket()
                    self._reactor.removeReader(reader)
                    # The new socket gets the old one's number, so all code that has this number uses it.
                    os.dup2(fresh.fileno(), reader.fileno(), inheritable=False)
            except OSError as error:
                raise listen_error(error, endpoint) from error
            self.note_bound()
            log.warn(
                "{endpoint}: its socket file was missing and was created again",
                endpoint=str(endpoint),
            )
            self._listener.open()

    def stop_watching(self) -> None:
        """Watch the file no longer: the listener ends."""
        self._next_look.stop()

    def leave(self) -> None:
        """Leave the address to others: let the manager close its socket, and remove the file.

        Our socket is still open, so another program's file at the path is not taken for ours.
        """
        self.kept.remove_from_manager(self.known)
        endpoint = self._listener.endpoint
        path = endpoint.path or ""
        if self._file is not None and socket_file_id(path) == self._file:
            try:
                os.unlink(path)
            except OSError as error:
                log.warn("{endpoint}: {error}", endpoint=str(endpoint), error=str(error))
