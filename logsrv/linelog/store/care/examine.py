"""The examination of a store, also while a server writes, seals and removes segments.

It is a list of parts, each with its own check. A check that finds something runs again, and only findings
of both runs count: if a running server was just changing something, the second run finds nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.words import counted
from logsrv.linelog.store.care.findings import (
    ExaminedText,
    StoreFinding,
    make_finding,
)
from logsrv.linelog.store.care.notes import check_small_files
from logsrv.linelog.store.care.store_listing import StoreListing, open_active_and_list
from logsrv.linelog.store.care.texts import ExaminedStore, PackedSegmentCheck, check_plain_text
from logsrv.linelog.store.segments import backup_note, identity
from logsrv.linelog.store.segments.disk import read_or, reason
from logsrv.linelog.store.segments.format import why_too_new
from logsrv.linelog.store.segments.removed import (
    gaps,
    removed_or_empty_numbers,
    segments_in_words,
)
from logsrv.linelog.store.segments.segment import (
    ACTIVE,
    BACKUP,
    SYNCED,
    Form,
    Position,
    not_plain_files,
    synced_place,
)
from logsrv.linelog.store.segments.waiting import waiting_sizes

_TRIES = 1000


class StorePart(NamedTuple):
    """A part of a store with its own check. label: its name, for a line of progress."""

    label: str
    check: Callable[[], Iterator[StoreFinding]]

    def confirmed_findings(self) -> list[StoreFinding]:
        """Return the findings that two runs of the check agree on. Raises OSError."""
        if not (found := list(self.check())):
            return []
        again = {(one.kind, one.name) for one in self.check()}
        return [one for one in found if (one.kind, one.name) in again]


@attrs.define(kw_only=True, slots=False)
class Examination(ExaminedStore):
    """A store under examination. looked: the result for each examined segment, by its number."""

    looked: dict[int, ExaminedText] = attrs.field(factory=dict)
    # One listing for all segments: with a new one for each, 20,000 segments took an hour.
    _listed: StoreListing = attrs.field(init=False)
    _complete: dict[int, int] = attrs.field(init=False)

    def parts(self) -> list[StorePart]:
        """Return the parts, in the order in which they have to be examined.

        Raises OSError, and StoreError for a store that this version does not know.
        """
        # An invalid file is a finding, reported later.
        with contextlib.suppress(OSError, ValueError):
            if why := why_too_new(self.disk):
                raise StoreError(why)
        self._complete = waiting_sizes(self.disk)
        self._listed = StoreListing(self.disk)
        segments = sorted(self._listed.by_number)
        return [
            StorePart("files", self._check_names),
            StorePart("notes", self._check_small_files),
            *(StorePart(f"segment {one}", partial(self._check_segment, one)) for one in segments),
            StorePart(ACTIVE, self._check_active),
            StorePart("backup", self._check_backup),
        ]

    def _check_names(self) -> Iterator[StoreFinding]:
        """Yield the findings about missing segments, and about names that no search reads."""
        listed = StoreListing(self.disk)
        others = [ACTIVE] if listed.names.get(ACTIVE) is False else []
        for name in [*not_plain_files(listed.names), *others]:
            yield make_finding("no-file", name)
        for one, preferred in listed.files_with_preferred:
            if one.packed != preferred.packed:
                yield make_finding("rival", one.name, other=preferred.name)
        # The notes are read after the listing: a removed segment was noted before it left the directory.
        for run in gaps({*listed.by_number, listed.active}, removed_or_empty_numbers(self.disk)):
            before, after = listed.by_number.get(run.start - 1), listed.by_number.get(run.stop)
            begin = f"from {before.first_time} on" if before else "before the others"
            end = f"up to {after.first_time}" if after else "up to now"
            yield make_finding("segment-missing", segments_in_words(run), when=f"{begin} {end}")

    def _check_small_files(self) -> Iterator[StoreFinding]:
        # Read the places first, so that none of them is after the segments of the listing.
        places = self.places()
        return check_small_files(StoreListing(self.disk), places)

    def _check_segment(self, number: int) -> Iterator[StoreFinding]:
        for _ in range(_TRIES):
            segment = self._listed.by_number.get(number)
            if segment is None:
                return
            looked = ExaminedText()
            try:
                if segment.form is Form.PLAIN:
                    with Descriptor(self.disk.open(segment.name, os.O_RDONLY)) as fd:
                        wrong = list(
                            check_plain_text(segment.name, fd, looked, quick=self.quick, waits=True)
                        )
                else:
                    wrong = list(PackedSegmentCheck(segment, self, looked).findings())
            except FileNotFoundError:
                # The segment was sealed or removed meanwhile: it has another name, or none.
                self._listed = StoreListing(self.disk)
                continue
            except OSError as error:
                wrong = [make_finding("unreadable", segment.name, why=reason(error))]
            self.looked[number] = looked
            yield from wrong
            complete = self._complete.get(number, 0)
            if looked.text is not None and looked.text < complete:
                size = counted(looked.text, "byte")
                yield make_finding("text-cut", segment.name, size=size, complete=complete)
            return

    def _check_active(self) -> Iterator[StoreFinding]:
        """Yield the findings about current.log, and about places after the end of the text."""
        # Read the places first, so that none of them is after the end only because the text grew.
        places, synced = self.places(), synced_place(self.disk)
        try:
            fd, listed = open_active_and_list(self.disk)
            looked = ExaminedText() if fd >= 0 else ExaminedText(0, 0)
            self.looked[listed.active] = looked
            if fd >= 0:
                with Descriptor(fd):
                    yield from check_plain_text(ACTIVE, fd, looked, quick=self.quick)
        except OSError as error:
            yield make_finding("unreadable", ACTIVE, why=reason(error))
            return
        if self._is_after_end(synced):
            yield make_finding("text-missing", SYNCED, place=synced)
        found = read_or(None, identity.load, self.disk)
        for name, one, why in places:
            if one is None:
                yield make_finding("place", name, why=why)
            elif (found is None or one.store in (found.store, "")) and self._is_after_end(
                one.position
            ):
                yield make_finding("place-behind", name, place=one.position)

    def _is_after_end(self, place: Position) -> bool:
        held = self._text_size(place.segment)
        return place.segment > max(self.looked) or (held is not None and place.offset > held)

    def _text_size(self, number: int) -> int | None:
        """Return the bytes of a segment's text; None if unknown."""
        return self.looked.get(number, ExaminedText()).text

    def _check_backup(self) -> Iterator[StoreFinding]:
        """Yield a finding if this is an incomplete backup, or lacks lines which its note promises."""
        # An unreadable note is reported with the other notes.
        note = read_or(None, backup_note.load, self.disk)
        if note is None:
            return
        if note.state != backup_note.COMPLETE:
            kind = "backup-begun" if note.state == backup_note.BEGUN else "backup-arriving"
            yield make_finding(kind, BACKUP, command=note.command)
            return
        for name in backup_note.missing_files(self.disk, note):
            yield make_finding("backup-short", BACKUP, said=name, found="it no more")
        number, offset = note.place
        held, lines = self._text_size(number), None if self.quick else self.readable_lines
        if held is not None and held < offset:
            said, there = f"all lines up to {note.place}", f"those up to {Position(number, held)}"
            yield make_finding("backup-short", BACKUP, said=said, found=there)
        elif note.lines is not None and lines is not None and lines < note.lines:
            said, gone = counted(note.lines, "line"), note.lines - lines
            yield make_finding("backup-short", BACKUP, said=said, found=f"{lines:,}", missing=gone)

    @property
    def readable_lines(self) -> int | None:
        """The number of all readable lines; None if unknown."""
        return _sum_or_none([one.lines for one in self.looked.values()])

    @property
    def readable_bytes(self) -> int | None:
        """The bytes of all readable text; None if unknown."""
        return _sum_or_none([one.readable_bytes for one in self.looked.values()])

    @property
    def end_position(self) -> Position:
        """The place after the last line that was examined."""
        number = max(self.looked, default=0)
        return Position(number, self._text_size(number) or 0)


def _sum_or_none(numbers: list[int | None]) -> int | None:
    """Return the sum; None if a number is unknown."""
    return None if None in numbers else sum(one or 0 for one in numbers)
