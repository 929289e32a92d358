"""Binds sockets, and says in a sentence why a socket cannot be bound."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.connections.source import SO_PASSCRED
from logsrv.kit.net.endpoint import BACKLOG, MODE, Endpoint
from logsrv.kit.net.kept_sockets import KeptSockets, ListeningAddress
from logsrv.kit.options.kinds import SIZE
from logsrv.kit.text.words import shown

log = Logger()

# asm-generic/socket.h; the socket module has no name for it.
SO_RCVBUFFORCE = 33

_TYPES = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}
_WITH_PORTS = ("tcp", "tcp6", "ssl", "udp")

DEFAULT_BUFFER = 32 * 1024 * 1024
HIDDEN = (-1, -1)
NO_INHERITED_SOCKET = (
    "the service manager gave no such socket (LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID tell "
    "which there are); is the .socket unit started?"
)


class ListenError(ConfigurationError):
    """The service cannot listen at an endpoint. `str()` names it and says why."""


def listen_error(
    error: BaseException, endpoint: Endpoint, kept: KeptSockets | None = None
) -> ListenError:
    """Return an error that tells the operator why `endpoint` could not be opened.

    kept: the sockets of the service manager, one of which may be in the way.
    """
    cause = error.socketError if isinstance(error, CannotListenError) else error
    where = shown(str(endpoint))
    given = kept.untaken_addresses() if kept is not None and endpoint.port else []
    beside = [address for address in given if address.endswith(f":{endpoint.port}")]
    if isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE and beside:
        sentence = (
            f"the service manager listens at {beside[0]}; state the same place here and in its .socket "
            "unit ([::]:514 is tcp6:514, 0.0.0.0:514 is tcp:514)"
        )
    elif isinstance(cause, OSError):
        sentence = _os_error_sentence(cause, endpoint)
    elif isinstance(cause, IndexError | KeyError) and endpoint.scheme == "systemd":
        sentence = NO_INHERITED_SOCKET
    else:
        sentence = shown(str(cause) or type(cause).__name__)
    return ListenError(f"{where}: {sentence}")


def _os_error_sentence(cause: OSError, endpoint: Endpoint) -> str:
    path = shown(endpoint.path or "")
    match cause.errno:
        case errno.EADDRINUSE if endpoint.path:
            return f"{path} exists already"
        case errno.EADDRINUSE:
            # Often the author's own `tcp6:PORT`: on most systems it takes IPv4 too.
            either = "" if ":" in endpoint.interface else "; a listener at [::] takes IPv4 too"
            kind = "u" if endpoint.scheme == "udp" else "t"
            return (
                f"the port is in use by another program (ss -ln{kind}p shows which{either}); "
                "take another port"
            )
        case errno.EACCES | errno.EPERM if endpoint.path:
            return f"no permission to make the socket {path}; its directory must be writable"
        case errno.EACCES | errno.EPERM:
            return (
                "no permission for this port; one below 1024 needs root, CAP_NET_BIND_SERVICE or a "
                "socket from the service manager (systemd:), so take one above"
            )
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address; 0.0.0.0 or \\:\\: stand for all it has"
        case errno.ENOENT if endpoint.path:
            return f"there is no directory {shown(os.path.dirname(endpoint.path))} for the socket"
        case errno.EAFNOSUPPORT:
            return "this machine has no IPv6; take tcp: or an IPv4 address"
        case errno.EBADF | errno.ENOTSOCK if endpoint.scheme == "systemd":
            return NO_INHERITED_SOCKET
    if cause.filename:
        return f"{shown(str(cause.filename))}: {cause.strerror}"
    return cause.strerror or str(cause)


def listening_address_of(endpoint: Endpoint) -> ListeningAddress | None:
    """Return the address at which an endpoint listens, to find a socket that already listens there.

    None if it is not known beforehand, as for any free port, and for endpoint types of other packages.
    """
    kind = _TYPES.get(endpoint.kind)
    if kind is None:
        return None
    if endpoint.scheme in ("unix", "unixgram"):
        path = endpoint.path or ""
        return ListeningAddress(kind, socket.AF_UNIX, os.fsencode(path), socket_file_id(path))
    if endpoint.scheme not in _WITH_PORTS or not endpoint.port:
        return None
    try:
        family, address = _address_to_bind(endpoint)
    except OSError:
        return None
    return ListeningAddress(kind, family, tuple(address[:2]))


def _address_to_bind(endpoint: Endpoint) -> tuple[int, Any]:
    """Return the address family of an endpoint with a port, and the address to bind. Raises OSError."""
    # A name stands for its IPv4 address, as in Twisted's own binding.
    family = socket.AF_INET6 if ":" in endpoint.interface else socket.AF_INET
    found = socket.getaddrinfo(endpoint.interface, endpoint.port, family, _TYPES[endpoint.kind])
    return family, found[0][4]


def check_can_bind(endpoint: Endpoint, kept: KeptSockets | None = None) -> None:
    """Check whether `endpoint` could be bound now, without accepting a peer. Raises ListenError.

    kept: the sockets of the service manager. Endpoint types of other packages are not checked.
    """
    if kept is not None and kept.holds(listening_address_of(endpoint)):
        return
    if endpoint.scheme in ("unix", "unixgram"):
        _find_stale_socket(endpoint)
    elif endpoint.scheme in _WITH_PORTS and endpoint.port:
        try:
            family, address = _address_to_bind(endpoint)
            with socket.socket(family, _TYPES[endpoint.kind]) as probe:
                if endpoint.kind == "stream":
                    # Twisted sets this too: connections in TIME_WAIT do not keep the port.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            raise listen_error(error, endpoint) from error


def _find_stale_socket(endpoint: Endpoint) -> bool:
    """Return true if the UNIX socket of a process that has ended is in the way of `endpoint`.

    Raises ListenError if a program listens there, if the file is no socket, or if none can be made.
    """
    path = endpoint.path
    if not path or path.startswith("\0"):
        return False
    where = shown(str(endpoint))
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError as error:
        directory = os.path.dirname(path) or "."
        if not os.path.isdir(directory):
            raise listen_error(error, endpoint) from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise listen_error(PermissionError(errno.EACCES, ""), endpoint) from None
        return False
    except OSError as error:
        raise listen_error(error, endpoint) from None
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{where}: {shown(path)} is there and is no socket; take another path")
    with socket.socket(socket.AF_UNIX, _TYPES[endpoint.kind]) as probe:
        probe.setblocking(False)
        failed = probe.connect_ex(path)
    if failed in (errno.ECONNREFUSED, errno.ENOENT):
        return failed == errno.ECONNREFUSED
    if failed in (errno.EACCES, errno.EPERM):
        raise listen_error(OSError(failed, ""), endpoint)
    # A full backlog, or a socket of the other kind, means the same.
    raise ListenError(f"{where}: another program listens on {shown(path)}; stop it or take another")


def remove_stale_socket(endpoint: Endpoint) -> None:
    """Remove the file of a UNIX socket whose process has ended, so that `endpoint` can be bound.

    Raises ListenError, and removes nothing, if a program listens there or the file is no socket.
    """
    if _find_stale_socket(endpoint):
        try:
            os.unlink(endpoint.path or "")
        except OSError as error:
            raise listen_error(error, endpoint) from None


def socket_file_id(path: str | bytes) -> tuple[int, int] | None:
    """Return the device and the inode of the file at `path`; None if there is no file.

    HIDDEN if this user may not look for it.

    While the socket that is bound to the file is open, no later file at the path has the same two numbers:
    its inode is not used again.
    """
    try:
        found = os.lstat(path)
    except PermissionError:
        return HIDDEN
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def bound_socket(endpoint: Endpoint, taken: socket.socket | None = None) -> socket.socket:
    """Return a socket that is bound to `endpoint`: a socket for datagrams, or one that listens at a path.

    taken: a socket that is bound there already; it is returned, with the mode and the buffer of the
    endpoint. Raises OSError, or ListenError for a path that is taken.
    """
    if taken is not None:
        set_file_mode(endpoint)
        if endpoint.scheme == "udp":
            _enlarge_buffer(taken, endpoint)
        _ask_who_sends(taken, endpoint)
        return taken
    remove_stale_socket(endpoint)
    family, address = (
        (socket.AF_UNIX, endpoint.path) if endpoint.path else _address_to_bind(endpoint)
    )
    bound = socket.socket(family, _TYPES[endpoint.kind])
    try:
        bound.setblocking(False)
        # Before the bind: of a datagram that comes earlier nobody knows it.
        _ask_who_sends(bound, endpoint)
        # The file gets its mode at once: between a bind and a chmod anybody could send.
        mask = os.umask(0o777 & ~int(endpoint.argument("mode") or MODE, 8))
        try:
            bound.bind(address)
        finally:
            os.umask(mask)
        if endpoint.scheme == "udp":
            _enlarge_buffer(bound, endpoint)
        elif endpoint.kind == "stream":
            bound.listen(int(endpoint.argument("backlog") or BACKLOG))
    except BaseException:
        bound.close()
        raise
    return bound


def set_file_mode(endpoint: Endpoint) -> None:
    """Give the file of a bound UNIX socket the mode that its endpoint asks for. Log it if that fails."""
    try:
        if endpoint.path and not endpoint.path.startswith("\0"):
            os.chmod(endpoint.path, int(endpoint.argument("mode") or MODE, 8))
    except OSError as error:
        # The file of a socket unit may belong to root; then SocketMode= has set its mode.
        log.info(
            "{endpoint}: its mode could not be changed: {error}",
            endpoint=str(endpoint),
            error=str(error),
        )


def _ask_who_sends(bound: socket.socket, endpoint: Endpoint) -> None:
    """Let the kernel tell who sends each datagram to a UNIX socket, if it can (SO_PASSCRED of unix(7))."""
    if endpoint.scheme == "unixgram" and SO_PASSCRED is not None:
        wanted = endpoint.argument("credentials") != "off"
        bound.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, wanted)


def _enlarge_buffer(udp: socket.socket, endpoint: Endpoint) -> None:
    """Set the receive buffer of a socket, and warn if it got less than half of `rcvbuf=`.

    Without `rcvbuf=` ask for DEFAULT_BUFFER, of which the system may give any part.
    """
    asked = endpoint.argument("rcvbuf")
    wanted = SIZE.parse(asked or str(DEFAULT_BUFFER))
    try:
        udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, wanted)
    except OSError:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    # Linux doubles the size for its own bookkeeping, and reports the double (socket(7)).
    given = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if asked and given < wanted // 2:
        log.warn(
            "{endpoint} has a receive buffer of {given} bytes, not {wanted}: bursts may be lost; "
            "sysctl -w net.core.rmem_max={wanted} allows it",
            endpoint=str(endpoint),
            given=given,
            wanted=wanted,
        )
