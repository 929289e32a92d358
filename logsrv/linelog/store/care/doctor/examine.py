"""The examination of a store, also beside a server that goes on writing, sealing and removing.

It is a row of parts, each with a check of its own. What a check finds counts if it is found three times,
each time in a new listing: what a server is just doing is another thing a moment later.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import attrs

from logsrv.errors import StoreError
from logsrv.linelog.store.care.doctor.away import AwaySegment
from logsrv.linelog.store.care.doctor.backups import check_backup
from logsrv.linelog.store.care.doctor.catalogs import check_catalog
from logsrv.linelog.store.care.doctor.files import check_files
from logsrv.linelog.store.care.doctor.findings import StoreFinding, lost
from logsrv.linelog.store.care.doctor.identified import check_identity
from logsrv.linelog.store.care.doctor.kept import KeptPlace, check_place
from logsrv.linelog.store.care.doctor.notes import check_notes
from logsrv.linelog.store.care.doctor.numbering import check_numbers
from logsrv.linelog.store.care.doctor.packed import PackedSegment
from logsrv.linelog.store.care.doctor.plain import PlainText, cut, unreadable
from logsrv.linelog.store.care.listed import StoreListing, opened_active
from logsrv.linelog.store.catalog.layout import catalogs
from logsrv.linelog.store.catalog.remake import entered_of
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.disk.format import newer
from logsrv.linelog.store.segments import identity
from logsrv.linelog.store.segments.segment import (
    ACTIVE,
    NOWHERE,
    SYNCED,
    Form,
    Position,
    Segment,
    synced_place,
)
from logsrv.linelog.store.segments.waiting import waiting_sizes

LOOKS = 3
# Seconds between two looks at what was found.
PAUSE = 0.05
_TRIES = 1000

Check = Callable[[], Iterator[StoreFinding]]


@attrs.frozen(eq=False)
class StorePart:
    """A part of a store that is looked at by itself. label: what it is, for a line of progress."""

    label: str
    check: Check


@attrs.define(kw_only=True)
class Examination:
    """A store under examination.

    places: returns the kept places of its readers. quick: no text is read. pause: waits for so many
    seconds. read: is called with the bytes of each frame that was read. texts, lines: of each segment, by
    its number, the bytes of its text and the lines that can be read; None: unknown. gone: the bytes of
    compressed ones that cannot be read.
    """

    disk: Disk
    places: Callable[[], Sequence[KeptPlace]]
    quick: bool
    pause: Callable[[float], object]
    read: Callable[[int], object] = lambda _: None
    texts: dict[int, int | None] = attrs.field(factory=dict)
    lines: dict[int, int | None] = attrs.field(factory=dict)
    gone: dict[int, int] = attrs.field(factory=dict)
    # All segments share a listing: one for each made 20,000 of them take an hour.
    _listed: StoreListing = attrs.field(init=False)
    _complete: dict[int, int] = attrs.field(init=False)
    _entered: Callable[[Segment], bool] | None = attrs.field(init=False, default=None)

    def parts(self) -> list[list[StorePart]]:
        """Return the parts, in the order in which they are to be looked at; those in a list together.

        Raises OSError, and StoreError for a store that this version does not know.
        """
        self._require_known()
        # Before the end of the text is known: a place that is kept is never behind it.
        places = self.places()
        synced = synced_place(self.disk)
        self._complete = waiting_sizes(self.disk)
        self._listed = StoreListing(self.disk)
        reached = max([synced, *(one.position for one in places if not one.wrong)], default=NOWHERE)
        return [
            [self._listing("files", check_files)],
            [self._listing("notes", partial(check_notes, reached=reached))],
            [self._listing("identity", lambda listed: check_identity(listed, self.places()))],
            [self._listing("numbers", check_numbers)],
            [
                StorePart(f"segment {number}", partial(self._segment, number))
                for number in sorted(self._listed.by_number)
            ],
            [StorePart("current.log", self._active)],
            [
                StorePart(name, partial(check_catalog, name, self.disk, quick=self.quick))
                for name in catalogs(self._listed.names)
            ],
            [StorePart("places", self._places)],
            [self._listing("backup", self._backup)],
        ]

    def _listing(
        self, label: str, check: Callable[[StoreListing], Iterator[StoreFinding]]
    ) -> StorePart:
        """Return a part that is looked at in a listing of its own."""
        return StorePart(label, lambda: check(StoreListing(self.disk)))

    def _require_known(self) -> None:
        try:
            why = newer(self.disk)
        except (OSError, ValueError):
            # A file that makes no sense is a finding.
            return
        if why:
            raise StoreError(why)

    def findings(
        self, parts: Iterable[StorePart], look: Callable[[StorePart], object] = lambda _: None
    ) -> dict[StorePart, list[StoreFinding]]:
        """Look at parts; return what is found there again and again. Raises OSError.

        look: is called with each part before that is looked at for the first time.
        """
        found = {}
        for part in parts:
            look(part)
            if wrong := list(part.check()):
                found[part] = wrong
        for _ in range(LOOKS - 1):
            if not found:
                break
            self.pause(PAUSE)
            self._listed = StoreListing(self.disk)
            for part, wrong in list(found.items()):
                again = {(one.kind, one.name) for one in part.check()}
                if left := [one for one in wrong if (one.kind, one.name) in again]:
                    found[part] = left
                else:
                    del found[part]
        return found

    def _segment(self, number: int) -> Iterator[StoreFinding]:
        for _ in range(_TRIES):
            segment = self._listed.by_number.get(number)
            if segment is None:
                return
            try:
                looked = self._looked_at(segment)
            except FileNotFoundError:
                # Sealed or removed by now: it has another name, or none.
                self._listed = StoreListing(self.disk)
                continue
            except OSError as error:
                yield unreadable(segment.name, error)
                return
            self.texts[number], self.lines[number] = looked.text, looked.lines
            self.gone[number] = looked.gone if isinstance(looked, PackedSegment) else 0
            yield from looked.findings
            complete = self._complete.get(number, 0)
            if looked.text is not None and looked.text < complete:
                yield cut(segment.name, looked.text, complete)
            return

    def _is_entered(self, segment: Segment) -> bool:
        """Return whether a segment is in a catalog, by those that are there at the first repair."""
        if self._entered is None:
            self._entered = entered_of(self.disk)
        return self._entered(segment)

    def _kept_in(self, number: int) -> list[str]:
        """Return the readers that have kept a place in a segment."""
        return [one.name for one in self.places() if one.position.segment == number]

    def _looked_at(self, segment: Segment) -> PackedSegment | PlainText | AwaySegment:
        """Look at a sealed segment. Raises OSError."""
        if segment.form is Form.AWAY:
            return AwaySegment(segment, self.disk)
        fd = self.disk.open(segment.name, os.O_RDONLY)
        try:
            if segment.form is Form.PACKED:
                return PackedSegment(
                    segment,
                    fd,
                    self.disk,
                    kept=partial(self._kept_in, segment.number),
                    entered=self._is_entered,
                    quick=self.quick,
                    read=self.read,
                )
            return PlainText(segment.name, fd, quick=self.quick, waits=True)
        finally:
            os.close(fd)

    def _active(self) -> Iterator[StoreFinding]:
        synced = synced_place(self.disk)
        try:
            fd, listed = opened_active(self.disk)
        except OSError as error:
            yield unreadable(ACTIVE, error)
            return
        number = listed.active
        if fd >= 0:
            try:
                looked = PlainText(ACTIVE, fd, quick=self.quick)
            finally:
                os.close(fd)
            self.texts[number], self.lines[number] = looked.text, looked.lines
            yield from looked.findings
        else:
            self.texts[number], self.lines[number] = 0, 0
        # The segment itself has the finding if its size is known.
        known = synced.segment in self._complete and synced.segment < number
        held = None if known else self._text_of(synced.segment, listed)
        if synced.segment > number or (held is not None and synced.offset > held):
            yield lost(
                "text-missing",
                SYNCED,
                f"everything up to {synced} was on the disk once, and the text ends before that",
                "What stood there is lost: somebody cut or removed the file, or the disk did not keep it.",
                "Bring the file back from a backup, if that has it. The next start says it as well.",
            )

    def _text_of(self, number: int, listed: StoreListing) -> int | None:
        """Return the bytes of text of a segment, as it is now if it may grow; None if they are unknown."""
        segment = listed.by_number.get(number)
        if segment is None or segment.form is not Form.PLAIN:
            return self.texts.get(number) if segment or number == listed.active else None
        with contextlib.suppress(FileNotFoundError):
            return self.disk.stat(segment.name).st_size
        return None

    def _places(self) -> Iterator[StoreFinding]:
        # In this order: no place that is kept is behind the end.
        places = self.places()
        sizes: dict[int, int | None]
        try:
            fd, listed = opened_active(self.disk)
        except OSError:
            # Told of current.log.
            listed = StoreListing(self.disk)
            sizes = {listed.active: None}
        else:
            sizes = {listed.active: os.fstat(fd).st_size if fd >= 0 else 0}
            if fd >= 0:
                os.close(fd)
        try:
            found = identity.load(self.disk)
        except (OSError, ValueError):
            found = None
        store = found.store if found else ""

        def size_of(number: int) -> int | None:
            return sizes[number] if number in sizes else self._text_of(number, listed)

        for place in places:
            yield from check_place(place, listed, store, size_of)

    def _backup(self, listed: StoreListing) -> Iterator[StoreFinding]:
        lines = None if self.quick else total(self.lines)
        return check_backup(self.disk, lambda number: self._text_of(number, listed), lines)

    @property
    def readable(self) -> int | None:
        """The bytes of all text that can be read; None if they are unknown."""
        text = total(self.texts)
        return None if text is None else text - sum(self.gone.values())

    @property
    def end(self) -> Position:
        """The place behind the last line that was seen."""
        number = max(self.texts, default=0)
        return Position(number, self.texts.get(number) or 0)


def total(numbers: Mapping[int, int | None]) -> int | None:
    """Return the sum; None if a number is unknown."""
    known = [one for one in numbers.values() if one is not None]
    return sum(known) if len(known) == len(numbers) else None
