"""All checks of a service: first its settings, its files and the addresses where it listens, then the
plugin's own checks.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import attrs

from logsrv.errors import ConfigurationError
from logsrv.kit.net.bind import ListenError, check_can_bind
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.options.files import GivenFile, given_files, inline_secret_keys, names_descriptor
from logsrv.kit.options.toml_file import read_toml_file
from logsrv.kit.service.file_checks import check_certificates, check_files
from logsrv.kit.service.findings import (
    CheckRequest,
    Finding,
    FindingLevel,
    User,
    error,
    findings_or_error,
    ok,
    short_address_text,
    warning,
)
from logsrv.kit.text.words import counted, host_text, shown

PROC = Path("/proc")
_KNOWN = ("tcp", "tcp6", "ssl", "udp", "unix", "unixgram")
# States in /proc/net: TCP that listens, and UDP without a peer.
_TAKEN = ("0A", "07")
CONFIGURATION = "configuration"


@attrs.frozen
class HeldAddress:
    """An address at which a process listens.

    kind: `tcp`, `udp` or `unix`. place: the port or the path. address: None for a path.
    """

    kind: str
    place: int | str
    address: IPv4Address | IPv6Address | None = None


def check_service(service: Any, plugin: str, asked: CheckRequest) -> Iterator[Finding]:
    """Yield the findings about a `ListeningService` that was made and not started."""
    user, file, pid = asked.user, asked.file, service.running_pid()
    endpoints: list[Endpoint] = []
    with user.acting():
        files = list(
            findings_or_error("files", partial(_check_settings_files, service.settings, asked))
        )
    try:
        endpoints = [one.endpoint for one in service.all_wanted_sites(service.settings).values()]
    except ConfigurationError as failure:
        # Not if it is about a file with a finding: that has the remedy, and once is enough.
        faulty = [one.subject for one in files if one.level is FindingLevel.ERROR]
        if not any(name in str(failure) for name in faulty):
            yield error(CONFIGURATION, str(failure), "mend it; addresses are checked after that")
    else:
        what = str(file) if file else "from the command line and defaults"
        yield ok(CONFIGURATION, f"{what}; it listens at {counted(len(endpoints), 'place')}")
    yield from files
    yield from check_addresses(
        endpoints, user, running_plugin_pids(plugin, file) if pid is None else [pid]
    )
    with user.acting():
        keys = dict.fromkeys(endpoint.argument("privateKey") for endpoint in endpoints)
        yield from check_files([GivenFile("listen", Path(key), True) for key in keys if key], user)
        now = datetime.datetime.now(datetime.UTC)
        yield from findings_or_error("certificates", partial(check_certificates, endpoints, now))
        yield from findings_or_error(plugin, partial(service.findings, asked))


def _check_settings_files(settings: Any, asked: CheckRequest) -> Iterator[Finding]:
    file = asked.file
    # A pipe was read already, and cannot be read again.
    if file is not None and not names_descriptor(file):
        others_write = file.exists() and bool(file.stat().st_mode & stat.S_IWOTH)
        is_secret = others_write or (
            os.access(file, os.R_OK)
            and any(inline_secret_keys(type(settings), read_toml_file(file, CONFIGURATION)))
        )
        yield from check_files([GivenFile("config", file, is_secret)], asked.user)
    yield from check_files(given_files(settings), asked.user)


def check_addresses(
    endpoints: Iterable[Endpoint], user: User, own_pids: Sequence[int]
) -> Iterator[Finding]:
    """Yield a finding for the address of each endpoint. own_pids: the ids of the service's processes, if
    the service runs.
    """
    try:
        held = addresses_of_processes(own_pids)
    except PermissionError:
        said = "only root can see which of them the running service holds"
        yield warning("places", said, "sudo logsrv check tells")
        return
    earlier: list[Endpoint] = []
    for endpoint in endpoints:
        taker = next((one for one in earlier if _takes_ipv4_and_ipv6(one, endpoint)), None)
        earlier.append(endpoint)
        yield from findings_or_error(
            short_address_text(endpoint), partial(_check_address, endpoint, user, held, taker)
        )


def _ip_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address of a socket; None for a name."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _overlap(one: IPv4Address | IPv6Address, other: IPv4Address | IPv6Address) -> bool:
    """Return whether two addresses cannot have sockets at one port at the same time."""
    if one.version == other.version:
        return one == other or one.is_unspecified or other.is_unspecified
    of_ipv6 = one if one.version == 6 else other
    return of_ipv6.is_unspecified and not _is_ipv6_alone()


def _takes_ipv4_and_ipv6(one: Endpoint, other: Endpoint) -> bool:
    """Return whether one of two endpoints, at `[::]`, takes the port of the other in IPv4, too."""
    if not one.port or (one.kind, one.port) != (other.kind, other.port):
        return False
    interfaces = {one.interface, other.interface}
    has_ipv4 = any(":" not in each for each in interfaces)
    return "::" in interfaces and has_ipv4 and not _is_ipv6_alone()


def _is_ipv6_alone() -> bool:
    """Return whether this system lets a listener at `[::]` take IPv6 alone."""
    try:
        return (PROC / "sys/net/ipv6/bindv6only").read_text().strip() == "1"
    except OSError:
        return False


def _check_address(
    endpoint: Endpoint,
    user: User,
    held: Mapping[HeldAddress, int],
    taker: Endpoint | None = None,
) -> Iterator[Finding]:
    """Yield the finding about one address. taker: an earlier endpoint that takes it."""
    subject = short_address_text(endpoint)
    kind = "udp" if endpoint.scheme == "udp" else "tcp"
    place = os.path.normpath(endpoint.path) if endpoint.path else endpoint.port
    key = ("unix" if endpoint.path else kind, place)
    if endpoint.scheme not in _KNOWN or not (endpoint.path or endpoint.port):
        yield ok(subject, "cannot be tried by this check")
        return
    own = {one.address: pid for one, pid in held.items() if (one.kind, one.place) == key}
    wanted = _ip_address(endpoint.interface)
    for address, pid in own.items():
        # An interface may be a name, too.
        if None in (address, wanted) or address == wanted:
            yield ok(subject, f"is held by the running service (process {pid})")
            return
    for address, pid in own.items():
        if address and wanted and _overlap(address, wanted):
            at = host_text(str(address), endpoint.port or 0)
            said = f"the running service (process {pid}) holds {at}, and a reload cannot change it"
            yield warning(subject, said, "restart the service")
            return
    if taker is not None:
        said = (
            f"takes the same port as {short_address_text(taker)}: a listener at [::] takes IPv4 too"
        )
        yield error(
            subject, said, "leave one of them out, or give one an interface or another port"
        )
        return
    try:
        # A port is not tried as the user: a capability in the service's unit may allow it more.
        with user.acting() if endpoint.path else contextlib.nullcontext():
            check_can_bind(endpoint)
    except ListenError as failure:
        directory = os.path.dirname(endpoint.path or "")
        if directory.startswith("/run/") and not os.path.exists(directory):
            made = f"RuntimeDirectory={os.path.basename(directory)} in its unit makes it"
            yield warning(subject, f"{directory} is not there before the start", made)
            return
        said, _, advice = str(failure).removeprefix(f"{shown(str(endpoint))}: ").partition("; ")
        yield error(subject, said, advice)
    else:
        yield ok(subject, "is free")


def addresses_of_processes(own_pids: Iterable[int]) -> dict[HeldAddress, int]:
    """Return the addresses at which the processes `own_pids` listen, each with the process id, from /proc.

    Raises PermissionError.
    """
    owners: dict[str, int] = {}
    for pid in own_pids:
        # The process may have ended by now, and its files may be closed.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for fd in (PROC / str(pid) / "fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    owners[os.readlink(fd).removeprefix("socket:[").removesuffix("]")] = pid
    found: dict[HeldAddress, int] = {}
    for table in ("tcp", "tcp6", "udp", "udp6") if owners else ():
        for row in read_proc_file(f"net/{table}").splitlines()[1:]:
            cells = row.split()
            if cells[3] in _TAKEN and cells[9] in owners:
                address, port = cells[1].split(":")
                at = HeldAddress(table.removesuffix("6"), int(port, 16), _proc_address(address))
                found[at] = owners[cells[9]]
    for row in read_proc_file("net/unix").splitlines()[1:] if owners else ():
        cells = row.split(maxsplit=7)
        if cells[7:] and cells[6] in owners:
            found[HeldAddress("unix", os.path.normpath(cells[7]))] = owners[cells[6]]
    return found


def _proc_address(digits: str) -> IPv4Address | IPv6Address | None:
    """Return an address as /proc/net writes it: words of 32 bits, each a number of this machine."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return _ip_address(str(ip_address(packed)))


