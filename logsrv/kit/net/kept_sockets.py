"""Listening sockets that outlive this process: the service manager passes them to this process, and keeps
them for the next one.

They come from its socket units, or from its store of open files (FileDescriptorStoreMax=), into which the
previous process put them. A socket itself tells its address; its name tells only which of these two it
comes from.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Any

import attrs
from twisted.logger import Logger

from logsrv.kit.observe._notify import notify_message
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import host_text

log = Logger()

# The prefix of the names of sockets that we put into that store; names from socket units lack it.
PREFIX = "kept-"
VACATED = "X_VACATED"
"""The name of the field that tells the service manager that this process takes no more peers; sd_notify(3)
leaves names with `X_` to programs.
"""
# A name is printable ASCII without colons, of at most 255 characters (sd_notify(3)): any character of an
# address that matches `_ODD` becomes `_`, and of a long address only LONGEST_SHOWN characters are in it.
_ODD = re.compile(r"[^A-Za-z0-9._/-]")
LONGEST_SHOWN = 120


@attrs.frozen
class ListeningAddress:
    """An address to listen at.

    kind, family: numbers of the socket module. address: host and port, or the path of a UNIX socket. file:
    the identity of the file at that path (two numbers); None if there is none.
    """

    kind: int
    family: int
    address: tuple[str, int] | bytes
    file: tuple[int, int] | None = attrs.field(default=None, eq=False)

    @property
    def name(self) -> str:
        """Return the name under which the service manager stores the socket: each address has its own name,
        and so has each new file at a path.
        """
        shown = (
            os.fsdecode(self.address)
            if isinstance(self.address, bytes)
            else "-".join(map(str, self.address))
        )
        whole = repr((self.kind, self.family, self.address, self.file))
        digest = hashlib.blake2s(whole.encode(), digest_size=6).hexdigest()
        kind = "datagram" if self.kind == socket.SOCK_DGRAM else "stream"
        return f"{PREFIX}{kind}-{_ODD.sub('_', shown)[:LONGEST_SHOWN]}-{digest}"

    def is_address_of(self, descriptor: int, name: str) -> bool:
        """Return true if the open file `descriptor` is a socket that listens at this address and that peers
        can reach.
        """
        if _kind_and_address(descriptor) != (self.kind, self.family, self.address):
            return False
        if self.family != socket.AF_UNIX or self.address[:1] == b"\0":
            return True
        # The file at the path may have been removed, or belong to another socket.
        return name == self.name if name.startswith(PREFIX) else self.file is not None

    def is_blocked_by(self, descriptor: int) -> bool:
        """Return true if the open file `descriptor` is a socket that prevents a bind to this address.

        It has the same port, and either of them takes all addresses of the machine.
        """
        looked = _kind_and_address(descriptor)
        if (
            looked is None
            or looked[:2] != (self.kind, self.family)
            or self.family == socket.AF_UNIX
        ):
            return False
        (host, port), (here, wanted) = looked[2], self.address
        return port == wanted and any(ip_address(one).is_unspecified for one in (host, here))


def _kind_and_address(descriptor: int) -> tuple[int, int, Any] | None:
    """Return kind, family and address of a socket; None for a stream socket that does not listen, and for
    an open file that is no socket.
    """
    with suppress(OSError), borrowed_socket(descriptor) as asked:
        listens = asked.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if asked.type != socket.SOCK_STREAM or listens:
            return asked.type, asked.family, _bound_address(asked)
    return None


@contextmanager
def borrowed_socket(descriptor: int) -> Iterator[socket.socket]:
    """Yield a socket object for an open file, and leave the file open afterwards. Raises OSError if it is
    not a socket.
    """
    asked = socket.socket(fileno=descriptor)
    try:
        yield asked
    finally:
        asked.detach()


def _bound_address(asked: socket.socket) -> tuple[str, int] | bytes:
    address: Any = asked.getsockname()
    return os.fsencode(address) if asked.family == socket.AF_UNIX else tuple(address[:2])


def _in_use_error(other: str) -> OSError:
    return OSError(
        f"the listener at {other} has that socket of the service manager already: remove one of them"
    )


def _shown_address(descriptor: int) -> str:
    """Return where a socket listens: `127.0.0.1:514`, `[::]:514`, a path. Raises OSError."""
    with borrowed_socket(descriptor) as asked:
        address = _bound_address(asked)
    if not isinstance(address, tuple):
        return os.fsdecode(address)
    # For netlink and vsock it is a number.
    return host_text(str(address[0]), address[1])


class KeptSockets:
    """The listening sockets that one service shares with the service manager.

    leaving: true when the process ends; then the kept sockets stay for the next process.
    """

    def __init__(
        self,
        given: Iterable[tuple[int, str]] = (),
        tell: Callable[[bytes, Sequence[int]], object] | None = None,
    ) -> None:
        """`given`: open files with their names. `tell`: sends a message; None if no manager keeps any."""
        self._given = dict(given)
        self._tell = tell
        self._stored: dict[ListeningAddress, str] = {}
        self._from_units: set[ListeningAddress] = set()
        # The socket units' sockets that listeners use, each with its listener: the listener's address, or
        # its endpoint if that has the socket's name or number.
        self._taken: dict[int, ListeningAddress | str] = {}
        self.leaving = False
        for descriptor in self._given:
            # The environment may be wrong: perhaps no file has that number.
            with suppress(OSError):
                os.set_inheritable(descriptor, False)

    @property
    def may_have_sockets(self) -> bool:
        """Return true if the service manager has given sockets to this process, or keeps sockets for it."""
        return bool(self._given) or self._tell is not None

    def holds(self, address: ListeningAddress | None) -> bool:
        """Return true if a socket from the service manager listens at an address, whether a listener has
        taken this socket or not.
        """
        return address is not None and any(
            address.is_address_of(*one) for one in self._given.items()
        )

    def take(self, address: ListeningAddress) -> socket.socket | None:
        """Return the socket that the service manager has opened at an address, so that a listener uses it;
        None if the service manager has opened no socket there.

        Raises OSError if another listener uses that socket, because its endpoint has the socket's name or
        number.
        """
        for descriptor, name in self._given.items():
            if not address.is_address_of(descriptor, name):
                continue
            if name.startswith(PREFIX):
                del self._given[descriptor]
                self._stored[address] = name
            else:
                # The socket of a unit stays, for a listener after a reload.
                if isinstance(other := self._taken.get(descriptor), str):
                    raise _in_use_error(other)
                self._from_units.add(address)
                self._taken[descriptor] = address
                descriptor = os.dup(descriptor)
            taken = socket.socket(fileno=descriptor)
            taken.setblocking(False)
            return taken
        return None

    def note_adopted(self, descriptor: int, endpoint: str) -> None:
        """Note that a listener uses the socket of a socket unit, because the endpoint of the listener names
        this socket.

        endpoint: its text, with the socket's name or number. Raises OSError if another listener uses it.
        """
        if descriptor in self._taken:
            other = self._taken[descriptor]
            raise _in_use_error(other if isinstance(other, str) else _shown_address(descriptor))
        self._taken[descriptor] = endpoint

    def note_listener_ended(self, listener: ListeningAddress | str) -> None:
        """Note that a listener has ended. listener: its address, or its endpoint if this has the name or
        the number of a socket.
        """
        self._taken = {one: other for one, other in self._taken.items() if other != listener}

    def untaken_addresses(self) -> list[str]:
        """Return the addresses of those sockets of socket units that no listener uses."""
        found = []
        for descriptor, name in self._given.items():
            if not name.startswith(PREFIX) and descriptor not in self._taken:
                with suppress(OSError):
                    found.append(_shown_address(descriptor))
        return [where for where in found if where]

    def give_to_manager(self, address: ListeningAddress, descriptor: int) -> None:
        """Give the socket of an open listener to the service manager, which keeps it for the next
        process.
        """
        if (
            self._tell is None
            or address in self._from_units
            or self._stored.get(address) == address.name
        ):
            return
        # The kept socket may be of an earlier file at this path.
        self.remove_from_manager(address)
        self._stored[address] = address.name
        self._tell(notify_message(FDSTORE=1, FDNAME=address.name), [descriptor])

    def is_from_unit(self, address: ListeningAddress | None) -> bool:
        """Return true if the socket at an address comes from a socket unit."""
        return address in self._from_units

    def outlives(self, address: ListeningAddress | None) -> bool:
        """Return true if the socket stays open when this process ends: the service manager keeps it.

        The manager keeps every socket that comes from a unit, and those that it was given for a restart.
        """
        return address in self._from_units or (self.leaving and address in self._stored)

    def remove_from_manager(self, address: ListeningAddress | None) -> None:
        """Let the service manager close its copy of the socket, because nothing listens at the address any
        more.
        """
        name = self._stored.pop(address, None) if address is not None else None
        if name is not None:
            self._remove_from_store(name)

    def close_blocking(self, address: ListeningAddress) -> bool:
        """Close the sockets of the previous process that prevent a bind to an address; return true if there
        was one.
        """
        return self._close_stored(address.is_blocked_by)

    def close_unwanted(self) -> None:
        """Close the sockets of the previous process that no listener of this process has taken.

        The untaken sockets of units stay open, and peers that connect there wait: a warning says so.
        """
        for where in self.untaken_addresses():
            log.warn(
                "the service manager listens at {where}, and no listener has that place: peers wait in "
                "vain; listen there, or remove it from the .socket unit",
                where=one_line(where),
            )
        self._close_stored(lambda _: True)

    def _close_stored(self, unwanted: Callable[[int], bool]) -> bool:
        closed = [
            (descriptor, name)
            for descriptor, name in self._given.items()
            if name.startswith(PREFIX) and unwanted(descriptor)
        ]
        for descriptor, name in closed:
            del self._given[descriptor]
            self._remove_from_store(name)
            os.close(descriptor)
        return bool(closed)

    def _remove_from_store(self, name: str) -> None:
        if self._tell is not None:
            self._tell(notify_message(FDSTOREREMOVE=1, FDNAME=name), ())
