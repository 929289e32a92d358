"""A view of an archive alone: the store has no files on this machine, not even indexes.

The archive's list of segments is read once, when the view is opened. Segments archived later do not appear.
Words are looked up for all segments at once, in as few round trips as possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple

from logsrv.errors import StoreError
from logsrv.linelog.archive.catalog import (
    ArchiveCatalogEntry,
    catalog_prefix,
    catalogs_in_use,
    last_archived_number,
    manifest_in_archive,
    read_catalog,
)
from logsrv.linelog.archive.names import archived_segment_names
from logsrv.linelog.archive.reading import ArchivedText
from logsrv.linelog.archive.stores import open_archived_store
from logsrv.linelog.objects.interface import ArchiveError
from logsrv.linelog.objects.reader_threads import ReaderThreads
from logsrv.linelog.query.text_search.literals import Inherited, Literal, Need
from logsrv.linelog.read.texts import AwayFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.read.word_frames import frames_in_word_index
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.notes.manifest import (
    Manifest,
    NewerFormat,
    decode_manifest,
    encode_manifest,
    object_name,
)
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.times import UNKNOWN, Times, combine_times
from logsrv.linelog.store.words.lookup import MissingParts, PartialFile, WordIndex

_ASKED_TOGETHER = 128


class ArchiveView(View):
    """The segments of a store in an archive, to be searched. Raises StoreError and ArchiveError.

    It has no files that could be followed, counted or removed.

    url: of the archive, or of a folder above it. Its last part may be the store's identity, and must be if
    there are several stores. tell: called with a sentence for each damaged or unusable object.
    """

    def __init__(self, url: str, tell: Callable[[str], None]) -> None:
        self._init_reporting(tell)
        try:
            self._archive, self._store = open_archived_store(url)
        except ValueError as error:
            raise StoreError(str(error)) from None
        self._found: dict[int, ArchiveCatalogEntry] = {}
        self._manifests: dict[int, Manifest] = {}
        self._damaged: list[str] = []
        # The need of the last lookup, and the answers to it: by segment, the frames that can have lines
        # with it.
        self._need: Need | None = None
        self._answers: dict[int, int | None] = {}
        self._readers = ReaderThreads()
        try:
            self._find_segments()
            if not self._found:
                raise StoreError(f"{self._archive.address} has no segment of store {self._store}")
        except BaseException:
            self.close()
            raise
        self.segments = [
            Segment(number, self._manifests[number].segment.name, Form.AWAY)
            for number in sorted(self._found)
        ]

    def _find_segments(self) -> None:
        """Find the archive's segments: from its catalogs, and by name those that no catalog has yet."""
        archive, store = self._archive, self._store
        names = catalogs_in_use(archive.names(catalog_prefix(store)), store)
        last = last_archived_number(names)
        behind = asked = "" if last is None else f"{store}/{last:010d}."
        catalogs = [self._readers.start(partial(read_catalog, archive, name)) for name in names]
        others = self._readers.start(partial(archive.names, f"{store}/", behind))
        for pending in catalogs:
            try:
                for one in pending.result():
                    self._add_catalog_segment(one)
            except ArchiveError as error:
                # The segments of this catalog are found by their manifests, more slowly.
                self.report_unusable_file(str(error))
                behind = ""
        listed = others.result()
        if behind != asked:
            listed = archive.names(f"{store}/")
        known = {one.name for one in self._manifests.values()}
        wanted = sorted({*self._damaged, *archived_segment_names(listed, store)})
        missing = [name for name in wanted if name not in known]
        reads = [partial(self._entry_of_uncatalogued, name) for name in missing]
        for found in self._readers.read_all(reads):
            try:
                self._add_catalog_segment(found.result())
            except ArchiveError as error:
                self.report_damage(str(error))

    def _add_catalog_segment(self, one: ArchiveCatalogEntry) -> None:
        try:
            manifest = decode_manifest(one.manifest)
        except NewerFormat as error:
            self.report_damage(f"a manifest in {self._archive.address} {error}")
            return
        except ValueError:
            # The catalog has the manifest's name instead of the damaged manifest.
            self._damaged.append(one.manifest.decode("ascii", "replace"))
            return
        self._found[manifest.number] = one
        self._manifests[manifest.number] = manifest

    def _entry_of_uncatalogued(self, name: str) -> ArchiveCatalogEntry:
        """Return the entry of a segment that no catalog has. Raises ArchiveError."""
        manifest = manifest_in_archive(self._archive, self._store, name)
        words = manifest.objects.get(object_name(self._store, manifest.segment.words))
        return ArchiveCatalogEntry(encode_manifest(manifest), b"", words.size if words else 0, ())

    @property
    def directory_removed(self) -> bool:
        return False

    def refresh(self) -> None:
        """Do nothing: the view keeps the segments that it found when it was opened."""

    refresh_if_rotated = refresh

    def missing_segments(self, before: int, after: int) -> list[str]:
        """Return none: segments without lines are not archived, and no note tells their numbers."""
        return []

    def close(self) -> None:
        self._readers.close()

    def open_word_index(self, number: int) -> int | None:
        return None

    def open_columns(self, number: int) -> None:
        return None

    def times_of_segment(self, number: int) -> Times:
        found = self._manifests.get(number)
        return UNKNOWN if found is None else found.times

    def read_time_span(self) -> tuple[str, str]:
        found = combine_times(one.times for one in self._manifests.values())
        return found.smallest or "", found.largest or ""

    def open_whole_segment(self, number: int) -> SegmentFrames | None:
        found = self._found.get(number)
        if found is None:
            return None
        manifest = self._manifests[number]
        text = ArchivedText(manifest, [self._archive], lambda: index.decode_index(found.frames))
        return AwayFrames(number, text, self.report_damage)

    def archived_frames_with(self, number: int, following: Iterable[int], need: Need) -> int | None:
        """Return the frames of a segment that can have lines with `need`; None for all.

        following: the next segments of the search, which are looked up in the same round trips.
        """
        if need is not self._need or number not in self._answers:
            self._need = need
            asked = [number, *islice(following, _ASKED_TOGETHER - 1)]
            files = [one for one in map(self._word_file, asked) if one is not None]
            self._answers = {
                **dict.fromkeys(asked),
                **frames_by_segment(files, need, self._readers),
            }
        return self._answers[number]

    def _word_file(self, number: int) -> ArchivedWordIndex | None:
        file = self._found[number].file
        if file is None:
            return None
        name = object_name(self._store, self._manifests[number].segment.words)

        def note(why: str) -> None:
            self.report_unusable_file(
                f"the word index {name} in {self._archive.address} is not used: {why}"
            )

        of = self._manifests[number]
        return ArchivedWordIndex(
            number,
            file,
            lambda at, size: self._archive.read(name, at, size),
            note,
            (number, of.text, of.packed_file.size, len(of.frames)),
            lambda: index.decode_index(self._found[number].frames),
        )


