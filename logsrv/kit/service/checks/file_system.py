"""The file system below a directory: of what kind it is, and how much room it has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from logsrv.kit.service.checks.findings import Finding, error, ok, warning
from logsrv.kit.text.words import size_text

IN_MEMORY = ("tmpfs", "ramfs", "devtmpfs")
OVER_NETWORK = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "lustre", "gfs2", "ocfs2", "9p",
    "afs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone", "fuse.ceph",
)  # fmt: skip
LAYERED = ("overlay", "aufs")
# A share of all, below which other programs get into trouble too.
LEAST_ROOM = 0.05
LEAST_FILES = 1000


@attrs.frozen
class Mount:
    """A mounted file system. place: where; kind: ext4, tmpfs …; options: rw, noatime …"""

    place: str
    kind: str
    options: tuple[str, ...]


def parse_mounts(text: str) -> list[Mount]:
    """Return what /proc/self/mountinfo says (proc(5)); a line that is none is left out (no I/O)."""
    found = []
    for line in text.splitlines():
        before, _, behind = line.partition(" - ")
        words, kind = before.split(" "), behind.partition(" ")[0]
        if len(words) < 6 or not kind:
            continue
        place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8) & 0xFF), words[4])
        above = tuple(behind.split(" ")[2:3])
        options = (*words[5].split(","), *(above[0].split(",") if above else ()))
        found.append(Mount(place, kind, options))
    return found


def mount_of(path: str, mounts: list[Mount]) -> Mount | None:
    """Return the mount on which an absolute path without symbolic links lies (no I/O)."""
    inside = [
        one
        for one in mounts
        if one.place == "/" or f"{path}/".startswith(f"{one.place.rstrip('/')}/")
    ]
    # The last one of a place covers those before.
    return max(reversed(inside), key=lambda one: len(one.place), default=None)


def existing(path: Path) -> Path:
    """Return a path, or the nearest directory above it that is there."""
    real = Path(os.path.realpath(path))
    return next(one for one in (real, *real.parents) if os.path.exists(one))


def check_file_system(path: Path, mounts: str) -> Iterator[Finding]:
    """Yield findings about the file system below a directory. mounts: the text of mountinfo."""
    name = str(path)
    mount = mount_of(str(existing(path)), parse_mounts(mounts))
    if mount is None:
        return
    where = f"{mount.kind} at {mount.place}"
    if "ro" in mount.options:
        yield error(
            name, f"is on {where}, which is read-only", f"mount -o remount,rw {mount.place}"
        )
    elif mount.kind in IN_MEMORY:
        yield warning(name, f"is in memory ({where}): all is gone at a reboot", "take a disk")
    elif mount.kind in OVER_NETWORK:
        yield warning(
            name,
            f"is on a network ({where}): it waits for that, and locks may not hold",
            "take a disk of this machine",
        )
    elif mount.kind in LAYERED:
        yield warning(
            name, f"is in a container's own layer ({where}): it goes with that", "take a volume"
        )
    else:
        yield ok(name, f"is on {where}")


def check_room(path: Path) -> Iterator[Finding]:
    """Yield findings about the free space and the free files of the file system below a directory."""
    found = os.statvfs(existing(path))
    free, size = found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize
    if size and free < size * LEAST_ROOM:
        yield warning(
            str(path),
            f"has {size_text(free)} free of {size_text(size)}, less than {LEAST_ROOM:.0%}",
            "make room, or keep less",
        )
    if found.f_files and found.f_favail < LEAST_FILES:
        yield warning(
            str(path),
            f"has room for {found.f_favail} more files only (df -i)",
            "remove small files there, or take another file system",
        )
