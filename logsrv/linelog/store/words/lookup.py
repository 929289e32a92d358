"""Looking up a literal in a word index: a few reads of some KiB each, without NumPy.

words = WordIndex(fd)
frames = words.frames_with(b"4bf92f3577b34da6a3ce929d0e0e4736", ignore_case=False)
if frames is None, read all frames; else read each frame n with frames >> n & 1

The file may be in an archive: then only the parts that a search needs are fetched (`PartialFile`).
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import zstandard

from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.words.evidence import (
    ESCAPES,
    Evidence,
    LetterRun,
    evidence,
    hash_slots,
    letter_slots,
)
from logsrv.linelog.store.words.layout import (
    BLOCK_ROWS,
    CRC,
    HEADER_SIZE,
    TABLES,
    TRAILER_SIZE,
    RowTable,
    SectionHead,
    WordIndexTrailer,
    block_extent,
    unpack_header,
    unpack_trailer,
    without_crc,
)

# If more runs than this contain a literal, it is too common, and an index does not help.
MOST_HITS = 2000
# The number of rows that are fetched first from a remote file: usually they exclude all frames.
_FIRST_ROWS = 8


class MissingParts(Exception):
    """Needed parts of a file were not fetched. ranges: the offset and the size of each."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        super().__init__(ranges)
        self.ranges = ranges


