"""Recovery: a starting store repairs its directory after a crash, a power cut, or changes by a person.

`torn.py` repairs the text in a file. A file that cannot be read is logged and left unchanged.

A crash during a sealing leaves a segment in both forms, plain and compressed. A person may put any file
beside a segment. So a second file with the same number is removed only if its name is the same in the other
form, and the other file holds all of its text, byte by byte.
"""

from __future__ import annotations

import contextlib
import operator
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from twisted.logger import Logger

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.linelog.store import backup_note, identity, index, indexing, origins, segment
from logsrv.linelog.store.blocks import NotesFile
from logsrv.linelog.store.disk import Disk, explanation, read_or, reason
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.identity import Identity
from logsrv.linelog.store.segment import Form, Position, Segment
from logsrv.linelog.store.segment_notes import (
    EMPTY,
    REMOVED,
    WAITING,
    gaps,
    removed_or_empty_numbers,
    waiting_sizes,
)
from logsrv.linelog.store.torn import repair_text

log = Logger()
# A place after all others, for a store whose text is all on the medium.
EVERYWHERE = Position(10**segment.DIGITS, 0)
# The small files that are written as `NAME.tmp` first. A start removes a `NAME.tmp` that was left.
_REPLACED = (
    *(segment.NUMBER, segment.ACTIVE, segment.SYNCED),
    *(identity.NAME, origins.NAME, EMPTY, REMOVED, WAITING),
)
Say: TypeAlias = Callable[..., object]
"""Calls a method of a logger with its arguments, at once or in the thread that logs."""
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class OpenedActive(NamedTuple):
    """The active segment, opened. size: its bytes. torn: whether its last line has no LF.

    unread: whether it is unreadable, so its end is unknown.
    fd: the descriptor for the thread that writes. beside: the one for the thread that syncs. They are two
    open file descriptions, because Linux reports a failed write-back once to each, and both threads must
    learn of it.
    """

    fd: int
    beside: int
    size: int
    torn: bool
    unread: bool = False


def open_and_repair_active(disk: Disk, synced: int | None = None) -> OpenedActive:
    """Open current.log; make it if it is missing.

    synced: how many bytes of an existing file are known to be on the medium; None for all. Raises
    StoreError if the file cannot be opened, or is not a plain file.
    """
    path = disk.path(segment.ACTIVE)
    try:
        if not disk.has_name(segment.ACTIVE):
            os.close(disk.create(segment.ACTIVE))
        # An existing file may come from a rotation that was killed before its names were on the medium.
        disk.sync_directory()
        kind = stat.S_IFMT(disk.stat(segment.ACTIVE).st_mode)
        if kind != stat.S_IFREG:
            raise StoreError(
                f"{path} is {_KINDS.get(kind, 'a device')}, not a plain file; move it away"
            )
        with contextlib.ExitStack() as undo:
            fd = undo.enter_context(Descriptor(disk.open(segment.ACTIVE, os.O_RDWR | os.O_APPEND)))
            beside = undo.enter_context(Descriptor(disk.open(segment.ACTIVE, os.O_RDWR)))
            try:
                active = OpenedActive(fd, beside, *repair_text(path, beside, synced))
            except OSError as error:
                log.error(
                    "{path} cannot be read and is left as it is: {why}",
                    path=path,
                    why=reason(error),
                )
                active = OpenedActive(fd, beside, os.fstat(fd).st_size, torn=False, unread=True)
            undo.pop_all()
    except OSError as error:
        raise StoreError(f"{path} cannot be opened: {reason(error)}") from error
    return active


class TidyReport(NamedTuple):
    """The result of `tidy`.

    conflicting_names: files with the number of another segment; they were kept and logged.
    unseen: segments whose indexes are still to be checked with `check_or_rebuild_index`.
    """

    conflicting_names: frozenset[str] = frozenset()
    unseen: tuple[Segment, ...] = ()


class StartState(NamedTuple):
    """The state of a store at a start.

    opened, number: the active segment. segments_to_skip: how many times to begin a new segment before the
    first line is written. named: the sealed name that the active segment has already, or "". tidy_report:
    the result for the sealed segments. origins: the notes of blocks of other stores.
    """

    opened: OpenedActive
    number: int
    segments_to_skip: int = 0
    named: str = ""
    tidy_report: TidyReport = TidyReport()
    origins: NotesFile = NotesFile()


