"""The names in a store's directory, and the numbers of its segments.

    current.log                           the active segment
    0000000007-20261120T061842Z.log       sealed, waiting to be compressed
    0000000006-20261119T061842Z.log.zst   sealed and compressed; its index is in .log.zst.idx, and its
                                          word index, if it has one, in .log.zst.words;
                                          .log.zst.archived says that an archive has these files
                                          (archive_notes.py): then retention may remove only the text
    0000000006-20261119T061842Z.parquet   the columns of that segment, made after it was sealed (columns/)
    number                                the number of the active segment, or of an earlier one
    removed                               numbers, sizes of removed segments (segment_notes.py)
    empty                                 numbers of removed segments that had no lines (segment_notes.py)
    waiting                               sizes of segments that wait for compression (segment_notes.py)
    synced                                a position up to which all text is on the medium
    store                                 the identity of the store (identity.py)
    format                                the format of the store, if it is not the first (format.py)
    origins                               notes of the blocks that came from other stores (origins.py)
    lock                                  the process that owns the directory (lock.py)
    erased                                when, why, how many lines were erased, and where (erased.py)
    erasing                               an erase is under way, or was interrupted (erase_plan.py)
    importing                             an import is not finished, and no server has run since
    restoring                             the store is being restored, and is not complete
    backup                                this is a backup, and whether it is complete (backup_note.py)
    stores                                a folder with the stores of `[[retention]]` rules (rule_stores.py)

A number is never used twice. The number of the active segment is the greater of two: the number in the file
`number`, and the number after the last sealed segment. A segment has its sealed name on the medium before
the next one gets a line. So the file `number` is needed only if the sealed names do not tell the number, as
after the removal of all sealed segments: retention removes only segments below the number in the file.

During a rotation, current.log has a sealed name as well, which is ignored until another file is
current.log. Only a plain file can be a segment.
"""

from __future__ import annotations

import enum
import errno
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack
from typing import NamedTuple, TypeAlias

from logsrv.descriptor import Descriptor
from logsrv.kit.text.checksums import line_with_checksum, strip_checksum
from logsrv.kit.text.time import file_stamp
from logsrv.kit.text.words import shown
from logsrv.linelog.store.disk import TMP_SUFFIX, Disk, read_or

Names: TypeAlias = Mapping[str, bool]
"""The names in a directory, each with whether it is a plain file."""

ACTIVE = "current.log"
NUMBER = "number"
SYNCED = "synced"
IMPORTING = "importing"
RESTORING = "restoring"
BACKUP = "backup"
ERASING = "erasing"
FOLDERS = ("ship", "alerts")
"""The folders with the saved places of readers."""
NOT_RESTORED = "is not completely restored: give the same `logsrv restore` again to continue"
PACKED_SUFFIX = ".zst"
INDEX_SUFFIX = ".idx"
WORDS_SUFFIX = ".words"
ARCHIVED_SUFFIX = ".archived"
PLAIN_SUFFIX, COLUMNS_SUFFIX = ".log", ".parquet"
STORE_ID = re.compile(r"[0-9a-f]{32}")
"""The identity of a store."""
DIGITS = 10
# A sealed name with 0 for each digit; it ends in one of two suffixes.
_SEALED = f"{DIGITS * '0'}-00000000T000000Z.log"
_SEALED_SUFFIXES = (".log", ".log" + PACKED_SUFFIX)
DIGITS_AS_ZEROS = str.maketrans("123456789", "000000000")
# Enough for a segment each second for thirty years; a name has room for one digit more.
_MOST_DIGITS = 9
MOST_SEGMENTS = 10**_MOST_DIGITS - 2
"""The greatest number of a segment that another one can follow."""
# Bytes to which the texts of `number` and `synced` are padded; a file without a checksum is never longer.
_PADDED = _UNSUMMED = 32
# Strings, because most searches never use these patterns: they are compiled at the first use.
_POSITION = r"([0-9]{1,10}):([0-9]{1,15})"
TRIES = 1000
"""The attempts to see a store that changes all the time."""


NEXT_STORE = 1 << 40
"""Of stores that are read together, the numbers of store n's segments are higher by n times this."""
STORE_NAME = r"[a-z][a-z0-9-]{0,31}"
"""The name of the store of a rule, which stands in the positions of its lines: `audit/17:52311`."""
# A name is its store's number, so no process needs a table to write a position or to read one. Stores that
# a command line names are counted from 1 on, and never reach these numbers.
_BEFORE_NAME = b"rule/"
_NAMED = NEXT_STORE * int.from_bytes(_BEFORE_NAME) << 8
LONGEST_NUMBER = 48
"""Bytes that the number of a segment of any store fits into."""


