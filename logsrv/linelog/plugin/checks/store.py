"""Checks of the directory of a store: rights, file system, room, and who has it. Nothing in it changes."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.options.kinds import SIZE
from logsrv.kit.service.checks.file_system import check_file_system, check_room, existing
from logsrv.kit.service.checks.findings import Asked, Finding, error, ok, warning
from logsrv.kit.service.checks.held import proc_text, processes, runs_with
from logsrv.kit.service.checks.limits import ask_systemd, may_write
from logsrv.kit.service.checks.user import User, user_name
from logsrv.kit.text.time import parse_rfc3339
from logsrv.kit.text.words import counted, size_text
from logsrv.linelog.store.care.owned import files_of
from logsrv.linelog.store.disk.disk import Disk, explanation, reason
from logsrv.linelog.store.disk.format import require_known
from logsrv.linelog.store.disk.lock import NAME as LOCK
from logsrv.linelog.store.disk.lock import owner_of
from logsrv.linelog.store.policy import DAY, StorePolicy
from logsrv.linelog.store.segments import identity
from logsrv.linelog.store.segments.backup_note import folders
from logsrv.linelog.store.segments.index import load_head
from logsrv.linelog.store.segments.segment import (
    ACTIVE,
    ARCHIVED_SUFFIX,
    CATALOG_SUFFIX,
    FOLDERS,
    INDEX_SUFFIX,
    NOT_RESTORED,
    PACKED_SUFFIX,
    RESTORING,
    WORDS_SUFFIX,
    Form,
    Segment,
    sealed_segments,
    time_text,
)

PLUGIN = "logsrv"
MiB = 1024**2
GiB = 1024 * MiB
# Bytes of the end of current.log, to find its last line in.
_TAIL = 256 * 1024
# A clock that is set by the network may be behind the one of before by so many seconds.
AHEAD = 60.0
# A server reads these, and puts others in their place.
_NEVER_WRITTEN = (PACKED_SUFFIX, INDEX_SUFFIX, WORDS_SUFFIX, CATALOG_SUFFIX, ARCHIVED_SUFFIX)
# With fewer hours the store does not tell how fast it grows.
_LEAST_HOURS = 1.0


def check_change(directory: Path, file: Path | None) -> Iterator[Finding]:
    """Yield a warning if a service runs with this configuration, and its store is another one."""
    if file is None or owner_of(directory) is not None:
        return
    for pid in processes():
        if runs_with(pid, PLUGIN, file, ()):
            yield warning(
                str(directory),
                f"process {pid} runs with this configuration and another store: a reload is refused",
                "stop it and start it",
            )


def check_unit(directory: Path, asked: Asked) -> Iterator[Finding]:
    """Yield an error if the unit that starts this configuration lets the service write no store there."""
    place = os.path.realpath(directory)
    if asked.words or may_write(ask_systemd(PLUGIN), place, str(asked.file)):
        return
    yield error(
        str(directory),
        f"lies where {PLUGIN}.service may not write",
        f"systemctl edit {PLUGIN}, and below [Service]: ReadWritePaths={shlex.quote(place)}",
    )


def check_store(directory: Path, policy: StorePolicy, user: User, now: float) -> Iterator[Finding]:
    """Yield findings about a store. now: the time of day."""
    name = str(directory)
    yield from check_file_system(directory, proc_text("self/mountinfo"))
    yield from check_room(directory)
    if not directory.is_dir():
        yield _can_be_made(directory, user)
        free = os.statvfs(existing(directory))
        yield from _check_growth(name, Growth(0, free.f_bavail * free.f_frsize, None), policy)
        return
    yield from _check_rights(directory, user)
    try:
        disk = Disk().enter(directory)
    except OSError as failure:
        yield error(name, f"cannot be read: {reason(failure)}")
        return
    with disk:
        yield from _check_contents(disk, now)
        yield from _check_growth(name, measured(disk, now), policy)


def _can_be_made(directory: Path, user: User) -> Finding:
    name, above = str(directory), existing(directory)
    remedy = f"install -d -m 750 -o {user.name} -g {user.group} {shlex.quote(name)}"
    if directory.is_symlink():
        return error(
            name,
            "is a symbolic link that leads nowhere",
            "mend the link, or take another --directory",
        )
    if directory.exists() or not above.is_dir():
        return error(name, f"cannot be made: {above} is no directory", "take another --directory")
    with user.acting():
        writable = os.access(above, os.W_OK | os.X_OK)
    if writable:
        return ok(name, "is not there yet, and is made at the start")
    return error(name, f"is not there, and user {user.name} may not make it in {above}", remedy)


def _check_rights(directory: Path, user: User) -> Iterator[Finding]:
    name = str(directory)
    with user.acting():
        writable = os.access(directory, os.R_OK | os.W_OK | os.X_OK)
        refused = _refused(directory) if writable else []
    remedy = f"chown -R {user.name}:{user.group} {shlex.quote(name)}"
    if not writable and user.is_me and _is_anothers(directory, user):
        # A store is not taken from its service for who looks at it.
        yield warning(name, f"cannot be written by user {user.name}, only by the running service")
    elif not writable:
        yield error(name, f"cannot be written by user {user.name}", remedy)
    elif refused:
        owner = user_name(os.lstat(directory / refused[0]).st_uid)
        others = f", and {counted(len(refused) - 1, 'more file')} here" if refused[1:] else ""
        yield error(
            str(directory / refused[0]),
            f"belongs to {owner}: user {user.name} may not use it{others}",
            remedy,
        )
    else:
        yield ok(name, f"can be written by user {user.name}")
    mode = directory.stat().st_mode
    if mode & 0o002:
        yield warning(
            name,
            f"everybody on this machine may remove lines (mode {mode & 0o7777:04o})",
            f"chmod 750 {shlex.quote(name)}",
        )


def _refused(directory: Path) -> list[str]:
    """Return the files and folders of a store that this process may not use as its server does."""
    with Disk().enter(directory) as disk:
        found = [folder for folder, _ in folders(disk, passed=OSError) if folder]
        refused = [
            name for name in FOLDERS if name not in found and os.path.lexists(directory / name)
        ]
        for name, _ in files_of(disk):
            how = os.R_OK if name.endswith(_NEVER_WRITTEN) else os.R_OK | os.W_OK
            if not os.access(directory / name, how):
                refused.append(name)
    return refused + [name for name in found if not os.access(directory / name, os.W_OK | os.X_OK)]


def _is_anothers(directory: Path, user: User) -> bool:
    owner = owner_of(directory)
    with contextlib.suppress(OSError):
        return owner is not None and os.stat(f"/proc/{owner}").st_uid != user.uid
    return False


def _check_contents(disk: Disk, now: float) -> Iterator[Finding]:
    name = str(disk.directory)
    owner = owner_of(name)
    if owner is not None:
        yield ok(name, f"is in use by process {owner}")
    else:
        with contextlib.suppress(OSError):
            if left := disk.read(LOCK, 32).strip().decode("latin-1"):
                yield ok(
                    name, f"was left by process {left} in no good order: a start mends what it must"
                )
    try:
        require_known(disk)
    except StoreError as failure:
        yield error(name, str(failure))
    if disk.holds(RESTORING):
        yield error(name, NOT_RESTORED)
    try:
        identity.load(disk)
    except (OSError, ValueError) as failure:
        yield error(
            disk.path(identity.NAME), explanation(failure), "logsrv doctor DIR looks into it"
        )
    sealed = [one for one in sealed_segments(disk) if one.form is Form.PACKED]
    newest = _newest(disk, sealed)
    if newest is not None and newest - now > AHEAD:
        yield warning(
            name,
            f"has a line that is {_span(newest - now)} ahead of this machine's clock",
            "look at the clock: timedatectl",
        )
    if sealed and disk.holds(sealed[-1].index):
        try:
            load_head(sealed[-1], disk)
        except (OSError, ValueError) as failure:
            yield warning(
                disk.path(sealed[-1].index),
                explanation(failure),
                "take the version that wrote it, or look with logsrv doctor DIR",
            )


def _newest(disk: Disk, sealed: list[Segment]) -> float | None:
    """Return the TIME of the last line of a store; None if it has none, or cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        with Descriptor(disk.open(ACTIVE, os.O_RDONLY)) as fd:
            size = os.fstat(fd).st_size
            text = os.pread(fd, _TAIL, max(0, size - _TAIL))
        for line in reversed(text.splitlines()):
            if found := time_text(line):
                return parse_rfc3339(found)
        largest = load_head(sealed[-1], disk).times.largest if sealed else None
        return parse_rfc3339(largest) if largest else None
    return None