def repair_and_open(disk: Disk, *, crashed: bool, importing: bool = False) -> StartState:
    """Repair the directory and open the active segment. Raises OSError and StoreError.

    importing: whether the store is opened for an import. Any other owner may store lines after those of an
    unfinished import, so it removes the note of the import and logs that. It checks the indexes later,
    while it already takes lines.
    crashed: whether the previous owner was killed, or the power failed. Then somebody may have read text
    that never reached the medium, in this segment, or in the next if a rotation was under way. No new line
    may be written at a place that was read.
    """
    if not importing and disk.has_name(segment.IMPORTING):
        log.warn(
            "an import into {directory} is not finished; it can go on only as long as no other lines are"
            " stored: stop this server and give the same `logsrv import` again",
            directory=str(disk.directory),
        )
        # The directory is synced again before any line is stored.
        disk.unlink(segment.IMPORTING)
    if disk.has_name(segment.RESTORING):
        raise StoreError(f"the store {disk.directory} {segment.NOT_RESTORED}")
    backup_note.take_over_for_server(disk)
    half = segment.half_rotated_segments(disk)
    if half and (_remove_if_left_behind(disk, half[-1]) or not crashed):
        half = []
    spared = half[-1] if half else None
    synced = _read_or_make_synced(disk)
    tidy_report = tidy(disk, spared, synced if crashed else EVERYWHERE, indexes_later=not importing)
    number = spared.number if spared else save_active_number(disk, synced.segment)
    known = _synced_bytes(number, synced if crashed or synced.segment == number else EVERYWHERE)
    # Before the text is repaired, because the rest of a block is no torn line.
    size = disk.size_or_zero(segment.ACTIVE)
    settled = origins.cut_incomplete_blocks(disk, number, crashed=crashed)
    if known is not None:
        # Bytes that were cut off just now are not lost; those that were missing before are.
        known = min(known, disk.size_or_zero(segment.ACTIVE) + max(0, known - size))
    opened = open_and_repair_active(disk, known)
    if synced.segment == number and opened.size < synced.offset:
        # The log has said what is missing: the start after another kill must not say it again.
        with contextlib.suppress(OSError):
            segment.note_synced(Position(number, opened.size), disk)
    # Skip also a file that is shorter than it was: somebody has moved, removed or shortened it.
    segments_to_skip = (crashed or opened.unread or opened.size < (known or 0)) + bool(half)
    return StartState(
        opened, number, segments_to_skip, spared.name if spared else "", tidy_report, settled
    )


def _remove_if_left_behind(disk: Disk, named: Segment) -> bool:
    """Remove current.log if it is an old segment that newer sealed ones follow; return whether it was.

    The next segment was current.log later, and then got a sealed name. A power cut may undo the first of
    these changes and keep the second.
    """
    highest = max(_sealed_numbers(disk))
    if highest < named.number:
        return False
    log.warn(
        "{path} is the old segment {name}, and segment {highest} is newer; lines go on in a new file",
        path=disk.path(segment.ACTIVE),
        name=named.name,
        highest=highest,
    )
    # A power cut must not undo the sealed name after current.log is removed.
    disk.sync_directory()
    disk.unlink(segment.ACTIVE)
    return True


def _sealed_numbers(disk: Disk) -> set[int]:
    """Return the numbers of the sealed segments, even if the text is only in an archive; 0 for none."""
    files = [*segment.sealed_files(disk), *segment.away_segments(disk.entries())]
    return {one.number for one in files} or {0}


def _read_or_make_synced(disk: Disk) -> Position:
    """Return the place in the file `synced`; make the file anew if it is damaged or missing."""
    try:
        place = segment.read_synced(disk)
    except FileNotFoundError:
        place = segment.NOWHERE
    except (OSError, ValueError) as error:
        place = segment.NOWHERE
        log.warn(
            "{path} is damaged ({why}): nobody knows how much of the text was on the disk for certain",
            path=disk.path(segment.SYNCED),
            why=explanation(error),
        )
    # An OSError does little harm: without the file, a start after a crash looks for holes in more text.
    with contextlib.suppress(OSError):
        segment.repair_synced_file(disk)
    return place


def load_or_make_identity(disk: Disk) -> Identity | None:
    """Return the identity of the store, made now if it has none; None after a failure, which is logged."""
    try:
        found = identity.load_and_repair(disk)
        return found or identity.make_identity(
            disk, Position(segment.segments(disk)[0].number, 0), os.urandom
        )
    except (OSError, ValueError) as error:
        why = explanation(error)
        log.error(
            "the store has no identity, and nothing can be shipped from it: {why}. Lines are still stored;"
            " `logsrv doctor` says what to do",
            why=why,
        )
        return None


