"""Getting a socket: the reason it cannot be had, in a sentence, and UNIX sockets left behind."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoints.endpoint import MODE, Endpoint
from logsrv.kit.options.kinds import SIZE
from logsrv.kit.text.words import shown

log = Logger()

# asm-generic/socket.h; the socket module has no name for it.
SO_RCVBUFFORCE = 33

_TYPES = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}

DEFAULT_BUFFER = 32 * 1024 * 1024
NO_INHERITED_SOCKET = (
    "the service manager gave no such socket (LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID tell "
    "which there are); is the .socket unit started?"
)


class ListenError(ConfigurationError):
    """An endpoint cannot be listened on. `str()` names it and says why."""


def reason_of(error: BaseException, endpoint: Endpoint) -> ListenError:
    """Return the reason `endpoint` could not be opened, for the person who chose it."""
    cause = error.socketError if isinstance(error, CannotListenError) else error
    where = shown(str(endpoint))
    if isinstance(cause, OSError):
        sentence = _sentence(cause, endpoint)
    elif isinstance(cause, IndexError | KeyError) and endpoint.scheme == "systemd":
        sentence = NO_INHERITED_SOCKET
    else:
        sentence = shown(str(cause) or type(cause).__name__)
    return ListenError(f"{where}: {sentence}")


def _sentence(cause: OSError, endpoint: Endpoint) -> str:
    path = shown(endpoint.path or "")
    match cause.errno:
        case errno.EADDRINUSE if endpoint.path:
            return f"{path} is there already"
        case errno.EADDRINUSE:
            return (
                "the port is in use by another program "
                f"(ss -ln{'u' if endpoint.scheme == 'udp' else 't'}p shows which); take another port"
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


def check_place(endpoint: Endpoint) -> None:
    """Look whether `endpoint` could be bound just now, without letting anybody in.

    Raises ListenError. Says nothing about endpoints of other packages.
    """
    if endpoint.scheme in ("unix", "unixgram"):
        _find_stale_socket(endpoint)
    elif endpoint.scheme in ("tcp", "tcp6", "ssl", "udp") and endpoint.port:
        try:
            family, _, _, _, address = socket.getaddrinfo(
                endpoint.interface, endpoint.port, type=_TYPES[endpoint.kind]
            )[0]
            with socket.socket(family, _TYPES[endpoint.kind]) as probe:
                if endpoint.kind == "stream":
                    # Twisted sets this too: connections in TIME_WAIT do not keep the port.
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            raise reason_of(error, endpoint) from error


def _find_stale_socket(endpoint: Endpoint) -> bool:
    """Return true if the UNIX socket of a process that has gone is in the way of `endpoint`.

    Raises ListenError when somebody listens there, when it is no socket, and when none can be made.
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
            raise reason_of(error, endpoint) from None
        if not os.access(directory, os.W_OK | os.X_OK):
            raise reason_of(PermissionError(errno.EACCES, ""), endpoint) from None
        return False
    except OSError as error:
        raise reason_of(error, endpoint) from None
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{where}: {shown(path)} is there and is no socket; take another path")
    with socket.socket(socket.AF_UNIX, _TYPES[endpoint.kind]) as probe:
        probe.setblocking(False)
        failed = probe.connect_ex(path)
    if failed in (errno.ECONNREFUSED, errno.ENOENT):
        return failed == errno.ECONNREFUSED
    if failed in (errno.EACCES, errno.EPERM):
        raise reason_of(OSError(failed, ""), endpoint)
    # Also with a full backlog, or a socket of the other kind.
    raise ListenError(f"{where}: another program listens on {shown(path)}; stop it or take another")


def clear_socket_path(endpoint: Endpoint) -> None:
    """Remove the UNIX socket of a process that has gone, so that `endpoint` can be bound.

    Raises ListenError when somebody listens there, or when it is no socket: that is not deleted.
    """
    if _find_stale_socket(endpoint):
        try:
            os.unlink(endpoint.path or "")
        except OSError as error:
            raise reason_of(error, endpoint) from None


def file_of_socket(path: str | bytes) -> tuple[int, int] | None:
    """Return what tells the file at `path` from any that is put there later; None if none is there.

    That holds as long as the socket bound to it is open: until then its inode is not given away.
    """
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def remove_socket(endpoint: Endpoint, file: tuple[int, int] | None) -> None:
    """Remove the file of a UNIX socket, still open, if it is the `file_of_socket` that it was.

    Another program may have put its own in the place of ours.
    """
    path = endpoint.path or ""
    if file is not None and file_of_socket(path) == file:
        try:
            os.unlink(path)
        except OSError as error:
            log.warn("{endpoint}: {error}", endpoint=str(endpoint), error=str(error))


def bind_datagrams(endpoint: Endpoint) -> socket.socket:
    """A bound datagram socket. Raises OSError, or ListenError for a path that is taken."""
    address: Any
    if endpoint.scheme == "unixgram":
        clear_socket_path(endpoint)
        family, address = socket.AF_UNIX, endpoint.path or ""
    else:
        family, _, _, _, address = socket.getaddrinfo(
            endpoint.interface, endpoint.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )[0]
    bound = socket.socket(family, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        # The mode of a path. With chmod after bind, anybody could send in between.
        mask = os.umask(0o777 & ~int(endpoint.argument("mode") or MODE, 8))
        try:
            bound.bind(address)
        finally:
            os.umask(mask)
        if endpoint.scheme == "udp":
            _enlarge_buffer(bound, endpoint)
    except BaseException:
        bound.close()
        raise
    return bound


def _enlarge_buffer(udp: socket.socket, endpoint: Endpoint) -> None:
    wanted = SIZE.parse(endpoint.argument("rcvbuf") or str(DEFAULT_BUFFER))
    try:
        udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, wanted)
    except OSError:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    # Linux keeps half of it for its own bookkeeping, and tells the double (socket(7)).
    given = udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if given < wanted // 2:
        log.warn(
            "{endpoint} has a receive buffer of {given} bytes, not {wanted}: bursts may be lost; "
            "sysctl -w net.core.rmem_max={wanted} allows it",
            endpoint=str(endpoint),
            given=given,
            wanted=wanted,
        )
