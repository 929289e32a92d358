"""Twisted's ports: made to be ours, adopted, closed and kept."""

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

from logsrv.kit.net.twisted.streams import (
    AcceptedTCP,
    Accepting,
    AcceptingPort,
    ReceivingTCP,
    ReceivingUNIX,
)
from logsrv.kit.net.twisted.twisted_tls import RefusingTLSFactory
from logsrv.kit.text.escape import one_line

log = Logger()

# asm-generic/socket.h; the socket module has no name for it.
SO_ATTACH_FILTER = 26
# A program of BPF for what comes to a TCP socket: a segment whose flags say SYN and not ACK, which is how a
# connection begins, is dropped.
NO_BEGINNINGS = (
    # ldb [13]; and #(SYN | ACK); jeq #SYN; ret #0; ret #-1
    (0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF),
)  # fmt: skip


def make_ours(port: Any, *, layered: bool) -> None:
    """Let a port that listens make the transports of `streams`, if it would make Twisted's.

    layered: there is a protocol between each transport and ours, such as that of TLS.
    """
    if type(port) is unix.Port:
        port.__class__ = FilelessUNIXPort
    if type(port) is tcp.Port:
        port.__class__ = AcceptingPort
    made = getattr(port, "transport", None)
    if made is tcp.Server:
        port.transport = ReceivingTCP if layered else AcceptedTCP
    elif made is unix.Server:
        port.transport = ReceivingUNIX
    factory = getattr(port, "factory", None)
    if type(factory) is TLSMemoryBIOFactory:
        factory.__class__ = RefusingTLSFactory


def close_socket(port: Any) -> None:
    """Close our descriptor of a listening socket, and nothing more: others may have it as well.

    Twisted's `stopListening` would shut a UNIX socket down for all of them, and close any in the reactor's
    next turn.
    """
    if isinstance(port, tcp.Port) and port.connected:
        port.stopReading()
        port.socket.close()


def let_nobody_in(port: Any) -> None:
    """Have the kernel begin no connection any more at a TCP socket that is about to close.

    Who got in can then all be accepted. Who comes asks again after a second, and is refused by then. This
    is for Linux; elsewhere, and for other sockets, it does nothing.
    """
    if sys.platform != "linux" or getattr(port, "addressFamily", None) == socket.AF_UNIX:
        return
    program = array.array("B", b"".join(struct.pack("=HBBI", *step) for step in NO_BEGINNINGS))
    where = struct.pack("HP", len(NO_BEGINNINGS), program.buffer_info()[0])
    # A port may be of another package, and a kernel without it.
    with suppress(AttributeError, OSError):
        port.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, where)


def is_shared(port: Any) -> bool:
    """Return true if the socket of a port was there before it, and may be open elsewhere."""
    return not getattr(port, "_shouldShutdown", False)


def keep_inherited(endpoint: Any, claim: Callable[[int], object] = lambda _: None) -> None:
    """Have an endpoint adopt a duplicate of the descriptor that the service manager gave us.

    Twisted closes the one that an endpoint adopts. Its number then goes to what is opened next, and would
    stand for that when the endpoint is listened on again. claim: gets that number, may raise OSError.
    Raises OSError, also for what does not listen: Twisted would try to accept from it for ever.
    """
    if not isinstance(endpoint, AdoptedStreamServerEndpoint):
        return
    number: int = endpoint.fileno
    os.set_inheritable(number, False)
    given = socket.socket(fileno=number)
    try:
        _check_listens(given, endpoint.addressFamily)
    finally:
        given.detach()
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


def inherited_descriptors(
    environment: Mapping[str, str] | None = None,
) -> list[tuple[int, str]]:
    """The open files that the service manager gave this process, with their names.

    Twisted takes what tells of them out of the environment when its endpoints are imported, and takes
    none without LISTEN_FDNAMES, which sd_listen_fds(3) leaves to the manager. environment: that with
    which the process began.
    """
    given = _SystemdParser._sddaemon
    if not given.inheritedDescriptors():
        given = _SystemdParser._sddaemon = _nameless(environment or _first_environment())
    named = zip(given.inheritedDescriptors(), given._names, strict=True)
    # An `exec` would close whatever we have opened ourselves, and nothing of the manager's does it close:
    # where fewer came than it says, our own have their numbers.
    return [each for each in named if _came_by_exec(each[0])]


def _nameless(environment: Mapping[str, str]) -> ListenFDs:
    """The open files that an environment tells of without names, each named as sd_listen_fds(3) does."""
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


def _first_environment() -> dict[str, str]:
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


def adopted(
    reactor: Any, taken: socket.socket, factory: Any, *, backlog: int, mode: int
) -> tcp.Port:
    """Return the port of a socket that is there already, and is listened on from now."""
    with taken:
        taken.listen(backlog)
        if taken.family != socket.AF_UNIX:
            port: tcp.Port = reactor.adoptStreamPort(taken.fileno(), taken.family, factory)
            return port
        kept = KeptUNIXPort.adopt(reactor, taken.fileno(), factory, mode, backlog)
        kept.startListening()
        return kept


def stop_accepting(port: Any) -> None:
    """Let who connects wait: Twisted begins to accept when it binds.

    A port of another package that cannot accepts all the same.
    """
    getattr(port, "stopReading", lambda: None)()


def start_accepting(port: Any) -> None:
    """Accept from the reactor's next turn on."""
    getattr(port, "startReading", lambda: None)()


class FilelessUNIXPort(Accepting, unix.Port):
    """Leaves the file of its socket to its listener when it ends.

    Twisted removes whatever is there by then: the socket of the program that came after us, say.
    """

    def connectionLost(self, reason: Any) -> None:
        tcp.Port.connectionLost(self, reason)
        if self.lockFile is not None:
            with suppress(OSError):
                self.lockFile.unlock()


class KeptUNIXPort(FilelessUNIXPort):
    """Leaves its socket, too, as it is: another process serves it."""

    _shouldShutdown = False

    @classmethod
    def adopt(
        cls, reactor: Any, descriptor: int, factory: Any, mode: int, backlog: int
    ) -> KeptUNIXPort:
        """A port for a socket that is there: what `adoptStreamPort` does, but of this class."""
        port: KeptUNIXPort = cls._fromListeningDescriptor(reactor, descriptor, factory)
        port.mode = mode
        port.backlog = backlog
        return port
