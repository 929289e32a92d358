"""Recovery: a starting store repairs its directory after a crash, a power cut, or changes by a person.

`tidy.py` brings the sealed segments in order, and `torn.py` repairs the text in a file. A file that cannot
be read is logged and left unchanged.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import NamedTuple

from twisted.logger import Logger

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.linelog.store import identity, segment
from logsrv.linelog.store.blocks import NotesFile
from logsrv.linelog.store.disk import Disk, explanation, reason
from logsrv.linelog.store.identity import Identity
from logsrv.linelog.store.notes import backup_note, origins
from logsrv.linelog.store.notes.segment_notes import gaps, removed_or_empty_numbers
from logsrv.linelog.store.segment import Listing, Position, Segment
from logsrv.linelog.store.starting.tidy import EVERYWHERE, TidyReport, synced_bytes, tidy
from logsrv.linelog.store.starting.torn import repair_text

log = Logger()
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
    may be written at a position that was read.
    """
    if not importing and disk.has_name(segment.IMPORTING):
        log.warn(
            "an import into {directory} is not finished; it can be continued only as long as no other lines"
            " are stored: stop this server and give the same `logsrv import` again",
            directory=str(disk.directory),
        )
        # The directory is synced again before any line is stored.
        disk.unlink(segment.IMPORTING)
    if disk.has_name(segment.RESTORING):
        raise StoreError(f"the store {disk.directory} {segment.NOT_RESTORED}")
    backup_note.take_over_for_server(disk)
    half = Listing(disk).named
    if half and (_remove_if_left_behind(disk, half[-1]) or not crashed):
        half = []
    spared = half[-1] if half else None
    synced = _read_or_make_synced(disk)
    tidy_report = tidy(disk, spared, synced if crashed else EVERYWHERE, indexes_later=not importing)
    number = spared.number if spared else save_active_number(disk, synced.segment)
    known = synced_bytes(number, synced if crashed or synced.segment == number else EVERYWHERE)
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
    highest = max(Listing(disk).by_number, default=0)
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


def _read_or_make_synced(disk: Disk) -> Position:
    """Return the position in the file `synced`; make the file anew if it is damaged or missing."""
    try:
        position = segment.read_synced(disk)
    except FileNotFoundError:
        position = segment.NOWHERE
    except (OSError, ValueError) as error:
        position = segment.NOWHERE
        log.warn(
            "{path} is damaged ({why}): nobody knows how much of the text was on the disk for certain",
            path=disk.path(segment.SYNCED),
            why=explanation(error),
        )
    # An OSError does little harm: without the file, a start after a crash looks for holes in more text.
    with contextlib.suppress(OSError):
        segment.repair_synced_file(disk)
    return position


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
    listed = Listing(disk)
    number, saved = max(listed.active, least), segment.saved_number(disk)
    if not saved and disk.has_name(segment.NUMBER):
        log.warn(
            "{path} does not hold the number of a segment; lines go on in number {number}",
            path=disk.path(segment.NUMBER),
            number=number,
        )
    _log_missing_segments(listed, number)
    text = segment.number_text(number)
    if not saved or disk.read(segment.NUMBER) != text:
        try:
            disk.replace_durably(segment.NUMBER, text)
        except OSError as error:
            log.warn("{file} cannot be saved: {why}", file=segment.NUMBER, why=reason(error))
    return number


def _log_missing_segments(listed: Listing, number: int) -> None:
    """Log the missing segment numbers, up to that of the active segment, that no note explains."""
    numbers = set(listed.by_number) or {0}
    found = list(gaps({*numbers, number}, removed_or_empty_numbers(listed.disk)))
    between = [run for run in found if run.start < max(numbers)]
    if between:
        others = sum(map(len, between)) - 1
        log.warn(
            "segment {missing} is missing{others}, and no file tells what happened to it; `logsrv doctor`"
            " says what to do",
            missing=between[0].start,
            others=f" (and {others:,} more)" if others else "",
        )
    if behind := found[len(between) :]:
        log.warn(
            "lines go on in segment {number}, the number in {path} or `synced`; no file tells what happened"
            " to segment {unknown}",
            number=number,
            path=listed.disk.path(segment.NUMBER),
            unknown=behind[0].start,
        )
