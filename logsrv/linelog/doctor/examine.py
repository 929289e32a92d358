"""The examination of a store, also while a server writes, seals and removes segments.

It is a list of parts, each with its own check. A check that finds something runs again, and only findings
of both runs count: if a running server was just changing something, the second run finds nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.words import counted
from logsrv.linelog.doctor.findings import StoreFinding, why_unreadable
from logsrv.linelog.doctor.repair import keep_aside, replace_keeping_old
from logsrv.linelog.doctor.texts import (
    ColumnsCare,
    ExaminedText,
    PackedSegmentCheck,
    check_plain_text,
)
from logsrv.linelog.store import format, identity, lock, rule_stores, segment
from logsrv.linelog.store.blocks import parse_notes_file
from logsrv.linelog.store.disk import Disk, explanation, read_or, reason
from logsrv.linelog.store.notes import (
    archive_notes,
    backup_note,
    erase_plan,
    erased,
    imported,
    origins,
    segment_notes,
)
from logsrv.linelog.store.sealing.erase_lines import finish_erase
from logsrv.linelog.store.segment import (
    ACTIVE,
    BACKUP,
    NOWHERE,
    TRIES,
    Form,
    Listing,
    Position,
    open_active_and_list,
)


class SavedPlace(Protocol):
    """The saved place of a reader. store: the identity of the store it belongs to; "" if unknown."""

    @property
    def position(self) -> Position: ...
    @property
    def store(self) -> str: ...


Kept = tuple[str, SavedPlace | None, str]
"""The name of a saved place, `ship/NAME` or `alerts/N`; the place or None; why it is unreadable, or ""."""
_READERS: dict[str, Callable[[Disk], object]] = {
    format.NAME: format.load_format,
    imported.NAME: imported.load,
    erased.NAME: erased.load_erased,
    rule_stores.KEEP: rule_stores.load_keep,
    segment.BACKUP: backup_note.load,
    segment.SYNCED: segment.read_synced,
    segment_notes.EMPTY: segment_notes.read_empty_runs,
    segment_notes.REMOVED: segment_notes.read_removed,
    segment_notes.WAITING: segment_notes.read_waiting,
}
"""For each small file, a function that raises if the file is damaged."""
# A store is sound without these: `--repair` may put them aside.
_OPTIONAL = (
    *(segment.SYNCED, segment_notes.EMPTY, segment_notes.REMOVED, segment_notes.WAITING),
    *(erased.NAME, rule_stores.KEEP),
)
# The most bytes that are read: enough for the notes of 100,000 stores. A larger file counts as damaged,
# because reading damaged lines takes ten times their size in memory.
_MOST_ORIGINS = 32 << 20
_SHORTEST_NOTE = 64
_OUTDATED = (
    "Answers are right, but reads do not use these files until they are made again: by `logsrv reindex`;"
    " a server makes columns, in the background."
)


class StorePart(NamedTuple):
    """A part of a store with its own check. label: its name, for a line of progress."""

    label: str
    check: Callable[[], Iterator[StoreFinding]]

    def confirmed_findings(self) -> list[StoreFinding]:
        """Return the findings that two runs of the check agree on. Raises OSError."""
        if not (found := list(self.check())):
            return []
        again = {one.key for one in self.check()}
        return [one for one in found if one.key in again]


@attrs.define(kw_only=True)
class Examination:
    """A store under examination.

    places: returns the saved places of its readers. quick: whether to read no text. looked: the result for
    each examined segment, by its number. columns: as for `PackedSegmentCheck`. beside: returns the
    directories of the stores that one server writes with this one.
    """

    disk: Disk
    places: Callable[[], Sequence[Kept]]
    quick: bool
    columns: ColumnsCare | None = None
    beside: Callable[[], Sequence[str]] = tuple
    looked: dict[int, ExaminedText] = attrs.field(factory=dict)
    # One listing for all segments: with a new one for each, 20,000 segments took an hour.
    _listed: Listing = attrs.field(init=False)
    _complete: dict[int, int] = attrs.field(init=False)

    def parts(self) -> list[StorePart]:
        """Return the parts, in the order in which they have to be examined.

        Raises OSError, and StoreError for a store that this version does not know.
        """
        # An invalid file is a finding, reported later.
        with contextlib.suppress(OSError, ValueError):
            if why := format.why_too_new(self.disk):
                raise StoreError(why)
        self._complete = segment_notes.waiting_sizes(self.disk)
        self._listed = Listing(self.disk)
        segments = list(self._listed.by_number)
        return [
            StorePart("files", self._check_names),
            # The places are read first, so that none of them is after the segments of the listing.
            StorePart("notes", lambda: check_small_files(self.places(), Listing(self.disk))),
            StorePart(identity.NAME, self._check_copies),
            *(StorePart(f"segment {one}", partial(self._check_segment, one)) for one in segments),
            StorePart(ACTIVE, self._check_active),
            StorePart("backup", self._check_backup),
        ]

    def _check_names(self) -> Iterator[StoreFinding]:
        """Yield the findings about missing segments, and about names that no search reads."""
        listed = Listing(self.disk)
        others = [ACTIVE] if listed.names.get(ACTIVE) is False else []
        for name in [*segment.not_plain_files(listed.names), *others]:
            yield StoreFinding("stray", name, "it is no plain file")
        for one, preferred in listed.files:
            if one.packed != preferred.packed:
                yield StoreFinding("stray", one.name, f"{preferred.name} has its number")
        # The notes are read after the listing: a removed segment was noted before it left the directory.
        numbers = {*listed.by_number, listed.active}
        for run in segment_notes.gaps(numbers, segment_notes.removed_or_empty_numbers(self.disk)):
            before, after = listed.by_number.get(run.start - 1), listed.by_number.get(run.stop)
            begin = f"from {before.first_time} on" if before else "before the others"
            end = f"up to {after.first_time}" if after else "up to now"
            why = f"lines {begin} {end}, and no note says why"
            yield StoreFinding("missing", segment_notes.segments_in_words(run), why)

    def _check_copies(self) -> Iterator[StoreFinding]:
        """Yield a finding if stores of one server have the same identity, as a copied folder has."""
        # An unreadable identity is reported with the small files.
        if (own := read_or(None, identity.load, self.disk)) is None:
            return
        same = []
        for place in self.beside():
            with contextlib.suppress(OSError, ValueError), Disk().open_directory(place) as disk:
                if (found := identity.load(disk)) is not None and found.store == own.store:
                    same.append(place)
        if same:
            why = f"{own.store} is the identity of {', '.join(same)}, too"
            yield StoreFinding("copy", identity.NAME, why)

    def _check_segment(self, number: int) -> Iterator[StoreFinding]:
        for _ in range(TRIES):
            one = self._listed.by_number.get(number)
            if one is None:
                return
            looked = ExaminedText()
            try:
                if one.form is Form.PLAIN:
                    with Descriptor(self.disk.open(one.name, os.O_RDONLY)) as fd:
                        wrong = list(
                            check_plain_text(one.name, fd, looked, quick=self.quick, waits=True)
                        )
                else:
                    readers = partial(self._readers_in_segment, number)
                    packed = PackedSegmentCheck(
                        one,
                        self.disk,
                        readers,
                        looked,
                        self.columns,
                        quick=self.quick,
                        others=self._listed.sealed,
                    )
                    wrong = list(packed.findings())
            except FileNotFoundError:
                # The segment was sealed or removed meanwhile: it has another name, or none.
                self._listed = Listing(self.disk)
                continue
            except OSError as error:
                wrong = [StoreFinding("text", one.name, reason(error))]
            self.looked[number] = looked
            yield from wrong
            complete = self._complete.get(number, 0)
            if looked.text is not None and looked.text < complete:
                why = f"it has {looked.text:,} of {counted(complete, 'byte')}"
                yield StoreFinding("missing", one.name, why)
            return

    def _readers_in_segment(self, number: int) -> list[str]:
        return [name for name, one, _ in self.places() if one and one.position.segment == number]

    def _check_active(self) -> Iterator[StoreFinding]:
        """Yield the findings about current.log, and about places after the end of the text."""
        # Read the places first, so that none of them is after the end only because the text grew.
        places, synced = self.places(), segment.synced_position(self.disk)
        try:
            fd, listed = open_active_and_list(self.disk)
            looked = ExaminedText() if fd >= 0 else ExaminedText(0, 0)
            self.looked[listed.active] = looked
            if fd >= 0:
                with Descriptor(fd):
                    yield from check_plain_text(ACTIVE, fd, looked, quick=self.quick)
        except OSError as error:
            yield StoreFinding("text", ACTIVE, reason(error))
            return
        if self._is_after_end(synced):
            yield StoreFinding(
                "missing", segment.SYNCED, f"text up to {synced} was on the disk once"
            )
        found = read_or(None, identity.load, self.disk)
        for name, one, _ in places:
            if (
                one is not None
                and (found is None or one.store in (found.store, ""))
                and self._is_after_end(one.position)
            ):
                yield StoreFinding("ahead", name, str(one.position))

    def _is_after_end(self, position: Position) -> bool:
        held = self._text_size(position.segment)
        return position.segment > max(self.looked) or (held is not None and position.offset > held)

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
            why = f"`logsrv {note.command}` was interrupted ({note.state})"
            yield StoreFinding("unfinished", BACKUP, why)
            return
        whys = [f"it lacks {name}" for name in backup_note.missing_files(self.disk, note)]
        held, lines = self._text_size(note.place.segment), self.readable_lines
        if held is not None and held < note.place.offset:
            whys.append(f"it had all text up to {note.place}")
        elif note.lines is not None and lines is not None and lines < note.lines:
            whys.append(f"it has {lines:,} of {counted(note.lines, 'line')}")
        yield from (StoreFinding("missing", BACKUP, why) for why in whys)

    @property
    def readable_lines(self) -> int | None:
        """The number of all readable lines; None if unknown."""
        numbers = [one.lines for one in self.looked.values()]
        return None if None in numbers else sum(one or 0 for one in numbers)

    def notes(self) -> list[str]:
        """Return sentences about what is no damage: files that other versions have made, by their rules."""
        looked = self.looked.values()
        indexes = sum(one.has_outdated_index for one in looked)
        columns = sum(one.has_outdated_columns for one in looked)
        if not indexes and not columns:
            return []
        kinds = (indexes, "index file"), (columns, "column file")
        files = " and ".join(counted(number, kind) for number, kind in kinds if number)
        return [
            f"note: made by the rules of an earlier version: {files}",
            f"    {_OUTDATED}",
        ]

    @property
    def end_position(self) -> Position:
        """The position after the last line that was examined."""
        number = max(self.looked, default=0)
        return Position(number, self._text_size(number) or 0)


def check_small_files(places: Sequence[Kept], listed: Listing) -> Iterator[StoreFinding]:
    """Yield the findings about the small files of a store. places: the saved places of its readers."""
    disk, known = listed.disk, [one for _, one, _ in places if one]
    for name, read in _READERS.items():
        if why := why_unreadable(read, disk):
            aside = partial(keep_aside, name, disk) if name in _OPTIONAL else None
            yield StoreFinding("file", name, why, remedy=aside)
    yield from (StoreFinding("place", name, why) for name, one, why in places if one is None)
    for folder, inside in backup_note.store_folders(disk, passed=OSError):
        for name in sorted(inside.entries()) if folder == archive_notes.FOLDER else ():
            if name.endswith((archive_notes.SUFFIX, archive_notes.LAKE_SUFFIX)) and (
                why := why_unreadable(archive_notes.read_archive_url, inside, name)
            ):
                yield StoreFinding("place", f"{folder}/{name}", why)
    if segment.RESTORING in listed.names:
        why = "`logsrv restore` was interrupted"
        yield StoreFinding("unfinished", segment.RESTORING, why)
    if erase_plan.is_unfinished(disk):
        why = "`logsrv erase` was interrupted"
        yield StoreFinding("erase", erase_plan.NAME, why, remedy=partial(finish_erase, disk))
    yield from _check_number_file(
        listed, max([segment.synced_position(disk), *(one.position for one in known)])
    )
    yield from _check_origins_file(disk)
    yield from _check_identity_file(disk, known)


def _check_number_file(listed: Listing, reached: Position) -> Iterator[StoreFinding]:
    """Yield a finding if `number` holds no number. reached: a position that the store once reached."""
    disk, name, number = listed.disk, segment.NUMBER, max(listed.active, reached.segment)
    is_new = not (disk.has_name(name) or listed.by_number or reached > NOWHERE)
    if not is_new and not segment.saved_number(disk):
        why = f"it is missing or damaged; by the other files it is {number}"
        again = partial(replace_keeping_old, name, segment.number_text(number), disk)
        yield StoreFinding("file", name, why, remedy=again if listed.by_number else None)


def _check_origins_file(disk: Disk) -> Iterator[StoreFinding]:
    name = origins.NAME
    try:
        data = disk.read(name, _MOST_ORIGINS + 1)
        if len(data) > _MOST_ORIGINS or data.count(b"\n") > _MOST_ORIGINS // _SHORTEST_NOTE:
            raise ValueError(f"it has more than {_MOST_ORIGINS >> 20} MiB, or too many lines")
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        yield StoreFinding("origins", name, explanation(error))
        return
    found, left_by = parse_notes_file(data), b""
    with contextlib.suppress(OSError):
        left_by = disk.read(lock.NAME, 32).strip()
    if not left_by:
        # No writer is running, and none was killed: so an unended line is damage, not a write in progress.
        found = found.with_torn_as_damaged()
    if found.damaged:
        of = f"{len(found.damaged)} of {counted(found.line_count, 'line')} cannot be used"
        why = f"those of {found.refused_stores_text}, because {of}"
        again = partial(replace_keeping_old, name, attrs.evolve(found, damaged=()).to_bytes(), disk)
        yield StoreFinding("origins", name, why, remedy=again)


def _check_identity_file(disk: Disk, places: Sequence[SavedPlace]) -> Iterator[StoreFinding]:
    """Yield a finding about the file `store`, whose identity the saved places have to name as well."""
    found, why = None, ""
    try:
        found = identity.load(disk)
    except (OSError, ValueError) as error:
        why = explanation(error)
    began = found.began if found else NOWHERE
    # Places before `began` may name the older identity that `logsrv ship --new-identity` has replaced.
    others = {one.store for one in places if one.store and one.position > began}
    if why or (others and (found is None or found.store not in others)):
        says = f"it says {found.store}" if found else "it is missing"
        why = why or f"{says}, and places of this store name {', '.join(sorted(others))}"
        certain = None if found else identity.identity_before_bit_flip(disk)
        text = certain and identity.identity_text(certain)
        again = partial(replace_keeping_old, identity.NAME, text, disk) if text else None
        yield StoreFinding("identity", identity.NAME, why, remedy=again)
