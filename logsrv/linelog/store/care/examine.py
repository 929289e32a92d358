"""The examination of a store, also beside a server that goes on writing, sealing and removing.

It is a row of parts, each with a check of its own. What is found counts if it is found once more: what a
server is just doing is another thing a moment later.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.words import counted
from logsrv.linelog.store.care.aside import make_catalog_again
from logsrv.linelog.store.care.findings import SegmentText, StoreFinding, finding
from logsrv.linelog.store.care.listed import StoreListing, opened_active
from logsrv.linelog.store.care.notes import KeptPlace, check_notes
from logsrv.linelog.store.care.texts import PackedSegment, check_text
from logsrv.linelog.store.catalog.build import entered_of
from logsrv.linelog.store.catalog.catalog import read_head, words_of
from logsrv.linelog.store.catalog.layout import HEAD_SIZE, catalog_name, catalogs
from logsrv.linelog.store.segments import backup_note, identity
from logsrv.linelog.store.segments.disk import Disk, explanation, reason
from logsrv.linelog.store.segments.format import newer
from logsrv.linelog.store.segments.removed import excused, gaps
from logsrv.linelog.store.segments.segment import (
    ACTIVE,
    BACKUP,
    SYNCED,
    Form,
    Position,
    Segment,
    no_files,
    synced_place,
)
from logsrv.linelog.store.segments.waiting import waiting_sizes
from logsrv.linelog.store.words.check import check_words

_TRIES = 1000


class StorePart(NamedTuple):
    """A part of a store that is looked at by itself. label: what it is, for a line of progress."""

    label: str
    check: Callable[[], Iterator[StoreFinding]]

    def findings(self) -> list[StoreFinding]:
        """Return what is found there twice. Raises OSError."""
        if not (found := list(self.check())):
            return []
        again = {(one.kind, one.name) for one in self.check()}
        return [one for one in found if (one.kind, one.name) in again]


@attrs.define(kw_only=True, slots=False)
class Examination:
    """A store under examination.

    places: returns the kept places of its readers. quick: no text is read. read: is called with the bytes
    of each frame that was read. looked: what was found of the text of each segment, by its number.
    """

    disk: Disk
    places: Callable[[], Sequence[KeptPlace]]
    quick: bool
    read: Callable[[int], object] = lambda _: None
    looked: dict[int, SegmentText] = attrs.field(factory=dict)
    # All segments share a listing: one for each made 20,000 of them take an hour.
    _listed: StoreListing = attrs.field(init=False)
    _complete: dict[int, int] = attrs.field(init=False)

    def parts(self) -> list[StorePart]:
        """Return the parts, in the order in which they are to be looked at.

        Raises OSError, and StoreError for a store that this version does not know.
        """
        why = None
        # A file that makes no sense is a finding.
        with contextlib.suppress(OSError, ValueError):
            why = newer(self.disk)
        if why:
            raise StoreError(why)
        self._complete = waiting_sizes(self.disk)
        self._listed = StoreListing(self.disk)
        return [
            StorePart("files", lambda: check_names(StoreListing(self.disk))),
            StorePart("notes", self._notes),
            *(
                StorePart(f"segment {number}", partial(self._segment, number))
                for number in sorted(self._listed.by_number)
            ),
            StorePart(ACTIVE, self._active),
            *(
                StorePart(name, partial(check_catalog, name, self.disk, quick=self.quick))
                for name in catalogs(self._listed.names)
            ),
            StorePart("backup", self._backup),
        ]

    def _notes(self) -> Iterator[StoreFinding]:
        # In this order: a place that is kept is never behind the segments.
        places = self.places()
        return check_notes(StoreListing(self.disk), places)

    def _segment(self, number: int) -> Iterator[StoreFinding]:
        for _ in range(_TRIES):
            segment = self._listed.by_number.get(number)
            if segment is None:
                return
            looked = SegmentText()
            try:
                wrong = list(self._looked_at(segment, looked))
            except FileNotFoundError:
                # Sealed or removed by now: it has another name, or none.
                self._listed = StoreListing(self.disk)
                continue
            except OSError as error:
                wrong = [finding("unreadable", segment.name, why=reason(error))]
            self.looked[number] = looked
            yield from wrong
            complete = self._complete.get(number, 0)
            if looked.text is not None and looked.text < complete:
                size = counted(looked.text, "byte")
                yield finding("text-cut", segment.name, size=size, complete=complete)
            return

    def _looked_at(self, segment: Segment, looked: SegmentText) -> Iterator[StoreFinding]:
        if segment.form is Form.PLAIN:
            with Descriptor(self.disk.open(segment.name, os.O_RDONLY)) as fd:
                yield from check_text(segment.name, fd, looked, quick=self.quick, waits=True)
            return
        packed = PackedSegment(
            packed=segment,
            disk=self.disk,
            looked=looked,
            kept=partial(self._kept_in, segment.number),
            entered=lambda one: self._entered(one),
            quick=self.quick,
            read=self.read,
        )
        yield from packed.findings()

    @cached_property
    def _entered(self) -> Callable[[Segment], bool]:
        """Tells whether a segment is in a catalog, by those that are there at the first repair."""
        return entered_of(self.disk)

    def _kept_in(self, number: int) -> list[str]:
        """Return the readers that have kept a place in a segment."""
        return [one.name for one in self.places() if one.position.segment == number]

    def _active(self) -> Iterator[StoreFinding]:
        """Yield what is wrong with current.log, and what was once behind the end of the text."""
        # In this order: no place that is kept is behind the end.
        places, synced = self.places(), synced_place(self.disk)
        try:
            fd, listed = opened_active(self.disk)
            self.looked[listed.active] = SegmentText(0, 0)
            if fd >= 0:
                looked = self.looked[listed.active] = SegmentText()
                with Descriptor(fd):
                    yield from check_text(ACTIVE, fd, looked, quick=self.quick)
        except OSError as error:
            yield finding("unreadable", ACTIVE, why=reason(error))
            return
        if self._is_behind(synced, listed):
            yield finding("text-missing", SYNCED, place=synced)
        found = None
        with contextlib.suppress(OSError, ValueError):
            found = identity.load(self.disk)
        for one in places:
            of_another = found is not None and one.store not in (found.store, "")
            if one.wrong:
                yield finding("place", one.name, why=one.wrong)
            elif not of_another and self._is_behind(one.position, listed):
                yield finding("place-behind", one.name, place=one.position)

    def _is_behind(self, place: Position, listed: StoreListing) -> bool:
        held = self._text_of(place.segment, listed)
        return place.segment > listed.active or (held is not None and place.offset > held)

    def _text_of(self, number: int, listed: StoreListing) -> int | None:
        """Return the bytes of text of a segment, as it is now if it may grow; None if they are unknown."""
        segment = listed.by_number.get(number)
        if segment is not None and segment.form is Form.PLAIN:
            with contextlib.suppress(FileNotFoundError):
                return self.disk.stat(segment.name).st_size
        here = segment is not None or number == listed.active
        return self.looked[number].text if here and number in self.looked else None

    def _backup(self) -> Iterator[StoreFinding]:
        """Yield what a backup lacks of what its note says."""
        try:
            note = backup_note.load(self.disk)
        except (OSError, ValueError):
            # Told with the other notes.
            return
        if note is None:
            return
        if note.state != backup_note.COMPLETE:
            kind = "backup-begun" if note.state == backup_note.BEGUN else "backup-arriving"
            yield finding(kind, BACKUP, command=note.command)
            return
        held = self._text_of(note.place.segment, StoreListing(self.disk))
        lines = None if self.quick else self.lines
        if held is not None and held < note.place.offset:
            end = Position(note.place.segment, held)
            yield finding(
                "backup-short",
                BACKUP,
                said=f"all lines up to {note.place}",
                found=f"those up to {end}",
            )
        elif note.lines is not None and lines is not None and lines < note.lines:
            yield finding(
                "backup-short",
                BACKUP,
                said=counted(note.lines, "line"),
                found=f"{lines:,}",
                missing=note.lines - lines,
            )

    @property
    def lines(self) -> int | None:
        """The number of all lines that can be read; None if it is unknown."""
        return total(one.lines for one in self.looked.values())

    @property
    def readable(self) -> int | None:
        """The bytes of all text that can be read; None if they are unknown."""
        text = total(one.text for one in self.looked.values())
        return None if text is None else text - sum(one.gone for one in self.looked.values())

    @property
    def end(self) -> Position:
        """The place behind the last line that was seen."""
        number = max(self.looked, default=0)
        return Position(number, (self.looked[number].text or 0) if number else 0)


def total(numbers: Iterable[int | None]) -> int | None:
    """Return the sum; None if a number is unknown."""
    found = list(numbers)
    known = [one for one in found if one is not None]
    return sum(known) if len(known) == len(found) else None


def check_names(listed: StoreListing) -> Iterator[StoreFinding]:
    """Yield the segments that are missing, and names that no search looks at."""
    strange = no_files(listed.disk, listed.names)
    if listed.names.get(ACTIVE) is False:
        strange.append(ACTIVE)
    for name in strange:
        yield finding("no-file", name)
    for one, preferred in listed.counted:
        if one.packed != preferred.packed:
            yield finding("rival", one.name, other=preferred.name)
    # Read behind the listing: what is gone there has its note before.
    for run in gaps({*listed.by_number, listed.active}, excused(listed.disk)):
        before, after = listed.by_number.get(run.start - 1), listed.by_number.get(run.stop)
        begin = f"from {before.first} on" if before else "before the others"
        end = f" up to {after.first}" if after else " up to now"
        named = f"segment {run.start}"
        if len(run) > 1:
            named = f"segments {run.start} to {run.stop - 1}"
        yield finding("segment-missing", named, when=begin + end)


def check_catalog(name: str, disk: Disk, *, quick: bool) -> Iterator[StoreFinding]:
    """Yield what is wrong with a catalog."""
    try:
        with Descriptor(disk.open(name, os.O_RDONLY)) as fd:
            _read_catalog(name, fd, quick)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        mend = partial(make_catalog_again, name, disk)
        yield finding("catalog", name, why=explanation(error), remedy=mend)


def _read_catalog(name: str, fd: int, quick: bool) -> None:
    _, head, entries = read_head(fd)
    if not entries or name != catalog_name(entries[0].number, entries[-1].number):
        raise ValueError("its name is that of other segments")
    if os.fstat(fd).st_size != HEAD_SIZE + head.entries + head.words:
        raise ValueError("it is cut off, or too long")
    if head.words:
        words = words_of(fd, head)
        if not quick:
            check_words(words)
