"""Places to listen at: free, or the service's own already; and whether its user may take them."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias

from logsrv.kit.net.bind import ListenError, check_place, enlarge_buffer
from logsrv.kit.net.endpoints.endpoint import BACKLOG, EVERYWHERE, NOT_AT_ONCE, Endpoint
from logsrv.kit.service.checks.findings import (
    Finding,
    Level,
    error,
    guarded,
    ok,
    parted,
    place_of,
    warning,
)
from logsrv.kit.service.checks.held import HeldSocket, HeldSockets, command_of
from logsrv.kit.service.checks.limits import Surroundings
from logsrv.kit.service.checks.user import User
from logsrv.kit.text.words import shown

PORTS_OF_ALL = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
MOST_WAITING = "/proc/sys/net/core/somaxconn"
_BINDABLE = ("tcp", "tcp6", "ssl", "udp")
IsOwn: TypeAlias = Callable[[int], bool]
"""Tells of a process whether it is the service that is checked."""
_UNIX = ("unix", "unixgram")


def check_places(
    endpoints: Iterable[Endpoint], is_own: IsOwn, user: User, around: Surroundings
) -> Iterator[Finding]:
    """Yield a finding for each place, and others about what its sockets get of the system.

    is_own: tells whether a process is the service that is checked. around: the service as it runs already,
    or as its unit will start it.
    """
    streams, sockets, ways = False, HeldSockets(), set[bool]()
    for endpoint in endpoints:
        subject = place_of(endpoint)
        yield from guarded(subject, partial(_check_place, endpoint, is_own, user, around, sockets))
        if endpoint.scheme == "udp":
            yield from _check_buffer(endpoint, user)
        streams = streams or endpoint.scheme in ("tcp", "tcp6", "ssl", "unix")
        if endpoint.scheme == "systemd":
            ways.add(endpoint.argument("name") is None)
    if len(ways) > 1:
        sentence = "index= and name= may mean one socket, which two listeners cannot have"
        yield warning("systemd:", sentence, "give each its name=: only a start tells")
    if streams:
        yield from check_backlog(_number(MOST_WAITING, int(BACKLOG)))


def _check_place(
    endpoint: Endpoint, is_own: IsOwn, user: User, around: Surroundings, sockets: HeldSockets
) -> Iterator[Finding]:
    subject = place_of(endpoint)
    if endpoint.scheme == "systemd":
        yield ok(subject, "comes from the service manager: its .socket unit must be started")
    elif endpoint.scheme in _UNIX:
        yield from _check_path(endpoint, is_own, user, around, sockets)
    elif endpoint.scheme in _BINDABLE and endpoint.port:
        yield from _check_port(endpoint, is_own, user, around, sockets)
    elif endpoint.scheme in (*_BINDABLE, "stdin", "stdio", "fetched"):
        yield ok(subject, "takes no place that others could have")
    else:
        yield ok(subject, "is not tried: only its own package knows how")


def _check_port(
    endpoint: Endpoint, is_own: IsOwn, user: User, around: Surroundings, sockets: HeldSockets
) -> Iterator[Finding]:
    subject = place_of(endpoint)
    try:
        check_place(endpoint)
    except ListenError as failure:
        cause = failure.__cause__
        taken = isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE
        refused = isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM)
        if (taken or refused) and (held := sockets.at(endpoint)):
            holder = _holder(endpoint, held, sockets.holders(held), is_own, around)
            # The kernel does not tell a user who may not take a port whether it is taken.
            if taken or holder.level is Level.OK:
                yield holder
                return
        if not refused or user.is_me:
            yield error(subject, *parted(_without_place(failure, endpoint)))
            return
    yield _privilege(endpoint, user, around) or ok(subject, "is free")


def _privilege(endpoint: Endpoint, user: User, around: Surroundings) -> Finding | None:
    """Return a finding if a user may not take a port that is for root."""
    first = _number(PORTS_OF_ALL, 1024)
    if user.is_me or user.uid == 0 or (endpoint.port or 0) >= first or around.binds_low:
        return None
    subject = place_of(endpoint)
    sentence = f"is below {first}, where user {user.name} may not listen"
    advice = "AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit, or a .socket unit (systemd:)"
    if around.binds_low is None:
        return warning(subject, f"{sentence} by himself", advice)
    return error(subject, sentence, advice)


def _check_path(
    endpoint: Endpoint, is_own: IsOwn, user: User, around: Surroundings, sockets: HeldSockets
) -> Iterator[Finding]:
    subject = place_of(endpoint)
    # A listener there would see a connection, and may be the service itself.
    if held := sockets.at(endpoint):
        yield _holder(endpoint, held, sockets.holders(held), is_own, around)
        return
    try:
        with user.acting():
            check_place(endpoint)
    except ListenError as failure:
        directory = os.path.dirname(endpoint.path or "")
        sentence = _without_place(failure, endpoint)
        under_run = directory.startswith("/run/") and not os.path.isdir(directory)
        if under_run and around.makes(directory):
            yield ok(subject, f"is free; {directory} is made at the start")
            return
        advice = f"install -d -m 750 -o {user.name} -g {user.group} {directory}"
        yield error(subject, sentence, advice if "directory" in sentence else "")
    else:
        yield ok(subject, "is free")


def _without_place(failure: ListenError, endpoint: Endpoint) -> str:
    """Return why an endpoint cannot be had, without its name, which is the subject of a finding."""
    return str(failure).removeprefix(f"{shown(str(endpoint))}: ")


def _holder(
    endpoint: Endpoint,
    held: list[HeldSocket],
    pids: list[int],
    is_own: IsOwn,
    around: Surroundings,
) -> Finding:
    """Return the finding of a place that is taken: by the service itself, or by another program.

    pids: the processes that have it.
    """
    own = [pid for pid in pids if pid == around.pid or is_own(pid)]
    if not pids and around.pid is not None and around.uid in {one.uid for one in held}:
        # We may not see its descriptors: the running service has this user, as the socket has.
        own = [around.pid]
    if own:
        return _held_by_service(endpoint, held, own[0])
    if pids == [1] and around.kept and around.pid is None:
        return ok(place_of(endpoint), "is kept by the service manager for the service's next start")
    return _held_by_another(endpoint, pids)


def _held_by_service(endpoint: Endpoint, held: list[HeldSocket], pid: int) -> Finding:
    subject, wanted, there = place_of(endpoint), _bound(endpoint), {one.address for one in held}
    if endpoint.port and wanted is not None and wanted not in there:
        at = ", ".join(sorted(there))
        return warning(subject, f"the running service ({pid}) is there at {at}", NOT_AT_ONCE)
    return ok(subject, f"is held by the running service (process {pid})")


def _held_by_another(endpoint: Endpoint, pids: list[int]) -> Finding:
    """Return the finding; pids: those that we may see of the processes that hold the place."""
    subject = place_of(endpoint)
    if not pids:
        return error(
            subject,
            "is in use by another program, which only root may see",
            f"sudo ss -ln{'u' if endpoint.scheme == 'udp' else 't'}p shows it",
        )
    if pids == [1]:
        return error(
            subject,
            "is held by the service manager, for a .socket unit",
            "systemctl list-sockets shows which; stop that, or listen at systemd:",
        )
    who = f"process {pids[0]} ({shown(_name(pids[0]))})"
    return error(subject, f"is in use by {who}", "stop that one, or take another place")


def _name(pid: int) -> str:
    words = command_of(pid)
    return os.path.basename(words[0]) if words else "of the kernel"


def _bound(endpoint: Endpoint) -> str | None:
    """Return the address of an endpoint as /proc has it; None if it is a name."""
    if endpoint.interface in EVERYWHERE or endpoint.interface.replace(".", "").isdigit():
        host = endpoint.interface
    elif ":" in endpoint.interface:
        host = socket.inet_ntop(
            socket.AF_INET6, socket.inet_pton(socket.AF_INET6, endpoint.interface)
        )
    else:
        return None
    return f"[{host}]:{endpoint.port}" if ":" in host else f"{host}:{endpoint.port}"


def _check_buffer(endpoint: Endpoint, user: User) -> Iterator[Finding]:
    """Try the receive buffer on a socket that is bound nowhere."""
    with user.acting(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        sentence = enlarge_buffer(udp, endpoint)
    if sentence is not None:
        yield warning(place_of(endpoint), *parted(sentence))


def check_backlog(most: int) -> Iterator[Finding]:
    """Yield a warning if the system lets fewer connections wait than the listeners ask for."""
    if most < int(BACKLOG):
        yield warning(
            "net.core.somaxconn",
            f"is {most}: so many connections wait to be let in, not {BACKLOG}; more are refused",
            f"sysctl -w net.core.somaxconn={BACKLOG}",
        )


def _number(path: str, otherwise: int) -> int:
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return otherwise
