"""The sealed segments after a crash: each is there once, with its index; what a person put there stays.

A crash during a sealing leaves a segment in both forms, plain and compressed. A person may put any file
beside a segment. So a second file with the same number is removed only if its name is the same in the other
form, and the other file holds all of its text, byte by byte.
"""

from __future__ import annotations

import contextlib
import operator
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from twisted.logger import Logger

from logsrv.descriptor import Descriptor
from logsrv.linelog.store import identity, segment
from logsrv.linelog.store.disk import TMP_SUFFIX, Disk, explanation, read_or, reason
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.notes import origins
from logsrv.linelog.store.notes.segment_notes import EMPTY, REMOVED, WAITING, waiting_sizes
from logsrv.linelog.store.segment import Form, Position, Segment
from logsrv.linelog.store.starting.making import (
    AnotherMakesFiles,
    remove_unfinished,
    right_to_make,
)
from logsrv.linelog.store.starting.torn import repair_text

log = Logger()
# A position after all others, for a store whose text is all on the medium.
EVERYWHERE = Position(10**segment.DIGITS, 0)
# The small files that are written as `NAME.tmp` first. A start removes a `NAME.tmp` that was left.
_REPLACED = (
    *(segment.NUMBER, segment.ACTIVE, segment.SYNCED),
    *(identity.NAME, origins.NAME, EMPTY, REMOVED, WAITING),
)
_BESIDE = r"([0-9]{10}-[0-9]{8}T[0-9]{6}Z\.log\.zst)(\.tmp|\.(?:idx|words|archived)(?:\.tmp)?)"
_COLUMNS = r"([0-9]{10}-[0-9]{8}T[0-9]{6}Z)\.parquet(?:\.tmp)?"
# Catalogs of small segments, of earlier versions: nothing reads them, and the next start removes them.
_CATALOG = r"[0-9]{10}-[0-9]{10}\.catalog(?:\.tmp)?"
Say: TypeAlias = Callable[..., object]
"""Calls a method of a logger with its arguments, at once or in the thread that logs."""


class TidyReport(NamedTuple):
    """The result of `tidy`.

    conflicting_names: files with the number of another segment; they were kept and logged.
    unseen: segments whose indexes are still to be checked with `check_or_rebuild_index`.
    """

    conflicting_names: frozenset[str] = frozenset()
    unseen: tuple[Segment, ...] = ()


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
    listed = segment.Listing(disk)
    for name in segment.not_plain_files(listed.names):
        log.warn("{path} is no plain file, so it is not a segment", path=disk.path(name))
    for found in listed.named:
        if found != spared:
            disk.unlink(found.name)
    conflicting_names: set[str] = set()
    highest = 10**segment.DIGITS
    if remove_second_files(disk, listed.files, conflicting_names, highest, operator.call):
        listed = segment.Listing(disk)
    for name in map(segment.tmp, _REPLACED):
        if listed.names.get(name):
            disk.unlink(name)
    sizes = waiting_sizes(disk)
    for found in listed.sealed:
        if found.form is Form.PLAIN:
            with _logging_unreadable(found, disk, operator.call):
                size = sizes.get(found.number)
                _repair_torn_end(
                    found, disk, synced_bytes(found.number, synced) if size is None else size
                )
        elif indexes_later and listed.names.get(found.index):
            unseen.append(found)
        else:
            check_or_rebuild_index(found, disk, operator.call)
    for name in loose_files(listed.names):
        # A command may be making it beside this start.
        if text := _text_beside(name):
            remove_unfinished(name, text, disk)
        else:
            disk.unlink(name)
    return TidyReport(frozenset(conflicting_names), tuple(unseen))


def loose_files(names: segment.Names) -> list[str]:
    """Return the names of unfinished files, of catalogs, and of other files without their segment.

    Columns need the text itself: without it they would take a third of the room that its removal frees.
    """
    found = [
        (name, re.fullmatch(f"{_BESIDE}|{_COLUMNS}|{_CATALOG}", name))
        for name, plain in names.items()
        if plain
    ]
    there = {*names, *(one.name for one in segment.away_segments(names))}
    return [
        name
        for name, match in found
        if match
        and (
            name.endswith(TMP_SUFFIX)
            or not (match[1] in there or f"{match[3]}.log{segment.PACKED_SUFFIX}" in names)
        )
    ]


def _text_beside(name: str) -> str | None:
    """Return the name of the segment beside which a temporary file is made; None for another file."""
    match = re.fullmatch(f"{_BESIDE}|{_COLUMNS}", name)
    if match is None or not name.endswith(TMP_SUFFIX):
        return None
    return match[1] or f"{match[3]}.log{segment.PACKED_SUFFIX}"


def synced_bytes(number: int, synced: Position) -> int | None:
    """Return how many bytes of a segment are known to be on the medium; None for all."""
    if number < synced.segment:
        return None
    return synced.offset if number == synced.segment else 0


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
        if disk.stat(packed.name).st_size != size:
            # Lines are being erased: the index is of one text, and the size of another.
            return
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
        with (
            Descriptor(disk.open(packed.name, os.O_RDONLY)) as text,
            right_to_make(text, wait=False),
        ):
            indexing.rebuild_index(packed, disk)
    except AnotherMakesFiles:
        # A command is making it.
        return
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
        say(
            log.warn,
            "the index of {path} was missing or could not be used, and was made again",
            path=path,
        )


def remove_second_files(
    disk: Disk,
    files: Iterable[tuple[Segment, Segment]],
    known: set[str],
    below: int,
    say: Say,
) -> bool:
    """Remove second files of segments below number `below`; log and keep a second file that differs.

    Returns whether anything was removed. files: those of a `Listing`. known: names that
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