def number_of_store(name: str) -> int:
    """Return the number of the store of a rule, in positions of all stores; 0 for "", the main store."""
    return int.from_bytes(_BEFORE_NAME + name.encode()) if name else 0


def name_of_store(number: int) -> str:
    """Return the name of the store of a rule; "" for the main one, and for one that has only a number."""
    if number * NEXT_STORE < _NAMED:
        return ""
    size = (number.bit_length() + 7) // 8
    return number.to_bytes(size).removeprefix(_BEFORE_NAME).decode("ascii", "replace")


class Position(NamedTuple):
    """The position of a line in a store: the number of a segment and a byte offset in its text."""

    segment: int
    offset: int

    def __str__(self) -> str:
        """Return the position as text, `17:52311`; in the store of a rule `audit/17:52311`.

        Of stores that a command line names, the text does not tell which one it is.
        """
        if self.segment < _NAMED:
            return f"{self.segment % NEXT_STORE}:{self.offset}"
        name = name_of_store(self.store)
        return f"{name}/{self.segment % NEXT_STORE}:{self.offset}"

    @property
    def own(self) -> Position:
        """The position in its store alone."""
        return Position(self.segment % NEXT_STORE, self.offset)

    @property
    def in_text(self) -> tuple[int | str, int]:
        """The segment as it stands in a position's text, with the store of a rule, and the offset."""
        if self.segment < _NAMED:
            return self.segment % NEXT_STORE, self.offset
        return str(self).partition(":")[0], self.offset

    @property
    def store(self) -> int:
        """The number of its store; 0 if only one is read, or if it is not that of a rule."""
        return self.segment // NEXT_STORE

    def beside(self, bytes_on: int) -> Position:
        """Return the position so many bytes on, or back, in the same segment."""
        return self._replace(offset=self.offset + bytes_on)

    def in_store(self, number: int) -> Position:
        """Return a store's own position as one of store `number`."""
        return self._replace(segment=self.segment + number * NEXT_STORE)


NOWHERE = Position(0, 0)


def parse_position(text: str) -> Position:
    """Return the position in a text such as `17:52311`. Raises ValueError."""
    found = re.fullmatch(_POSITION, text)
    if found is None:
        raise ValueError(f"{shown(text)} is not a position such as 17:52311")
    return Position(int(found[1]), int(found[2]))


def parse_named_position(text: str) -> Position:
    """Return the position in a text such as `audit/17:52311`, or without a name. Raises ValueError."""
    name, slash, own = text.rpartition("/")
    if slash and not re.fullmatch(STORE_NAME, name):
        raise ValueError(f"{shown(text)} is not a position such as 17:52311 or audit/17:52311")
    return parse_position(own).in_store(number_of_store(name))


class Form(enum.Enum):
    """The form in which the text of a segment is stored.

    AWAY: the text is in an archive only. Only `away_segments` returns segments of this form.
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
    def first_time(self) -> str:
        """The time of the first line in whole seconds, as a TIME, from the name; "" if it is active."""
        day, _, time = self.name[DIGITS + 1 :].partition("T")
        if not time:
            return ""
        return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:6]}.000000Z"

    @property
    def packed(self) -> str:
        """The name of the compressed text of a sealed segment, which may not exist yet."""
        return self.name if self.form in (Form.PACKED, Form.AWAY) else self.name + PACKED_SUFFIX

    @property
    def plain(self) -> str:
        """The name of the text of a sealed segment before it is compressed, which may be gone."""
        return self.packed.removesuffix(PACKED_SUFFIX)

    @property
    def index(self) -> str:  # type: ignore[override]
        """The name of the index of the compressed text, which may not exist yet."""
        return self.packed + INDEX_SUFFIX

    @property
    def words(self) -> str:
        """The name of the word index of the compressed text, which may have none."""
        return self.packed + WORDS_SUFFIX

    @property
    def columns(self) -> str:
        """The name of the columns of a sealed segment, which may have none."""
        return self.plain.removesuffix(PLAIN_SUFFIX) + COLUMNS_SUFFIX

    @property
    def archived(self) -> str:
        """The name of the note which says that an archive has the files of the segment."""
        return self.packed + ARCHIVED_SUFFIX

    @property
    def files(self) -> tuple[str, ...]:
        """The names of a sealed segment's files: the text first, then those that are useless without it."""
        return *self.archived_files, self.columns

    @property
    def archived_files(self) -> tuple[str, str, str]:
        """The names of its files that an archive has as well; columns are made again from the text."""
        return self.name, self.index, self.words


