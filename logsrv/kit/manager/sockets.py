"""Listening sockets that outlive this process: given by the service manager, and kept by it.

It gives those of its socket units, and those that the process of before has put into its store of open
files (FileDescriptorStoreMax=). What one is, it is asked itself; its name tells only whose it is.
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

from logsrv.kit.manager.notify import message
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.words import host_text

log = Logger()

# The names of those that we have put into the store; those of socket units have none such.
PREFIX = "kept-"
# A name is printable ASCII without colons, of at most 255 characters (sd_notify(3)).
_ODD = re.compile(r"[^A-Za-z0-9._/-]")
LONGEST_SHOWN = 120


@attrs.frozen
class ListeningPlace:
    """A place to listen at.

    kind, family: as the socket module has them. address: host and port, or the path of a UNIX socket.
    file: what tells the file at that path from any other; None if there is none.
    """

    kind: int
    family: int
    address: tuple[str, int] | bytes
    file: tuple[int, int] | None = attrs.field(default=None, eq=False)

    @property
    def name(self) -> str:
        """The name for the store: no other place has it, nor has another file at that path."""
        shown = (
            os.fsdecode(self.address)
            if isinstance(self.address, bytes)
            else "-".join(map(str, self.address))
        )
        whole = repr((self.kind, self.family, self.address, self.file))
        digest = hashlib.blake2s(whole.encode(), digest_size=6).hexdigest()
        kind = "datagram" if self.kind == socket.SOCK_DGRAM else "stream"
        return f"{PREFIX}{kind}-{_ODD.sub('_', shown)[:LONGEST_SHOWN]}-{digest}"

    def is_of(self, descriptor: int, name: str) -> bool:
        """Return true if an open file of that name is a socket that listens here, and can be reached."""
        if _look(descriptor) != (self.kind, self.family, self.address):
            return False
        if self.family != socket.AF_UNIX or self.address[:1] == b"\0":
            return True
        # The file may have been removed, or be another's.
        return name == self.name if name.startswith(PREFIX) else self.file is not None

    def is_blocked_by(self, descriptor: int) -> bool:
        """Return true if an open file is a socket of the same port, and one of the two is everywhere."""
        looked = _look(descriptor)
        if (
            looked is None
            or looked[:2] != (self.kind, self.family)
            or self.family == socket.AF_UNIX
        ):
            return False
        (host, port), (here, wanted) = looked[2], self.address
        return port == wanted and any(ip_address(one).is_unspecified for one in (host, here))


def _look(descriptor: int) -> tuple[int, int, Any] | None:
    """Return kind, family and address of an open file that is a socket, and listens if it has streams."""
    with suppress(OSError), _borrowed(descriptor) as asked:
        listens = asked.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if asked.type != socket.SOCK_STREAM or listens:
            return asked.type, asked.family, _address(asked)
    return None


@contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    """Have an open file as a socket, and leave it open. Raises OSError if it is none."""
    asked = socket.socket(fileno=descriptor)
    try:
        yield asked
    finally:
        asked.detach()


def _address(asked: socket.socket) -> tuple[str, int] | bytes:
    address: Any = asked.getsockname()
    return os.fsencode(address) if asked.family == socket.AF_UNIX else tuple(address[:2])


def _in_use(other: str) -> OSError:
    return OSError(
        f"the listener at {other} has that socket of the service manager: take out one of them"
    )


def _shown_address(descriptor: int) -> str:
    """Return where a socket listens: `127.0.0.1:514`, `[::]:514`, a path. Raises OSError."""
    with _borrowed(descriptor) as asked:
        address = _address(asked)
    if not isinstance(address, tuple):
        return os.fsdecode(address)
    # The host of netlink and vsock is a number.
    return host_text(str(address[0]), address[1])


class KeptSockets:
    """The listening sockets of one service that are not only its own.

    leaving: the process ends, and the next one may want what is kept.
    """

    def __init__(
        self,
        given: Iterable[tuple[int, str]] = (),
        tell: Callable[[bytes, Sequence[int]], object] | None = None,
    ) -> None:
        """`given`: open files with their names. `tell`: sends a message; None if nobody keeps any."""
        self._given = dict(given)
        self._tell = tell
        self._stored: dict[ListeningPlace, str] = {}
        self._from_units: set[ListeningPlace] = set()
        # Those of socket units that a listener has: its place, or its endpoint that goes by name or number.
        self._taken: dict[int, ListeningPlace | str] = {}
        self.leaving = False
        for descriptor in self._given:
            # There may be none of that number, whatever the environment says.
            with suppress(OSError):
                os.set_inheritable(descriptor, False)

    @property
    def matters(self) -> bool:
        """Return true if sockets are given or kept at all."""
        return bool(self._given) or self._tell is not None

    def holds(self, place: ListeningPlace) -> bool:
        """Return true if `take` would give a socket."""
        return any(place.is_of(*one) for one in self._given.items())

    def take(self, place: ListeningPlace) -> socket.socket | None:
        """Return the socket that listens at a place, for the listener there; None if none was given.

        Raises OSError if a listener has it that knows it by name or number.
        """
        for descriptor, name in self._given.items():
            if not place.is_of(descriptor, name):
                continue
            if name.startswith(PREFIX):
                del self._given[descriptor]
                self._stored[place] = name
            else:
                # The one of a socket unit stays, for who may listen there after a reload.
                if isinstance(other := self._taken.get(descriptor), str):
                    raise _in_use(other)
                self._from_units.add(place)
                self._taken[descriptor] = place
                descriptor = os.dup(descriptor)
            taken = socket.socket(fileno=descriptor)
            taken.setblocking(False)
            return taken
        return None

    def adopted(self, descriptor: int, endpoint: str) -> None:
        """Note that a listener has the socket of a unit, which it knows by name or number.

        Raises OSError if another has it.
        """
        if descriptor in self._taken:
            other = self._taken[descriptor]
            raise _in_use(other if isinstance(other, str) else _shown_address(descriptor))
        self._taken[descriptor] = endpoint

    def left(self, listener: ListeningPlace | str) -> None:
        """Note that a listener has ended, by its place, or by its endpoint that has none."""
        self._taken = {one: other for one, other in self._taken.items() if other != listener}

    def untaken(self) -> list[str]:
        """Return where the sockets of units listen that no listener has."""
        found = []
        for descriptor, name in self._given.items():
            if not name.startswith(PREFIX) and descriptor not in self._taken:
                with suppress(OSError):
                    found.append(_shown_address(descriptor))
        return [where for where in found if where]

    def keep(self, place: ListeningPlace, descriptor: int) -> None:
        """Have the service manager keep the socket of a listener that lets peers in."""
        if self._tell is None or place in self._from_units or self._stored.get(place) == place.name:
            return
        # It may have been that of another file, which has gone.
        self.forget(place)
        self._stored[place] = place.name
        self._tell(message(FDSTORE=1, FDNAME=place.name), [descriptor])

    def of_unit(self, place: ListeningPlace | None) -> bool:
        """Return true if the socket at a place is that of a socket unit."""
        return place in self._from_units

    def outlives(self, place: ListeningPlace | None) -> bool:
        """Return true if the socket at a place goes on when its listener ends now."""
        return place in self._from_units or (self.leaving and place in self._stored)

    def forget(self, place: ListeningPlace | None) -> None:
        """Let the service manager close its socket too: nobody is to listen at a place any more."""
        name = self._stored.pop(place, None) if place is not None else None
        if name is not None:
            self._remove(name)

    def make_way(self, place: ListeningPlace) -> bool:
        """Close what the process of before has kept in the way of a place; return true if there was any."""
        return self._close(place.is_blocked_by)

    def close_unwanted(self) -> None:
        """Close what the process of before has kept and no listener of this one has taken.

        What no listener takes of a unit stays open, and whoever connects there waits: that is said.
        """
        for where in self.untaken():
            log.warn(
                "the service manager listens at {where}, and no listener has that place: peers wait in "
                "vain; listen there, or take it out of the .socket unit",
                where=one_line(where),
            )
        self._close(lambda _: True)

    def _close(self, unwanted: Callable[[int], bool]) -> bool:
        closed = [
            (descriptor, name)
            for descriptor, name in self._given.items()
            if name.startswith(PREFIX) and unwanted(descriptor)
        ]
        for descriptor, name in closed:
            del self._given[descriptor]
            self._remove(name)
            os.close(descriptor)
        return bool(closed)

    def _remove(self, name: str) -> None:
        if self._tell is not None:
            self._tell(message(FDSTOREREMOVE=1, FDNAME=name), ())
