"""Places to listen at: free, or the service's own already."""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from logsrv.kit.net.bind import ListenError, check_place
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.service.checks.findings import (
    Finding,
    error,
    guarded,
    ok,
    parted,
    place_of,
    warning,
)
from logsrv.kit.service.checks.user import User
from logsrv.kit.text.words import shown

PROC = Path("/proc")
_KNOWN = ("tcp", "tcp6", "ssl", "udp", "unix", "unixgram")
# In the tables of Linux: TCP that listens and UDP without a peer; the type and a flag of UNIX sockets.
_TAKEN = ("0A", "07")
_DATAGRAMS, _ACCEPTS = "0002", 1 << 16


def check_places(
    endpoints: Iterable[Endpoint], user: User, own: Sequence[int]
) -> Iterator[Finding]:
    """Yield a finding for each place. own: the processes of the service, if it runs already."""
    taken, held = taken_places(), {pid: sockets_of(pid) for pid in own}
    for endpoint in endpoints:
        sockets = taken.get(_key(endpoint), set())
        check = partial(_check_place, endpoint, user, sockets, held)
        yield from guarded(place_of(endpoint), check)


def _check_place(
    endpoint: Endpoint, user: User, sockets: set[int], held: Mapping[int, set[int]]
) -> Iterator[Finding]:
    """Yield the finding. sockets: those that are at the place; held: those of the service's processes."""
    subject = place_of(endpoint)
    if endpoint.scheme not in _KNOWN or not (endpoint.path or endpoint.port):
        yield ok(subject, "takes no place that can be tried here")
        return
    for pid, its_own in held.items():
        if sockets & its_own:
            yield ok(subject, f"is held by the running service (process {pid})")
            return
    # A listener there would see a connection.
    if sockets and (held or endpoint.path):
        if held and os.geteuid() != 0:
            yield warning(subject, "is in use, perhaps by the service", "sudo logsrv check tells")
        else:
            yield error(subject, "is in use by another program", "sudo ss -lnp shows which")
        return
    try:
        with user.acting() if endpoint.path else contextlib.nullcontext():
            check_place(endpoint)
    except ListenError as failure:
        directory = os.path.dirname(endpoint.path or "")
        if directory.startswith("/run/") and not os.path.exists(directory):
            made = f"RuntimeDirectory={os.path.basename(directory)} in its unit makes it"
            yield warning(subject, f"{directory} is not there before the start", made)
            return
        yield error(subject, *parted(str(failure).removeprefix(f"{shown(str(endpoint))}: ")))
    else:
        yield ok(subject, "is free")


def _key(endpoint: Endpoint) -> tuple[str, object]:
    if endpoint.path:
        return "unix", os.path.normpath(endpoint.path)
    return "udp" if endpoint.scheme == "udp" else "tcp", endpoint.port


def taken_places() -> dict[tuple[str, object], set[int]]:
    """Return the numbers of the sockets at each port and path, as far as /proc tells.

    Connections take no place.
    """
    found: dict[tuple[str, object], set[int]] = defaultdict(set)
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in proc_text(f"net/{table}").splitlines()[1:]:
            cells = row.split()
            if cells[3] in _TAKEN:
                port = int(cells[1].rpartition(":")[2], 16)
                found[table.removesuffix("6"), port].add(int(cells[9]))
    for row in proc_text("net/unix").splitlines()[1:]:
        cells = row.split(maxsplit=7)
        if cells[7:] and (cells[4] == _DATAGRAMS or int(cells[3], 16) & _ACCEPTS):
            found["unix", os.path.normpath(cells[7])].add(int(cells[6]))
    return found


def sockets_of(pid: int) -> set[int]:
    """Return the numbers of the sockets that a process has open, as far as we may see."""
    found = set()
    with contextlib.suppress(OSError):
        for fd in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                what, _, inode = os.readlink(fd).partition(":[")
                if what == "socket":
                    found.add(int(inode[:-1]))
    return found


def running(plugin: str, file: Path | None) -> list[int]:
    """Return the processes of twistd with a plugin and this configuration, by their command lines."""
    found = []
    for pid in sorted(int(one.name) for one in PROC.glob("[0-9]*")):
        words = proc_text(f"{pid}/cmdline").split("\0")
        at = [place for place, word in enumerate(words) if re.search(r"\btwistd?\b", word)]
        serves = at and plugin in words[at[0] + 1 :]
        if serves and (file is None or {str(file), f"--config={file}"} & {*words}):
            found.append(pid)
    return found


def proc_text(name: str) -> str:
    """Return what is in a file below /proc; "" where that cannot be read."""
    try:
        return (PROC / name).read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