def sealed_name(number: int, first: float) -> str:
    """Return the name of sealed segment `number`. first: the time of its first line, in Unix seconds.

    Raises OSError for a number of more than ten digits.
    """
    if number >= 10**DIGITS:
        raise OSError(errno.EOVERFLOW, f"there is no segment number {number}")
    return f"{number:0{DIGITS}d}-{file_stamp(first)}.log"


def tmp(name: str) -> str:
    """Return the name that a file has until it is complete."""
    return name + TMP_SUFFIX


def not_plain_files(names: Names) -> list[str]:
    """Return the names of sealed segments that are no plain files but directories, pipes or links."""
    return sorted(name for name, plain in names.items() if not plain and _form_of(name) is not None)


def _form_of(name: str) -> Form | None:
    """Return the form of a sealed segment with this name; None if no segment has such a name."""
    shape = name.translate(DIGITS_AS_ZEROS)
    if shape == _SEALED:
        return Form.PLAIN
    return Form.PACKED if shape == _SEALED + PACKED_SUFFIX else None


def _inode(name: str, disk: Disk) -> tuple[int, int] | None:
    found = read_or(None, disk.stat, name)
    return found and (found.st_dev, found.st_ino)


def away_segments(names: Names) -> list[Segment]:
    """Return, in order, the segments whose text is only in an archive, and whose index is here.

    names: the listing of the directory by `Disk.entries`.
    """
    found = []
    for note in sorted([name for name in names if name.endswith(ARCHIVED_SUFFIX)]):
        name = note.removesuffix(ARCHIVED_SUFFIX)
        if _form_of(name) is Form.PACKED:
            one = Segment(int(name[:DIGITS]), name, Form.AWAY)
            if one.packed not in names and one.plain not in names and names.get(one.index):
                found.append(one)
    return found