class PartialFile:
    """A file of `size` bytes, and its fetched parts, each with its offset."""

    def __init__(self, size: int, parts: Iterable[tuple[int, bytes]] = ()) -> None:
        self.size = size
        self._parts = sorted(parts)

    def add(self, at: int, data: bytes) -> None:
        """Add a part."""
        self._parts.insert(bisect_right(self._parts, at, key=lambda part: part[0]), (at, data))

    def read(self, at: int, size: int) -> bytes:
        """Return `size` bytes from offset `at` on, or fewer at the end of the file.

        Raises MissingParts unless a single fetched part has all of them.
        """
        size = max(0, min(size, self.size - at))
        data, start = self._find_part(at, size)
        if data is None:
            raise MissingParts([(at, size)])
        return data[start : start + size]

    def require_fetched(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Raise MissingParts with the ranges that were not fetched, if any."""
        missing = [one for one in ranges if self._find_part(*one)[0] is None]
        if missing:
            raise MissingParts(missing)

    def _find_part(self, at: int, size: int) -> tuple[bytes | None, int]:
        """Return a fetched part that has these bytes, or None, and their offset in the part."""
        if not size:
            return b"", 0
        number = bisect_right(self._parts, at, key=lambda part: part[0])
        for start, data in reversed(self._parts[:number]):
            if at + size <= start + len(data):
                return data, at - start
        return None, 0


class WordIndex:
    """The word index of a segment. sections: the offset and the head of each section.

    segment: the number of the segment. text, compressed: the bytes of its text and of its compressed file.
    frames: the number of its frames.
    """

    def __init__(self, source: int | bytes | PartialFile) -> None:
        """source: a descriptor, which the caller closes; the content of the file; or a partial file.

        Raises OSError; ValueError, with one sentence, if it is damaged, cut off or of another version. For
        a partial file each method may raise MissingParts, with the parts that it needs next.
        """
        if isinstance(source, bytes):
            source = PartialFile(len(source), [(0, source)])
        self._source = source
        size = os.fstat(source).st_size if isinstance(source, int) else source.size
        trailer: WordIndexTrailer = unpack_trailer(
            self.read(max(0, size - TRAILER_SIZE), TRAILER_SIZE)
        )
        self.segment, self.text, self.compressed, self.frames, count = trailer
        self.sections: list[tuple[int, SectionHead]] = []
        at = 0
        while at < size - TRAILER_SIZE and len(self.sections) < count:
            header = unpack_header(self.read(at, HEADER_SIZE))
            self.sections.append((at, header))
            at += header.size
        frames = sum(header.frames for _, header in self.sections)
        if (at, len(self.sections), frames) != (size - TRAILER_SIZE, count, self.frames):
            raise ValueError("the word index is damaged: its sections are not what its end says")

    def require_same_segment(self, index: Index) -> None:
        """Raise ValueError unless the words belong to the segment of `index`."""
        self.require_totals(index.segment, index.text, index.compressed, len(index.frames))

    def require_totals(self, segment: int, text: int, compressed: int, frames: int) -> None:
        """Raise ValueError unless the words belong to a segment with this number and these totals."""
        wanted = segment, text, compressed, frames
        if wanted != (self.segment, self.text, self.compressed, self.frames):
            raise ValueError(f"this is the word index of another segment, not of {segment}")

    def frames_with(self, literal: bytes, ignore_case: bool = False) -> int | None:
        """Return a bitmap of the frames that may hold the literal anywhere in a line: bit n is frame n.

        Returns None if the index cannot help, and all frames have to be read. A frame with the literal is
        never left out. ignore_case: makes a difference for ESCAPES only, because the index has ASCII
        letters in one case; other bytes are compared unchanged. Raises OSError, and ValueError if a part
        that is read is damaged.
        """
        if literal in ESCAPES and not ignore_case:
            number = ESCAPES.index(literal)
            return self._combine_sections(lambda section: section.frames_with_escape(number))
        wanted = evidence(literal)
        return (
            self._combine_sections(lambda section: section.frames_with_evidence(wanted))
            if wanted
            else None
        )

    def _combine_sections(self, look: Callable[[Section], int]) -> int:
        found = first = 0
        for section in self.each_section():
            found |= look(section) << first
            first += section.header.frames
        return found

    def each_section(self) -> Iterator[Section]:
        """Yield the sections."""
        for at, header in self.sections:
            yield Section(self, at, header)

    def essential_parts(self) -> list[tuple[int, int]]:
        """Return offset and size of each part that is needed to find the other parts."""
        end = self.sections[-1][0] + self.sections[-1][1].size if self.sections else 0
        found = [(end, TRAILER_SIZE)]
        for at, header in self.sections:
            found.append((at, header.part_offset("dictionary")))
            found += [
                (at + header.part_offset(name), getattr(header, name).ends_size) for name in TABLES
            ]
        return sorted(found)

    def read(self, at: int, size: int) -> bytes:
        """Return `size` bytes of the index from offset `at` on."""
        if isinstance(self._source, int):
            return os.pread(self._source, size, at)
        return self._source.read(at, size)

    @property
    def is_partial(self) -> bool:
        """True if only parts of the file were fetched."""
        return isinstance(self._source, PartialFile)

    def require_fetched(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Raise MissingParts with the ranges that were not fetched, if any; a whole file asks for none."""
        if isinstance(self._source, PartialFile):
            self._source.require_fetched(ranges)


class Section:
    """A section of an index. Each method raises OSError; ValueError if what it reads is damaged."""

    def __init__(self, words: WordIndex, at: int, header: SectionHead) -> None:
        self.header = header
        self._words = words
        self._at = at
        self._all = (1 << header.frames) - 1

    def frames_with_escape(self, escape_number: int) -> int:
        """Return the frames with ESCAPES[escape_number], frame n as bit n."""
        row = self.header.row_size
        rows = without_crc(self._read_part("escapes", 0, 2 * row + CRC))
        return int.from_bytes(rows[escape_number * row : (escape_number + 1) * row], "little")

    def frames_with_evidence(self, wanted: Evidence) -> int:
        """Return a bitmap of the frames with all the evidence; small and selective parts are read first."""
        self._words.require_fetched(self._first_parts(wanted))
        found = self._frames_in_all_rows("others", partial(hash_slots, wanted.others))
        if found:
            found &= self._frames_in_all_rows("ids", partial(hash_slots, wanted.ids))
        if found and wanted.runs:
            opened, text = self.open_frames(), self.dictionary()
            for run in wanted.runs:
                found &= self._frames_with_run(run, text) | opened
        return found

    def _first_parts(self, wanted: Evidence) -> Iterator[tuple[int, int]]:
        """Yield the parts that are needed first, so that one round trip fetches them all."""
        chosen: list[tuple[str, Callable[[int], set[int]]]] = [
            ("others", partial(hash_slots, wanted.others)),
            ("ids", partial(hash_slots, wanted.ids)),
            *(("letters", partial(letter_slots, run.letters)) for run in wanted.runs),
        ]
        for name, slots in chosen:
            yield from self._block_extents(name, self._row_numbers(name, slots)[:_FIRST_ROWS])
        if wanted.runs:
            yield self._at + self.header.part_offset("dictionary"), self.header.dictionary

    def _block_extents(self, name: str, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Yield offset and size of the parts of the file that have these rows of table `name`."""
        table = self._table(name)
        blocks = sorted({number // BLOCK_ROWS for number in numbers}) if table.rows else []
        if blocks:
            ends = self.block_ends(name)
            for block in blocks:
                start, end = block_extent(table, ends, block)
                yield (
                    self._at + self.header.part_offset(name) + table.ends_size + start,
                    end - start,
                )

    def _frames_with_run(self, run: LetterRun, text: bytes) -> int:
        """Return the frames with a run that contains the letters."""
        found = self._frames_in_all_rows("letters", partial(letter_slots, run.letters))
        wanted = b"\n" * run.begins + run.letters + b"\n" * run.ends
        numbers = list(_matching_run_numbers(text, wanted))
        if len(numbers) > MOST_HITS:
            return self._all
        for row in self.rows("postings", numbers):
            found |= row
            if found == self._all:
                break
        return found

    def _frames_in_all_rows(self, name: str, slots: Callable[[int], set[int]]) -> int:
        """Return the frames, frame n as bit n, that are set in all chosen rows of table `name`.

        slots: gets the number of bits of a row number, returns the numbers of the chosen rows.
        """
        numbers = self._row_numbers(name, slots)
        found = self._all
        if numbers and not self._table(name).rows:
            return 0
        at_once = _FIRST_ROWS if self._words.is_partial else len(numbers)
        for some in (numbers[:at_once], numbers[at_once:]):
            for row in self.rows(name, some):
                found &= row
                if not found:
                    return 0
        return found

    def _row_numbers(self, name: str, slots: Callable[[int], set[int]]) -> list[int]:
        """Return the numbers of the chosen rows in order. slots: as of `_frames_in_all_rows`."""
        return sorted(slots((self._table(name).rows or 1).bit_length() - 1))

    def rows(self, name: str, numbers: Sequence[int]) -> Iterator[int]:
        """Yield the rows of a table with these numbers, which are in order."""
        self._words.require_fetched(self._block_extents(name, numbers))
        ends, rows, block, size = b"", b"", -1, self.header.row_size
        for number in numbers:
            if number // BLOCK_ROWS != block:
                ends = ends or self.block_ends(name)
                block = number // BLOCK_ROWS
                rows = self._read_block(name, ends, block)
            start = number % BLOCK_ROWS * size
            yield int.from_bytes(rows[start : start + size], "little")

    def _read_block(self, name: str, ends: bytes, block: int) -> bytes:
        table = self._table(name)
        start, end = block_extent(table, ends, block)
        rows = min(BLOCK_ROWS, table.rows - block * BLOCK_ROWS)
        data = self._read_part(name, table.ends_size + start, end - start)
        return decompress_exactly(data, rows * self.header.row_size)

    def block_ends(self, name: str) -> bytes:
        """Return the list of the ends of a table's blocks."""
        return without_crc(self._read_part(name, 0, self._table(name).ends_size))

    def open_frames(self) -> int:
        """Return the frames with letters that are not indexed, frame n as bit n."""
        data = self._read_part("open", 0, self.header.row_size + CRC)
        return int.from_bytes(without_crc(data), "little")

    def dictionary(self) -> bytes:
        """Return the text of the dictionary."""
        header = self.header
        return decompress_exactly(self._read_part("dictionary", 0, header.dictionary), header.text)

    def _table(self, name: str) -> RowTable:
        found: RowTable = getattr(self.header, name)
        return found

    def _read_part(self, name: str, offset: int, size: int) -> bytes:
        return self._words.read(self._at + self.header.part_offset(name) + offset, size)


def _matching_run_numbers(text: bytes, wanted: bytes) -> Iterator[int]:
    """Yield the numbers of the runs that contain `wanted`, in order, at most MOST_HITS + 1."""
    # The number of a run is the number of LFs before it, minus the one at the beginning of the dictionary.
    hits = number = counted = 0
    at = text.find(wanted)
    while at >= 0 and hits <= MOST_HITS:
        start = at + wanted.startswith(b"\n")
        number += text.count(b"\n", counted, start)
        yield number - 1
        hits += 1
        # The search goes on at the LF that ends this run: it also begins the next run.
        counted = start
        at = text.find(wanted, text.find(b"\n", start))


def decompress_exactly(data: bytes, size: int) -> bytes:
    """Unpack `data` to `size` bytes, using no more memory. Raises ValueError if it has another size."""
    try:
        if zstandard.frame_content_size(data) != size:
            raise ValueError("the word index is damaged: the sizes in it make no sense")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
    except zstandard.ZstdError as error:
        raise ValueError("the word index is damaged: it cannot be decompressed") from error


def check_words(words: WordIndex) -> None:
    """Read and check a whole word index. Raises OSError; ValueError, with a sentence, if it is damaged."""
    for section in words.each_section():
        section.open_frames()
        section.frames_with_escape(0)
        section.dictionary()
        for name in TABLES:
            # This checks the list of a table without rows as well.
            section.block_ends(name)
            rows = getattr(section.header, name).rows
            for _ in section.rows(name, range(0, rows, BLOCK_ROWS)):
                pass
