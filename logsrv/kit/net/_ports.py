"""Changes to Twisted's ports: faster classes, adopted and inherited sockets, closing without shutdown."""

from __future__ import annotations

import array
import os
import re
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, _SystemdParser
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.systemd import ListenFDs

from logsrv.kit.connections._streams import (
    AcceptingPort,
    BoundedAcceptMixin,
    ReceivingTCP,
    ReceivingUNIX,
    poll_without_context,
)
from logsrv.kit.connections._tls import GatheringTLSFactory
from logsrv.kit.net.endpoint import BACKLOG, MODE, Endpoint
from logsrv.kit.net.kept_sockets import borrowed_socket
from logsrv.kit.text.escape import one_line

log = Logger()

# asm-generic/socket.h; the socket module has no name for it.
SO_ATTACH_FILTER = 26
# A BPF program for a TCP socket: it drops segments with SYN and without ACK, which begin connections.
NO_BEGINNINGS = (
    # ldb [13]; and #(SYN | ACK); jeq #SYN; ret #0; ret #-1
    (0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF),
)  # fmt: skip


def use_our_classes(port: Any) -> None:
    """Replace the classes of Twisted by those of `streams`, for a listening port and its transports."""
    if type(port) is unix.Port:
        port.__class__ = FilelessUNIXPort
    if type(port) is tcp.Port:
        port.__class__ = AcceptingPort
    made = getattr(port, "transport", None)
    if made is tcp.Server:
        port.transport = ReceivingTCP
    elif made is unix.Server:
        port.transport = ReceivingUNIX
    factory = getattr(port, "factory", None)
    if type(factory) is TLSMemoryBIOFactory:
        factory.__class__ = GatheringTLSFactory
    poll_without_context(getattr(port, "reactor", None))


def close_socket(port: Any) -> None:
    """Close our descriptor of a listening socket, and nothing more: other processes may have it open.

    Twisted's `stopListening` would shut a UNIX socket down for all of them, and close it only in the
    reactor's next turn.
    """
    if isinstance(port, tcp.Port) and port.connected:
        port.stopReading()
        port.socket.close()


def block_new_connections(port: Any) -> None:
    """Let the kernel begin no more connections at a TCP socket that is about to close.

    So all connections that have begun can be accepted. A new peer tries again after a second, and is
    refused by then. This works on Linux; elsewhere, and for other sockets, it does nothing.
    """
    if sys.platform != "linux" or getattr(port, "addressFamily", None) == socket.AF_UNIX:
        return
    program = array.array("B", b"".join(struct.pack("=HBBI", *step) for step in NO_BEGINNINGS))
    where = struct.pack("HP", len(NO_BEGINNINGS), program.buffer_info()[0])
    # The port may be of another package, or the kernel without BPF.
    with suppress(AttributeError, OSError):
        port.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, where)


def is_shared(port: Any) -> bool:
    """Return true if a port was made for an existing socket, which another process may have open."""
    return not getattr(port, "_shouldShutdown", False)


def adopt_duplicate(endpoint: Any, claim: Callable[[int], object] = lambda _: None) -> None:
    """Let an endpoint adopt a duplicate of the descriptor that the service manager gave us.

    Twisted closes the descriptor that an endpoint adopts. The next open file would get its number, and the
    endpoint would take that file when it listens again. claim: gets the number, and may raise OSError.
    Raises OSError, also for a socket that does not listen: Twisted would try to accept from it for ever.
    """
    if not isinstance(endpoint, AdoptedStreamServerEndpoint):
        return
    number: int = endpoint.fileno
    os.set_inheritable(number, False)
    with borrowed_socket(number) as given:
        _check_listens(given, endpoint.addressFamily)
    claim(number)
    endpoint.fileno = os.dup(number)