class Listing:
    """The names in the directory of a store at one moment, and its segments. Raises OSError.

    names: each with whether it is a plain file. named: the sealed names that an unfinished rotation has
    given the active segment. files: the files with other sealed names in order, each with the file that
    readers use for its number. sealed: the files that readers use. away: the segments whose text is only in
    an archive. by_number: both kinds, in order. active: the number of the active segment.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        # Read the number first: a rotation before the listing must not hide a segment.
        saved = saved_number(disk)
        self.names = disk.entries()
        found, self.named = _sealed_files(disk, self.names)
        # Readers use the one with an index of two compressed files: somebody has put the other there.
        used: dict[int, Segment] = {}
        for one in sorted(
            found, key=lambda one: (one.form is not Form.PACKED, one.index not in self.names)
        ):
            used.setdefault(one.number, one)
        self.files = [(one, used[one.number]) for one in found]
        self.sealed = [one for one, preferred in self.files if one is preferred]
        self.away = away_segments(self.names)
        # A segment whose text is only in an archive still uses its number.
        numbered = {one.number: one for one in (*self.away, *self.sealed)}
        self.by_number = {number: numbered[number] for number in sorted(numbered)}
        if self.named:
            # A power cut may have kept the next number in its file, and undone the rotation.
            saved = self.named[-1].number
        self.active = max(saved, 1, *(number + 1 for number in self.by_number))

    @property
    def active_segment(self) -> Segment:
        """The active segment; its file may be missing."""
        return Segment(self.active, ACTIVE, Form.ACTIVE)


def _sealed_files(disk: Disk, names: Names) -> tuple[list[Segment], list[Segment]]:
    """Return the files with sealed names in order: those that are not current.log, and those that are."""
    # Read this after the listing: a listed file that is not current.log now stays sealed.
    active = _inode(ACTIVE, disk)
    found: tuple[list[Segment], list[Segment]] = ([], [])
    for name in sorted([name for name in names if name.endswith(_SEALED_SUFFIXES)]):
        form = _form_of(name)
        if form is not None and names[name]:
            same = form is Form.PLAIN and active is not None and _inode(name, disk) == active
            found[same].append(Segment(int(name[:DIGITS]), name, form))
    return found


def open_active_and_list(disk: Disk) -> tuple[int, Listing]:
    """Return a descriptor of current.log for reading, and a listing in which that is the active segment.

    The descriptor is -1 if there is no current.log. Raises OSError.
    """
    for _ in range(TRIES):
        try:
            held = Descriptor(disk.open(ACTIVE, os.O_RDONLY))
        except FileNotFoundError:
            return -1, Listing(disk)
        with ExitStack() as undo:
            fd = undo.enter_context(held)
            listed = Listing(disk)
            if disk.leads_to(ACTIVE, fd):
                undo.pop_all()
                return fd, listed
    raise OSError(errno.EAGAIN, "the store begins a new segment all the time")


def sealed_segments(disk: Disk) -> list[Segment]:
    """Return the sealed segments in order, one file for each number: the packed one if there are two."""
    return Listing(disk).sealed


def segments(disk: Disk) -> list[Segment]:
    """Return all segments in order, the active one last."""
    listed = Listing(disk)
    return [*listed.sealed, listed.active_segment]


def saved_number(disk: Disk) -> int:
    """Return the number in the file `number`; 0 if the file is missing or damaged."""
    text = read_or(b"", _read_padded_file, disk, NUMBER)
    return int(text) if text.isdigit() and len(text) <= _MOST_DIGITS else 0


def _read_padded_file(disk: Disk, name: str) -> bytes:
    """Return the text of `number` or `synced`. Raises OSError, and ValueError if it is damaged."""
    data = disk.read(name, 2 * _PADDED)
    if data.endswith(b"\n") and len(data) <= _UNSUMMED:
        return data.strip()
    return strip_checksum(data).rstrip(b" ")


def number_text(number: int) -> bytes:
    """Return the content of the file `number`; its length is constant, so that it can be overwritten."""
    return line_with_checksum(b"%-*d" % (_PADDED, number))


def save_number(number: int, disk: Disk, *, sync: bool = True) -> None:
    """Write a number to the file `number`, unless it has a higher one. Raises OSError.

    sync: whether it is on the medium on return. The writing thread does not sync, because it must not wait
    for a disk; `sync_number` does it later.
    """
    # The sealing thread may save a number that it has read before the writing thread saved a higher one.
    with disk.saving_number:
        text = number_text(max(number, saved_number(disk)))
        try:
            disk.overwrite_start(NUMBER, text, sync=False)
        except FileNotFoundError:
            disk.replace_durably(NUMBER, text)
            return
    if sync:
        with Descriptor(disk.open(NUMBER, os.O_RDWR)) as fd:
            disk.fdatasync(fd)


def sync_number(disk: Disk) -> int:
    """Sync the file `number`, and return the number that is on the medium now. Raises OSError.

    Retention calls this: once the number is on the medium, the names of segments below it may be removed.
    """
    with Descriptor(disk.open(NUMBER, os.O_RDWR)) as fd:
        with disk.saving_number:
            # A higher number that the writing thread saves during the sync is not on the medium.
            if not (number := saved_number(disk)):
                return 0
            # Written again: a kernel drops what it could not sync, and the next sync of it succeeds.
            disk.overwrite_start(NUMBER, number_text(number), sync=False)
        disk.fdatasync(fd)
    return number


def repair_synced_file(disk: Disk) -> None:
    """Write the file `synced` unless it is valid and has a checksum. Raises OSError."""
    text = synced_file_text(synced_position(disk))
    if not disk.has_name(SYNCED) or disk.read(SYNCED) != text:
        disk.replace_durably(SYNCED, text)


def synced_position(disk: Disk) -> Position:
    """Return the position up to which all text is known to be on the medium; NOWHERE if unknown."""
    return read_or(NOWHERE, read_synced, disk)


def read_synced(disk: Disk) -> Position:
    """Return the position in the file `synced`. Raises OSError, and ValueError if it is damaged."""
    return parse_position(_read_padded_file(disk, SYNCED).decode("latin-1"))


def note_synced(position: Position, disk: Disk) -> None:
    """Write a position to the file `synced`, without syncing the file. Raises OSError."""
    disk.overwrite_start(SYNCED, synced_file_text(position), sync=False)


def synced_file_text(position: Position) -> bytes:
    """Return the content of the file `synced`; its length is constant, so that it can be overwritten."""
    return line_with_checksum(f"{position!s:<{_PADDED}}".encode())