def save_active_number(disk: Disk, least: int = 0) -> int:
    """Return the number of the active segment, and write it to the file `number`, unless the disk is full.

    least: a number that was in use already; the file `number` may be lost or old.
    """
    number, saved = max(segment.active_number(disk), least), segment.saved_number(disk)
    if not saved and disk.has_name(segment.NUMBER):
        log.warn(
            "{path} does not hold the number of a segment; lines go on in number {number}",
            path=disk.path(segment.NUMBER),
            number=number,
        )
    _log_missing_segments(disk, number)
    text = segment.number_text(number)
    if not saved or disk.read(segment.NUMBER) != text:
        try:
            disk.replace_durably(segment.NUMBER, text)
        except OSError as error:
            log.warn("{file} cannot be saved: {why}", file=segment.NUMBER, why=reason(error))
    return number


def _log_missing_segments(disk: Disk, number: int) -> None:
    """Log the missing segment numbers, up to that of the active segment, that no note explains."""
    numbers = _sealed_numbers(disk)
    found = list(gaps({*numbers, number}, removed_or_empty_numbers(disk)))
    between = [run for run in found if run.start < max(numbers)]
    if between:
        others = sum(map(len, between)) - 1
        log.warn(
            "segment {missing} is missing{others}, and nothing tells what became of it; `logsrv doctor`"
            " says what to do",
            missing=between[0].start,
            others=f" (and {others:,} more)" if others else "",
        )
    if behind := found[len(between) :]:
        log.warn(
            "lines go on in segment {number}, the number in {path} or `synced`; nothing tells what became"
            " of segment {unknown}",
            number=number,
            path=disk.path(segment.NUMBER),
            unknown=behind[0].start,
        )


def _synced_bytes(number: int, synced: Position) -> int | None:
    """Return how many bytes of a segment are known to be on the medium; None for all."""
    if number < synced.segment:
        return None
    return synced.offset if number == synced.segment else 0


def tidy(
    disk: Disk,
    spared: Segment | None = None,
    synced: Position = EVERYWHERE,
    *,
    indexes_later: bool = False,
) -> TidyReport:
    """Finish or undo what a crash interrupted, so that each sealed segment is there once.

    Removes only unfinished files of this store, and second copies of segments. spared: a sealed name that
    the active segment may keep. indexes_later: whether to leave existing indexes unchecked for now: the
    check of 20,000 takes a second. Raises OSError.
    """
    unseen = []
    names = disk.entries()
    for name in segment.not_plain_files(names):
        log.warn("{path} is no plain file, so it is not a segment", path=disk.path(name))
    for found in segment.half_rotated_segments(disk, names):
        if found != spared:
            disk.unlink(found.name)
            del names[found.name]
    conflicting_names: set[str] = set()
    files = segment.files_with_preferred(disk, names)
    if remove_second_files(disk, files, conflicting_names, 10**segment.DIGITS, operator.call):
        names = disk.entries()
        files = segment.files_with_preferred(disk, names)
    for name in map(segment.tmp, _REPLACED):
        if names.get(name):
            disk.unlink(name)
    sizes = waiting_sizes(disk)
    for found, counted in files:
        if found is not counted:
            continue
        if found.form is Form.PLAIN:
            with _logging_unreadable(found, disk, operator.call):
                size = sizes.get(found.number)
                _repair_torn_end(
                    found, disk, _synced_bytes(found.number, synced) if size is None else size
                )
        elif indexes_later and names.get(found.index):
            unseen.append(found)
        else:
            check_or_rebuild_index(found, disk, operator.call)
    for name in segment.loose_files(names):
        disk.unlink(name)
    return TidyReport(frozenset(conflicting_names), tuple(unseen))


@contextlib.contextmanager
def _logging_unreadable(found: Segment, disk: Disk, say: Say) -> Iterator[None]:
    """Log an OSError of the block: the file cannot be read."""
    try:
        yield
    except OSError as error:
        say(
            log.error,
            "{path} cannot be read and is left as it is: {why}",
            path=disk.path(found.name),
            why=reason(error),
        )