def _check_listens(given: socket.socket, family: int) -> None:
    if given.type != socket.SOCK_STREAM:
        raise OSError(
            "that socket of the service manager takes datagrams: write udp: or unixgram:, and its place"
        )
    if given.family != family:
        raise OSError(
            "that socket of the service manager is of another domain: "
            f"write domain={socket.AddressFamily(given.family).name.removeprefix('AF_')}"
        )
    if not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise OSError(
            "that socket of the service manager does not listen; "
            "with Accept=yes in the .socket unit it is a single connection: take that out"
        )


def inherited_descriptors() -> list[tuple[int, str]]:
    """Return the descriptors that the service manager gave this process, with their names.

    At import, Twisted's endpoints remove the variables about them from the environment, and accept none
    without LISTEN_FDNAMES, which is optional in sd_listen_fds(3). The environment with which the process
    began still has them.
    """
    given = _SystemdParser._sddaemon
    if not given.inheritedDescriptors():
        given = _SystemdParser._sddaemon = _fds_without_names(_initial_environment())
    named = zip(given.inheritedDescriptors(), given._names, strict=True)
    # The manager's descriptors are inheritable, ours are not. If fewer came than it says, our own files
    # have their numbers.
    return [each for each in named if _came_by_exec(each[0])]


def _fds_without_names(environment: Mapping[str, str]) -> ListenFDs:
    """Return the descriptors of an environment without LISTEN_FDNAMES; all are named "unknown"."""
    count, names = environment.get("LISTEN_FDS", "0"), environment.get("LISTEN_FDNAMES")
    if environment.get("LISTEN_PID") != str(os.getpid()) or count == "0":
        return ListenFDs([], ())
    if names is not None or not re.fullmatch("[1-9][0-9]{0,3}", count):
        fault = (
            "is no number of sockets" if names is None else f"and LISTEN_FDNAMES={names} do not fit"
        )
        log.warn(
            "LISTEN_FDS={count} {fault}: no socket of the service manager is taken",
            count=one_line(count, 40),
            fault=one_line(fault, 200),
        )
        return ListenFDs([], ())
    descriptors = range(ListenFDs._START, ListenFDs._START + int(count))
    return ListenFDs(list(descriptors), ["unknown"] * len(descriptors))


def _initial_environment() -> dict[str, str]:
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = os.fsdecode(file.read()).split("\0")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def _came_by_exec(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False


def port_on_socket(
    reactor: Any, taken: socket.socket, factory: Any, endpoint: Endpoint
) -> tcp.Port:
    """Return a port that listens on an existing socket from now on, as its endpoint says."""
    backlog = int(endpoint.argument("backlog") or BACKLOG)
    with taken:
        taken.listen(backlog)
        if taken.family != socket.AF_UNIX:
            port: tcp.Port = reactor.adoptStreamPort(taken.fileno(), taken.family, factory)
            return port
        mode = int(endpoint.argument("mode") or MODE, 8)
        kept = KeptUNIXPort.adopt(reactor, taken.fileno(), factory, mode, backlog)
        kept.startListening()
        return kept


class FilelessUNIXPort(BoundedAcceptMixin, unix.Port):
    """A UNIX port that leaves the file of its socket to its listener when it ends.

    Twisted removes any file at its path by then, even the socket of a program that came after us.
    """

    def connectionLost(self, reason: Any) -> None:
        tcp.Port.connectionLost(self, reason)
        if self.lockFile is not None:
            with suppress(OSError):
                self.lockFile.unlock()


class KeptUNIXPort(FilelessUNIXPort):
    """A UNIX port that also does not shut its socket down: another process serves it."""

    _shouldShutdown = False

    @classmethod
    def adopt(
        cls, reactor: Any, descriptor: int, factory: Any, mode: int, backlog: int
    ) -> KeptUNIXPort:
        """Return a port of this class for an existing socket, as `adoptStreamPort` makes Twisted's."""
        port: KeptUNIXPort = cls._fromListeningDescriptor(reactor, descriptor, factory)
        port.mode = mode
        port.backlog = backlog
        return port