def running_plugin_pids(plugin: str, file: Path | None) -> list[int]:
    """Return the ids of the twistd processes that run this plugin; if `file` is given, only those with this
    file as --config.
    """
    found = []
    for pid in sorted(int(one.name) for one in PROC.glob("[0-9]*")):
        words = read_proc_file(f"{pid}/cmdline").split("\0")
        at = [index for index, word in enumerate(words) if re.search(r"\btwistd?\b", word)]
        serves = at and plugin in words[at[0] + 1 :]
        if serves and (
            file is None or os.path.normpath(file) in _possible_config_paths(pid, plugin, words)
        ):
            found.append(pid)
    return found


def _possible_config_paths(pid: int, plugin: str, words: Iterable[str]) -> set[str]:
    """Return the absolute paths that a process may have as its --config, among others."""
    variable = f"{plugin.upper()}_CONFIG="
    given = [word.removeprefix("--config=") for word in words]
    for word in read_proc_file(f"{pid}/environ").split("\0"):
        given += [word.removeprefix(variable)] * word.startswith(variable)
    try:
        directory = os.readlink(PROC / str(pid) / "cwd")
    except OSError:
        directory = "/"
    return {os.path.normpath(os.path.join(directory, one)) for one in given}


def read_proc_file(name: str) -> str:
    """Return the text of a file in /proc; "" if it cannot be read."""
    try:
        return (PROC / name).read_text("utf-8", "surrogateescape")
    except OSError:
        return ""