def _repair_torn_end(plain: Segment, disk: Disk, synced: int | None) -> None:
    path = disk.path(plain.name)
    with Descriptor(disk.open(plain.name, os.O_RDWR)) as fd:
        whole = os.fstat(fd).st_size
        size, torn = repair_text(path, fd, synced)
        if torn or size < whole:
            # Only the active segment may end within a line.
            log.error(
                "{path} was complete when the next segment began; its last lines are lost",
                path=path,
            )
        if torn:
            os.lseek(fd, size, os.SEEK_SET)
            disk.writev(fd, [b"\n"])
        # A killed server may have synced nothing of the segment.
        disk.fdatasync(fd)


def check_or_rebuild_index(packed: Segment, disk: Disk, say: Say) -> None:
    """Log a segment that is shorter than its index says; make a missing or useless index again."""
    with _logging_unreadable(packed, disk, say):
        size = disk.stat(packed.name).st_size
        kept = read_or(None, index.load, packed, disk)
        if kept is not None and size < kept.compressed:
            lines, text = kept.lost_if_cut(size)
            say(
                log.error,
                "{path} is damaged: it ends after {size} of {compressed} bytes, and {lines} lines"
                " ({text} bytes) that its index promises are missing; both are left as they are",
                path=disk.path(packed.name),
                size=size,
                compressed=kept.compressed,
                lines=lines,
                text=text,
            )
        elif kept is None or size > kept.compressed:
            _rebuild_index(packed, disk, say)


def _rebuild_index(packed: Segment, disk: Disk, say: Say) -> None:
    path = disk.path(packed.name)
    try:
        indexing.rebuild_index(packed, disk)
    except ValueError as error:
        say(
            log.error,
            "{path} is damaged and left as it is: {why}",
            path=path,
            why=explanation(error),
        )
    except OSError as error:
        disk.unlink(segment.tmp(packed.index))
        say(
            log.error,
            "{name} cannot be made again: {why}; without it {path} is for zstdcat only",
            name=disk.path(packed.index),
            path=path,
            why=reason(error),
        )
    else:
        say(log.warn, "the index of {path} was missing or of no use, and was made again", path=path)


def remove_second_files(
    disk: Disk,
    files: Iterable[tuple[Segment, Segment]],
    known: set[str],
    below: int,
    say: Say,
) -> bool:
    """Remove second files of segments below number `below`; log and keep a second file that differs.

    Returns whether anything was removed. files: the result of `files_with_preferred`. known: names that
    were logged before; names that are logged now are added. Raises OSError.
    """
    found = [(one, counted) for one, counted in files if one is not counted and one.number < below]
    known.intersection_update(one.name for one, _ in found)
    removed = False
    for one, counted in found:
        if one.name in known:
            continue
        try:
            held = form_with_all_text(one, counted, disk) if one.packed == counted.packed else None
        except OSError as error:
            say(
                log.error,
                "{path} or {counted} cannot be read, and both are left as they are: {why}",
                path=disk.path(one.name),
                counted=counted.name,
                why=reason(error),
            )
        else:
            if held is not None:
                gone, kept = (one, counted) if held is Form.PACKED else (counted, one)
                _remove_double_file(gone, kept, disk, say)
                removed = True
                continue
            say(
                log.warn,
                "{path} has the number of {counted} and is not the same; both are left as they are, and"
                " only the second is read, as segment {number}",
                path=disk.path(one.name),
                counted=counted.name,
                number=counted.number,
            )
        known.add(one.name)
    return removed


def _remove_double_file(gone: Segment, kept: Segment, disk: Disk, say: Say) -> None:
    # The name of the kept file has to be on the medium before the other file is removed.
    disk.sync_directory()
    # A plain file has only this name: the index and the words belong to the packed file.
    for name in gone.files if gone.form is Form.PACKED else (gone.name,):
        disk.unlink(name)
    say(
        log.info,
        "removed {path}: {kept} has all of its readable text as well",
        path=disk.path(gone.name),
        kept=kept.name,
    )


def form_with_all_text(plain: Segment, packed: Segment, disk: Disk) -> Form | None:
    """Return the form that has all readable text of the other; None if neither has. Raises OSError."""
    with open(disk.open(plain.name, os.O_RDONLY), "rb") as file:
        try:
            for text, _ in unpack_frames(packed, disk):
                same = file.read(len(text))
                if not text.startswith(same):
                    return None
                if len(same) < len(text):
                    return Form.PACKED
        except ValueError:
            return Form.PLAIN
        return Form.PLAIN if file.read(1) else Form.PACKED