@attrs.frozen
class Growth:
    """The size of a store in bytes, what its disk has free, and bytes a day; None for nobody knows."""

    size: int
    free: int
    a_day: float | None


def measured(disk: Disk, now: float) -> Growth:
    """Return how large a store is, and how fast it grows, by its sealed segments. Raises OSError."""
    sizes = {}
    for name, plain in disk.entries().items():
        if plain:
            with contextlib.suppress(FileNotFoundError):
                sizes[name] = disk.stat(name).st_size
    sealed = [one for one in sealed_segments(disk) if one.form is Form.PACKED]
    a_day = None
    if sealed:
        seconds = now - parse_rfc3339(sealed[0].first)
        if seconds > _LEAST_HOURS * 3600:
            packed = sum(sizes.get(name, 0) for one in sealed for name in one.files)
            a_day = packed / seconds * DAY
    return Growth(sum(sizes.values()), disk.free()[0], a_day)


def _check_growth(name: str, growth: Growth, policy: StorePolicy) -> Iterator[Finding]:
    """Yield whether the disk has room for what retention leaves."""
    if policy.keep_bytes is not None and policy.keep_bytes < 2 * policy.rotate_size:
        yield warning(
            name,
            "--keep-bytes is less than two segments (--rotate-size): hardly any line stays",
            f"--rotate-size {SIZE.show(max(1, policy.keep_bytes // 8))}",
        )
    free = f"{size_text(growth.free)} free"
    pace = (
        f"{size_text(growth.a_day)} a day" if growth.a_day else "a rate that it does not tell yet"
    )
    until = f", full in {_span(growth.free / growth.a_day * DAY)}" if growth.a_day else ""
    room = growth.size + growth.free
    why = ""
    if policy.keep_bytes is not None and policy.keep_bytes > room:
        wanted = SIZE.show(policy.keep_bytes)
        why = f"the disk is full before --keep-bytes {wanted} is reached: it has {free}{until}"
    elif policy.keep_bytes is None and policy.keep_days is None:
        why = f"nothing is ever removed: {free}, {pace}{until}"
    elif policy.keep_days is not None and growth.a_day and policy.keep_days * growth.a_day > room:
        why = (
            f"the disk is full before --keep-days {policy.keep_days:g} have passed: {free}, {pace}"
            f"{until}"
        )
    if why:
        yield warning(name, why, f"--keep-bytes {_most_of(room)}")
    else:
        yield ok(name, f"has room for what is kept: {free}, {pace}")


def _most_of(room: int) -> str:
    """Return nine tenths of so many bytes, in whole units, as an option takes it."""
    unit = GiB if room * 0.9 >= GiB else MiB
    return SIZE.show(max(1, int(room * 0.9 / unit)) * unit)


def _span(seconds: float) -> str:
    for unit, name in ((DAY, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
