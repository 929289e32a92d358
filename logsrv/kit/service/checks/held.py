"""Places to listen at that are taken: by which process, as Linux tells it below /proc."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from ipaddress import IPv6Address
from pathlib import Path

import attrs

from logsrv.kit.net.endpoints.endpoint import Endpoint

_LISTENS, _UNCONNECTED = "0A", "07"
_INET = re.compile(
    r"^ *[0-9]+: (?P<host>[0-9A-F]{8}|[0-9A-F]{32}):(?P<port>[0-9A-F]{4}) \S+ (?P<state>[0-9A-F]{2})"
    r" \S+ \S+ \S+ +(?P<uid>[0-9]+) +[0-9]+ (?P<inode>[0-9]+)",
    re.MULTILINE,
)
_UNIX = re.compile(
    r"^\S+ \S+ \S+ (?P<flags>[0-9A-F]{8}) (?P<kind>[0-9A-F]{4}) \S+ +(?P<inode>[0-9]+) (?P<path>.+)$",
    re.MULTILINE,
)
_UNIX_LISTENS = 0x10000
_DATAGRAMS = "0002"
PROC = Path("/proc")


@attrs.frozen
class HeldSocket:
    """A bound socket. address: `0.0.0.0:514`, `[::]:514` or a path; uid: whose; inode: its number."""

    address: str
    uid: int
    inode: int


def parse_inet(text: str, state: str) -> Iterator[tuple[int, HeldSocket]]:
    """Yield port and socket of each line of /proc/net/tcp, tcp6 and the like in a state (no I/O)."""
    for found in _INET.finditer(text):
        if found["state"] == state:
            port = int(found["port"], 16)
            address = f"{_host(found['host'])}:{port}"
            yield port, HeldSocket(address, int(found["uid"]), int(found["inode"]))


def _host(digits: str) -> str:
    # Words of four bytes, each in the order of the machine.
    words = [bytes.fromhex(digits[at : at + 8]) for at in range(0, len(digits), 8)]
    raw = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    return ".".join(map(str, raw)) if len(raw) == 4 else f"[{IPv6Address(raw)}]"


def parse_unix(text: str) -> Iterator[tuple[str, int]]:
    """Yield path and inode of each socket of /proc/net/unix that others may reach (no I/O)."""
    for found in _UNIX.finditer(text):
        if int(found["flags"], 16) & _UNIX_LISTENS or found["kind"] == _DATAGRAMS:
            yield found["path"], int(found["inode"])


class HeldSockets:
    """The bound sockets of this machine; what Linux tells is read once, when it is first asked for."""

    def at(self, endpoint: Endpoint) -> list[HeldSocket]:
        """Return the sockets that are in the way of an endpoint; none where /proc does not tell."""
        if endpoint.path:
            return self._unix.get(os.path.normpath(endpoint.path), [])
        table = "udp" if endpoint.scheme == "udp" else "tcp"
        return self._inet.get((table, endpoint.port), [])

    def holders(self, sockets: Iterable[HeldSocket]) -> list[int]:
        """Return the ids of the processes that have one of the sockets open, as far as we may see."""
        return sorted({pid for held in sockets for pid in self._open_in.get(held.inode, ())})

    @cached_property
    def _inet(self) -> dict[tuple[str, int | None], list[HeldSocket]]:
        found: dict[tuple[str, int | None], list[HeldSocket]] = defaultdict(list)
        for table, state in (("tcp", _LISTENS), ("udp", _UNCONNECTED)):
            for name in (table, f"{table}6"):
                for port, held in parse_inet(proc_text(f"net/{name}"), state):
                    found[table, port].append(held)
        return found

    @cached_property
    def _unix(self) -> dict[str, list[HeldSocket]]:
        found = defaultdict(list)
        for path, inode in parse_unix(proc_text("net/unix")):
            found[os.path.normpath(path)].append(HeldSocket(path, -1, inode))
        return found

    @cached_property
    def _open_in(self) -> dict[int, list[int]]:
        """The processes by the sockets that they have open."""
        found = defaultdict(list)
        for pid in processes():
            for inode in _sockets_of(pid):
                found[inode].append(pid)
        return found


def processes() -> list[int]:
    """Return the ids of all processes."""
    try:
        return sorted(int(name) for name in os.listdir(PROC) if name.isdecimal())
    except OSError:
        return []


def command_of(pid: int) -> list[str]:
    """Return the words of a process's command line; none if it is gone."""
    return [word for word in proc_text(f"{pid}/cmdline").split("\0") if word]


def serves(pid: int, plugin: str) -> bool:
    """Return true if a process is, by its command line, twistd or twist with this plugin."""
    words = command_of(pid)
    at = [place for place, word in enumerate(words) if re.search(r"\btwistd?\b", word)]
    return bool(at) and plugin in words[at[0] + 1 :]


def runs_with(pid: int, plugin: str, file: Path | None, words: Sequence[str]) -> bool:
    """Return true if a process serves a plugin with this configuration, or else with the same options.

    Two services of one plugin on a machine are told apart so.
    """
    if not serves(pid, plugin):
        return False
    given = command_of(pid)
    if file is None:
        end = [plugin, *words]
        return given[-len(end) :] == end
    here = PROC / str(pid) / "cwd"
    for word in given:
        try:
            if os.path.samefile(here / word.removeprefix("--config="), file):
                return True
        except OSError:
            continue
    return False


def _sockets_of(pid: int) -> set[int]:
    """Return the numbers of the sockets that a process has open, as far as we may see."""
    found = set()
    with contextlib.suppress(OSError):
        folder = f"{PROC}/{pid}/fd"
        for fd in os.listdir(folder):
            with contextlib.suppress(OSError):
                what, _, inode = os.readlink(f"{folder}/{fd}").partition(":[")
                if what == "socket":
                    found.add(int(inode[:-1]))
    return found


def proc_text(name: str) -> str:
    """Return what is in a file below /proc; "" where that cannot be read."""
    try:
        return (PROC / name).read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
