"""The names in a store's directory, and the numbers of its segments.

    current.log                           the active segment
    0000000007-20261120T061842Z.log       sealed, waiting to be compressed
    0000000006-20261119T061842Z.log.zst   sealed, with its index beside it in .log.zst.idx,
                                          and its word index, if it has one, in .log.zst.words
                                          with .log.zst.archived beside it, an archive has all of it
                                          (archive/), and its text may be gone from here
    0000000001-0000000256.catalog         times and words of small segments with such numbers (catalog/)
    number                                the number of the active segment, or one that was before it
    empty                                 the numbers of segments without lines that are gone (removed.py)
    waiting                               the sizes of segments that wait to be compressed (waiting.py)
    synced                                a place up to which everything is on the medium
    store                                 the identity of the store (identity.py)
    origins                               the blocks of other stores that are stored here (origins/)
    lock                                  who owns the directory
    importing                             an import is under way, and no server has had the store since
    restoring                             a store is brought back here, and not all of it has come
    backup                                this is a backup: whether it is complete (backup_note.py)

A number is never used twice. The active segment has the one in the file `number`, or one more than
the highest sealed segment, whichever is greater. A segment has its sealed name on the medium before the
next one takes a line, so the file matters only where no sealed name tells the number: retention
removes only what is below it.

In the middle of a rotation current.log has a sealed name as well; until another file is current.log,
that does not count. What is not a plain file is never a segment.
"""

from __future__ import annotations

import enum
import errno
import os
import re
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from logsrv.descriptor import Descriptor
from logsrv.kit.text.sums import with_sum, without_sum
from logsrv.kit.text.time import file_stamp, parse_rfc3339
from logsrv.kit.text.words import shown
from logsrv.linelog.store.segments.disk import TMP_SUFFIX, Disk

Names: TypeAlias = Mapping[str, bool]
"""The names in a directory, and whether each is that of a plain file."""

ACTIVE = "current.log"
NUMBER = "number"
SYNCED = "synced"
IMPORTING = "importing"
RESTORING = "restoring"
BACKUP = "backup"
FOLDERS = ("ship", "alerts")
"""Folders in the directory, with the places that readers have kept."""
NOT_RESTORED = "was not brought back to its end: give the same `logsrv restore` again to go on"
PACKED_SUFFIX = ".zst"
INDEX_SUFFIX = ".idx"
WORDS_SUFFIX = ".words"
ARCHIVED_SUFFIX = ".archived"
CATALOG_SUFFIX = ".catalog"
STORE_ID = re.compile(r"[0-9a-f]{32}")
"""The identity of a store."""
DIGITS = 10
# The shape of a sealed name, each digit a 0; it comes in two forms.
_SEALED = f"{DIGITS * '0'}-00000000T000000Z.log"
_SEALED_SUFFIXES = (".log", ".log" + PACKED_SUFFIX)
DIGITS_AS_ZEROS = str.maketrans("123456789", "000000000")
# A billion segments, one in a second for thirty years, and the names still have room for more.
_MOST_DIGITS = 9
MOST_SEGMENTS = 10**_MOST_DIGITS - 2
"""The greatest number of a segment behind which another one can follow."""
# Bytes that the texts of `number` and `synced` are filled up to, and of one without a sum at most.
_PADDED = _UNSUMMED = 32
# Patterns that most searches never need; the module of patterns is loaded when they do.
_POSITION = r"([0-9]{1,10}):([0-9]{1,15})"
_BESIDE = r"([0-9]{10}-[0-9]{8}T[0-9]{6}Z\.log\.zst)(\.tmp|\.(?:idx|words|archived)(?:\.tmp)?)"


class Position(NamedTuple):
    """A place in a store: the number of a segment and a byte offset in its text."""

    segment: int
    offset: int

    def __str__(self) -> str:
        """Return it as people and addresses have it: `17:52311`."""
        return f"{self.segment}:{self.offset}"


NOWHERE = Position(0, 0)


def parse_position(text: str) -> Position:
    """Return the position that a text such as `17:52311` is. Raises ValueError."""
    found = re.fullmatch(_POSITION, text)
    if found is None:
        raise ValueError(f"{shown(text)} is no position, such as 17:52311")
    return Position(int(found[1]), int(found[2]))


class Form(enum.Enum):
    """The form in which the text of a segment lies on disk: one of these four, and no other.

    AWAY: its text is in an archive only. Who lists segments gets no such, but from `away_segments`.
    """

    ACTIVE = "active"
    PLAIN = "plain"
    PACKED = "packed"
    AWAY = "away"


