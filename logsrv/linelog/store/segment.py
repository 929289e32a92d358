"""The names in a store's directory, and the numbers of its segments.

    current.log                           the active segment
    0000000007-20261120T061842Z.log       sealed, waiting to be compressed
    0000000006-20261119T061842Z.log.zst   sealed, with its index beside it in .log.zst.idx
    number                                the number of the active segment
    lock                                  who owns the directory

A number is never used twice. The active segment has the one in the file `number`, or one more than
the highest sealed segment, whichever is greater: so the order of the steps of a rotation does not
matter to a crash. Retention removes only what is below the number in the file.
"""

from __future__ import annotations

import enum
import os
import re
from pathlib import Path
from typing import NamedTuple

import attrs

from logsrv.kit.text.time import file_stamp, parse_rfc3339
from logsrv.linelog.store.disk import Disk

ACTIVE = "current.log"
NUMBER = "number"
PACKED_SUFFIX = ".zst"
INDEX_SUFFIX = ".idx"
TMP_SUFFIX = ".tmp"
_SEALED = re.compile(r"([0-9]{10})-[0-9]{8}T[0-9]{6}Z\.log(\.zst)?", re.ASCII)
_BESIDE = re.compile(r"([0-9]{10})-[0-9]{8}T[0-9]{6}Z\.log\.zst(\.tmp|\.idx|\.idx\.tmp)", re.ASCII)


class Position(NamedTuple):
    """A place in a store: the number of a segment and a byte offset in its text."""

    segment: int
    offset: int


class Form(enum.Enum):
    """How the text of a segment lies on disk."""

    ACTIVE = "active"
    PLAIN = "plain"
    PACKED = "packed"


@attrs.frozen
class Segment:
    """One file of a store that holds lines."""

    number: int
    path: Path
    form: Form

    @property
    def packed(self) -> Path:
        """Where the compressed text of a sealed segment is, or will be."""
        if self.form is Form.PACKED:
            return self.path
        return self.path.with_name(self.path.name + PACKED_SUFFIX)

    @property
    def index(self) -> Path:
        """Where the index of the compressed text is, or will be."""
        return self.packed.with_name(self.packed.name + INDEX_SUFFIX)


def sealed_name(number: int, first: float) -> str:
    """The name of sealed segment `number`, whose first line is of the moment `first`."""
    return f"{number:010d}-{file_stamp(first)}.log"


def tmp(path: Path) -> Path:
    """The name that a file has until it is complete."""
    return path.with_name(path.name + TMP_SUFFIX)


def sealed_files(directory: Path) -> list[Segment]:
    """Every sealed file in order; a segment whose sealing was interrupted is there in both forms."""
    found = []
    for name in os.listdir(directory):
        match = _SEALED.fullmatch(name)
        if match:
            form = Form.PACKED if match[2] else Form.PLAIN
            found.append(Segment(int(match[1]), directory / name, form))
    return sorted(found, key=lambda segment: (segment.number, segment.path.name))


def loose_files(directory: Path) -> list[Path]:
    """Files of a sealing that never came to hold a segment, and indexes whose segment is gone."""
    names = set(os.listdir(directory))
    return [
        directory / name
        for name in names
        if _BESIDE.fullmatch(name)
        and (name.endswith(TMP_SUFFIX) or name.removesuffix(INDEX_SUFFIX) not in names)
    ]


def sealed_segments(directory: Path) -> list[Segment]:
    """The sealed segments in order, each once: the plain file where both forms are there."""
    return _each_once(sealed_files(directory))


def _each_once(files: list[Segment]) -> list[Segment]:
    # Backwards a plain name comes after the packed one, and so it is the one that stays.
    chosen = {segment.number: segment for segment in reversed(files)}
    return [chosen[number] for number in sorted(chosen)]


def segments(directory: Path) -> list[Segment]:
    """All segments in order, the active one last. Raises OSError if there is no such directory."""
    # In this order: a rotation between the two can then not make a segment vanish from the list.
    saved = saved_number(directory)
    sealed = _each_once(sealed_files(directory))
    number = max(saved, sealed[-1].number + 1 if sealed else 1)
    return [*sealed, Segment(number, directory / ACTIVE, Form.ACTIVE)]


def active_number(directory: Path) -> int:
    """The number of the active segment; the first one of a store is 1."""
    return segments(directory)[-1].number


def saved_number(directory: Path) -> int:
    """What the file `number` says; 0 if it is missing or, after a power cut, makes no sense."""
    try:
        text = (directory / NUMBER).read_bytes()[:32].strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def save_number(directory: Path, number: int, disk: Disk) -> None:
    """Let the file `number` say `number`; an interruption leaves the old one. Raises OSError.

    Not synced, because the writer does it, who must not wait for a disk: see `keep_number`.
    """
    path = directory / NUMBER
    fd = disk.create(tmp(path))
    try:
        disk.writev(fd, [b"%d\n" % number])
    finally:
        os.close(fd)
    disk.rename(tmp(path), path)


def keep_number(directory: Path, disk: Disk) -> int:
    """What the file `number` says, once it is certain that a power cut will not undo it.

    Raises OSError. Retention asks this: the sealed segments below are no longer needed as numbers.
    """
    fd = disk.open(directory / NUMBER, os.O_RDWR)
    try:
        disk.fdatasync(fd)
    finally:
        os.close(fd)
    disk.sync_directory(directory)
    return saved_number(directory)


def time_text(line: bytes) -> str | None:
    """The TIME that `line` begins with, as it stands there; None if it begins with no such thing."""
    text = line[:64].split(b" ", 1)[0].decode("ascii", "replace")
    try:
        parse_rfc3339(text)
    except ValueError:
        return None
    return text


def first_moment(fd: int) -> float:
    """When the first line in the file was received; when it was last written if it does not say."""
    text = time_text(os.pread(fd, 64, 0))
    return parse_rfc3339(text) if text else os.fstat(fd).st_mtime
