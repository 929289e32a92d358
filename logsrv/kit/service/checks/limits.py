"""Limits that the system sets the service: by the process that runs already, or the unit that starts it."""

from __future__ import annotations

import re
import resource
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.guard.open_files import FileLimit, most_connections, too_many
from logsrv.kit.service.checks.findings import Finding, ok, parted, warning
from logsrv.kit.service.checks.held import proc_text

SYSTEMD = Path("/run/systemd/system")
_ASKED = (
    "LoadState,LimitNOFILE,AmbientCapabilities,User,RuntimeDirectory,NFileDescriptorStore"
    ",ExecStart,ProtectSystem,ReadWritePaths,StateDirectory"
)
# capability.h
_BIND_SERVICE = 10
_SECONDS = 5.0
_UNLIMITED = 2**30
SUBJECT = "limit of open files"


@attrs.frozen(kw_only=True)
class Surroundings:
    """The limits of a service. told_by: who says so.

    files: how many open files it may have. binds_low: it may listen below port 1024; None: nobody knows.
    pid, uid: of the process that runs already; None if none does. runtime: directories made for it.
    kept: sockets that the service manager keeps for its next process.
    """

    told_by: str
    files: int
    binds_low: bool | None = None
    pid: int | None = None
    uid: int | None = None
    runtime: tuple[str, ...] = ()
    kept: int = 0

    def makes(self, directory: str) -> bool:
        """Return true if a directory below /run is made by who starts the service."""
        return directory.removeprefix("/run/") in self.runtime


def surroundings(plugin: str, pid: int | None, *, is_me: bool) -> Surroundings:
    """Return the limits of a service: those of its process (`pid`), else of its unit, else our own.

    is_me: it would run as the user of this process.
    """
    unit = unit_of(ask_systemd(plugin), plugin)
    if pid is not None and (found := _of_process(pid)) is not None:
        return attrs.evolve(found, runtime=unit.runtime if unit else ())
    if unit is not None:
        return unit
    return Surroundings(
        told_by="of this shell",
        files=_own_limit(),
        binds_low=None if not is_me else _of_status(proc_text("self/status"))[1],
    )


def ask_systemd(plugin: str) -> str:
    """Return what systemd says of the unit of a plugin; nothing where it does not run."""
    if not SYSTEMD.is_dir():
        return ""
    command = ["systemctl", "show", f"{plugin}.service", f"--property={_ASKED}"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def unit_of(text: str, plugin: str) -> Surroundings | None:
    """Return what the answer of `systemctl show` says; None if there is no such unit (no I/O)."""
    found = _properties(text)
    if found.get("LoadState") != "loaded":
        return None
    limit = found.get("LimitNOFILE", "")
    held = found.get("AmbientCapabilities", "")
    return Surroundings(
        told_by=f"of {plugin}.service",
        files=int(limit) if limit.isdecimal() else _UNLIMITED,
        binds_low="cap_net_bind_service" in held or found.get("User", "") in ("", "root"),
        runtime=tuple(found.get("RuntimeDirectory", "").split()),
        kept=int(found.get("NFileDescriptorStore") or 0),
    )


def may_write(text: str, directory: str, file: str) -> bool:
    """Return false if the unit that starts a service with `file` keeps it from a real path (no I/O)."""
    found = _properties(text)
    if found.get("ProtectSystem") != "strict" or file not in found.get("ExecStart", "").split():
        return True
    allowed = found.get("ReadWritePaths", "").split()
    allowed += [f"/run/{one}" for one in found.get("RuntimeDirectory", "").split()]
    allowed += [f"/var/lib/{one}" for one in found.get("StateDirectory", "").split()]
    return any(f"{directory}/".startswith(f"{one.strip('-+').rstrip('/')}/") for one in allowed)


def user_of_unit(text: str, file: str) -> str:
    """Return as whom a unit runs the service that it starts with `file`; "" if it does not (no I/O)."""
    found = _properties(text)
    if found.get("LoadState") != "loaded" or file not in found.get("ExecStart", "").split():
        return ""
    return found.get("User") or "root"


def _properties(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _of_process(pid: int) -> Surroundings | None:
    limit = re.search(r"^Max open files +\S+ +(\d+)", proc_text(f"{pid}/limits"), re.MULTILINE)
    uid, binds_low = _of_status(proc_text(f"{pid}/status"))
    if uid is None:
        return None
    return Surroundings(
        told_by=f"of process {pid}",
        files=int(limit[1]) if limit else _own_limit(),
        binds_low=binds_low,
        pid=pid,
        uid=uid,
    )


def _own_limit() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return _UNLIMITED if hard == resource.RLIM_INFINITY else hard


def _of_status(text: str) -> tuple[int | None, bool]:
    """Return the user of a process and whether it may listen at low ports."""
    uid = re.search(r"^Uid:\s+\d+\s+(\d+)", text, re.MULTILINE)
    may = re.search(r"^CapEff:\s+([0-9a-f]+)", text, re.MULTILINE)
    return int(uid[1]) if uid else None, bool(may and int(may[1], 16) >> _BIND_SERVICE & 1)


def check_open_files(rules: Iterable[GuardPolicy], around: Surroundings) -> Iterator[Finding]:
    """Yield the finding whether the connections that may come fit into the limit of open files.

    rules: of the listeners that take connections.
    """
    sentence = too_many(most_connections(rules), FileLimit(around.files))
    if sentence is None:
        yield ok(SUBJECT, f"is enough: {around.files} ({around.told_by})")
    else:
        said, advice = parted(sentence)
        yield warning(SUBJECT, f"{said} ({around.told_by})", advice)