class Segment(NamedTuple):
    """A file of a store that holds lines."""

    number: int
    name: str
    form: Form

    @property
    def first(self) -> str:
        """The second of the first line by the name of the file, as a TIME; "" for the active one."""
        day, _, time = self.name[DIGITS + 1 :].partition("T")
        if not time:
            return ""
        return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:6]}.000000Z"

    @property
    def packed(self) -> str:
        """The name that the compressed text of a sealed segment has, or will have."""
        return self.name if self.form in (Form.PACKED, Form.AWAY) else self.name + PACKED_SUFFIX

    @property
    def index(self) -> str:  # type: ignore[override]
        """The name that the index of the compressed text has, or will have."""
        return self.packed + INDEX_SUFFIX

    @property
    def words(self) -> str:
        """The name that the word index of the compressed text has, if it has one."""
        return self.packed + WORDS_SUFFIX

    @property
    def archived(self) -> str:
        """The name of the note that an archive has the compressed text and what is beside it."""
        return self.packed + ARCHIVED_SUFFIX

    @property
    def files(self) -> tuple[str, str, str]:
        """All names that a sealed segment may have, the text first: without it the others are stray."""
        return self.name, self.index, self.words


def sealed_name(number: int, first: float) -> str:
    """Return the name of sealed segment `number`, whose first line is of the moment `first`.

    Raises OSError for a number that makes no name which is recognised again.
    """
    if number >= 10**DIGITS:
        raise OSError(errno.EOVERFLOW, f"there is no segment number {number}")
    return f"{number:0{DIGITS}d}-{file_stamp(first)}.log"


def tmp(name: str) -> str:
    """Return the name that a file has until it is complete."""
    return name + TMP_SUFFIX


def sealed_files(disk: Disk, names: Names | None = None) -> list[Segment]:
    """Return every sealed file in order; one whose sealing was interrupted is there in both forms.

    names: of the directory, as `Disk.entries` returns them; None to list them now.
    """
    return [found for found, active in _named_so(disk, names) if not active]


def no_files(disk: Disk, names: Names | None = None) -> list[str]:
    """Return the names of sealed segments that are not of plain files: of directories, pipes, links."""
    entries = disk.entries() if names is None else names
    return sorted(
        name for name, plain in entries.items() if not plain and _form_of(name) is not None
    )


def half_rotated(disk: Disk, names: Names | None = None) -> list[Segment]:
    """Return the sealed names of the active segment: the traces of a rotation under way or broken off."""
    return [found for found, active in _named_so(disk, names) if active]


def _named_so(disk: Disk, names: Names | None = None) -> list[tuple[Segment, bool]]:
    """Return the files with names of sealed segments in order, and whether each is current.log too."""
    entries = disk.entries() if names is None else names
    named = sorted([name for name in entries if name.endswith(_SEALED_SUFFIXES)])
    # After the listing: a name that was listed and is not current.log's by now is sealed for good.
    active = _inode(ACTIVE, disk)
    found = []
    for name in named:
        form = _form_of(name)
        if form is not None and entries[name]:
            same = form is Form.PLAIN and active is not None and _inode(name, disk) == active
            found.append((Segment(int(name[:DIGITS]), name, form), same))
    return found


def _form_of(name: str) -> Form | None:
    """Return the form of a sealed segment with this name; None if no segment has such a name."""
    shape = name.translate(DIGITS_AS_ZEROS)
    if shape == _SEALED:
        return Form.PLAIN
    return Form.PACKED if shape == _SEALED + PACKED_SUFFIX else None


def _inode(name: str, disk: Disk) -> tuple[int, int] | None:
    try:
        found = disk.stat(name)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def loose_files(disk: Disk, names: Names | None = None) -> list[str]:
    """Return files of a sealing that never came to hold a segment, and indexes whose segment is gone."""
    entries = disk.entries() if names is None else names
    found = [(name, re.fullmatch(_BESIDE, name)) for name, plain in entries.items() if plain]
    away = {one.name for one in away_segments(entries)}
    return [
        name
        for name, match in found
        if match
        and (name.endswith(TMP_SUFFIX) or (match[1] not in entries and match[1] not in away))
    ]


def away_segments(names: Names) -> list[Segment]:
    """Return, in order, the segments whose index is here and whose text is only in an archive.

    names: of the directory, as `Disk.entries` returns them.
    """
    found = []
    for note in sorted([name for name in names if name.endswith(ARCHIVED_SUFFIX)]):
        name = note.removesuffix(ARCHIVED_SUFFIX)
        here = name in names or name.removesuffix(PACKED_SUFFIX) in names
        if not here and _form_of(name) is Form.PACKED and names.get(name + INDEX_SUFFIX):
            found.append(Segment(int(name[:DIGITS]), name, Form.AWAY))
    return found