_NEAR = 256 << 10
"""Bytes. Two parts with a smaller gap are read in one piece: the gap costs less than a round trip."""


class ArchivedWordIndex(NamedTuple):
    """The word index of a segment in an archive.

    read: returns a part of the file, by offset and size, and raises ArchiveError. note: gets a sentence if
    the index is unusable. totals: the segment to which the index must belong: its number, bytes of text,
    compressed bytes and frames; None for any segment. load_index: returns the index of its frames.
    """

    number: int
    file: PartialFile
    read: Callable[[int, int], bytes]
    note: Callable[[str], None]
    totals: tuple[int, int, int, int] | None = None
    load_index: Callable[[], index.Index] | None = None


def frames_by_segment(
    files: list[ArchivedWordIndex], need: Need, readers: ReaderThreads
) -> Mapping[int, int | None]:
    """Return segment's number → the frames that can have lines with `need`; None for all its frames.

    Each round reads the missing parts of all files together.
    """
    answers: dict[int, int | None] = {}
    left = list(files)
    while left:
        wanted: list[tuple[ArchivedWordIndex, int, int]] = []
        waiting = []
        for one in left:
            missing, found = _missing_parts(one, need)
            if missing:
                wanted += [(one, at, size) for at, size in _merge_ranges(missing)]
                waiting.append(one)
            else:
                answers[one.number] = found
        failed = _read_parts(wanted, readers)
        answers.update(dict.fromkeys(failed))
        left = [one for one in waiting if one.number not in failed]
    return answers


def _read_parts(
    wanted: list[tuple[ArchivedWordIndex, int, int]], readers: ReaderThreads
) -> set[int]:
    """Read parts of files, all at once. Return the numbers of segments whose file cannot be read."""
    failed = set()
    reads = [partial(one.read, at, size) for one, at, size in wanted]
    for (one, at, size), pending in zip(wanted, readers.read_all(reads), strict=True):
        try:
            data = pending.result()
            if len(data) != size:
                raise ArchiveError("it is shorter than it was")
            one.file.add(at, data)
        except ArchiveError as error:
            one.note(str(error))
            failed.add(one.number)
    return failed


def _missing_parts(one: ArchivedWordIndex, need: Need) -> tuple[list[tuple[int, int]], int | None]:
    """Return the parts of a file that must still be read; if there are none, also the answer."""
    missing: list[tuple[int, int]] = []
    try:
        words = WordIndex(one.file)
        if one.totals is not None:
            words.require_totals(*one.totals)
        for literal in _literals_of_need(need):
            try:
                words.frames_with(literal.text, literal.ignore_case)
            except MissingParts as error:
                missing += error.ranges
        return missing, None if missing else frames_in_word_index(words, need, one.load_index)
    except MissingParts as error:
        return error.ranges, None
    except ValueError as error:
        one.note(str(error))
        return [], None


def _literals_of_need(need: Need) -> Iterator[Literal]:
    if isinstance(need, Literal):
        yield need
    elif isinstance(need, Inherited):
        yield from _literals_of_need(need.parts[0])
    else:
        for part in need.parts:
            yield from _literals_of_need(part)


def _merge_ranges(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the parts in order, with neighbours joined."""
    found: list[tuple[int, int]] = []
    for at, size in sorted(ranges):
        if found and at - sum(found[-1]) <= _NEAR:
            start, before = found.pop()
            found.append((start, max(before, at + size - start)))
        else:
            found.append((at, size))
    return found