def sealed_segments(disk: Disk, names: Names | None = None) -> list[Segment]:
    """Return the sealed segments in order, one for each number: the packed file if there are more."""
    return [one for one, counted in counted_files(disk, names) if one is counted]


def counted_files(disk: Disk, names: Names | None = None) -> list[tuple[Segment, Segment]]:
    """Return the sealed files in order, each with the one that counts of those with its number.

    That is the file itself, if it is one of the `sealed_segments`.
    """
    found = sealed_files(disk, names)
    counted: dict[int, Segment] = {}
    for one in sorted(found, key=lambda one: one.form is not Form.PACKED):
        counted.setdefault(one.number, one)
    return [(one, counted[one.number]) for one in found]


def segments(disk: Disk) -> list[Segment]:
    """Return all segments in order, the active one last."""
    return segments_and_names(disk)[0]


def segments_and_names(disk: Disk) -> tuple[list[Segment], Names]:
    """Return all segments in order, the active one last, and the names among which they were found."""
    # In this order: a rotation between the two can then not make a segment vanish from the list.
    saved = saved_number(disk)
    names = disk.entries()
    sealed = sealed_segments(disk, names)
    # Those whose text is away have their numbers as well.
    number = max(saved, 1, *(one[-1].number + 1 for one in (sealed, away_segments(names)) if one))
    return [*sealed, Segment(number, ACTIVE, Form.ACTIVE)], names


def active_number(disk: Disk) -> int:
    """Return the number of the active segment; the first one of a store is 1."""
    return segments(disk)[-1].number


def saved_number(disk: Disk) -> int:
    """Return what the file `number` says; 0 if it is missing or damaged."""
    try:
        text = _padded(disk, NUMBER)
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else 0


def _padded(disk: Disk, name: str) -> bytes:
    """Return the text of `number` or `synced`. Raises OSError, and ValueError if it is damaged."""
    data = disk.read(name, 2 * _PADDED)
    if data.endswith(b"\n") and len(data) <= _UNSUMMED:
        return data.strip()
    return without_sum(data).rstrip(b" ")


def number_text(number: int) -> bytes:
    """Return what the file `number` holds; always as long, so that it can be written over."""
    return with_sum(b"%-*d" % (_PADDED, number))


def save_number(number: int, disk: Disk, *, sync: bool = True) -> None:
    """Let the file `number` say so. Raises OSError.

    sync: on the medium on return. The writer, who must not wait for a disk, leaves that to `keep_number`.
    """
    try:
        disk.overwrite(NUMBER, number_text(number), sync=sync)
    except FileNotFoundError:
        disk.put(NUMBER, number_text(number))


def keep_number(disk: Disk) -> int:
    """Return what the file `number` says, once it is certain that a power cut will not undo it.

    Raises OSError. Retention asks this: the sealed segments below are no longer needed as numbers.
    """
    with Descriptor(disk.open(NUMBER, os.O_RDWR)) as fd:
        disk.fdatasync(fd)
    return saved_number(disk)


def make_synced(disk: Disk) -> None:
    """Make the file `synced` unless there is a whole one with a sum. Raises OSError."""
    text = place_text(synced_place(disk))
    if not disk.holds(SYNCED) or disk.read(SYNCED) != text:
        disk.put(SYNCED, text)


def synced_place(disk: Disk) -> Position:
    """Return a place up to which everything is on the medium, as far as the store knows."""
    try:
        return read_synced(disk)
    except (OSError, ValueError):
        return NOWHERE


def read_synced(disk: Disk) -> Position:
    """Return what the file `synced` says. Raises OSError, and ValueError if it is damaged."""
    return parse_position(_padded(disk, SYNCED).decode("latin-1"))


def note_synced(place: Position, disk: Disk) -> None:
    """Let the file `synced` say so, which is not synced itself. Raises OSError."""
    disk.overwrite(SYNCED, place_text(place), sync=False)


def place_text(place: Position) -> bytes:
    """Return what the file `synced` holds; always as long, so that it can be written over."""
    return with_sum(f"{place!s:<{_PADDED}}".encode())


def time_text(line: bytes) -> str | None:
    """Return the TIME that `line` begins with, as it stands there; None if there is none."""
    text = line[:64].split(b" ", 1)[0].decode("ascii", "replace")
    try:
        parse_rfc3339(text)
    except ValueError:
        return None
    return text


def first_moment(fd: int) -> float:
    """Return when the first line in the file was received; if it does not say, when it was written."""
    try:
        text = time_text(os.pread(fd, 64, 0))
    except OSError:
        text = None
    return parse_rfc3339(text) if text else os.fstat(fd).st_mtime
