"""A section of a word index: the runs and windows of up to 512 frames."""

from __future__ import annotations

import os
from typing import Any

import numpy
import zstandard

from logsrv.linelog.store.words.evidence import ESCAPES
from logsrv.linelog.store.words.layout import (
    BLOCK_ROWS,
    MOST_RUNS,
    MOST_TEXT,
    SECTION_FRAMES,
    RowTable,
    SectionHead,
    pack_header,
    with_crc,
)
from logsrv.linelog.store.words.scan import Array, FrameRuns, FrameText, are_indexed

U8, U64 = numpy.uint8, numpy.uint64
# Powers of 2: the rows of the tables while frames are added. Each folding halves the rows.
IDS_BITS, OTHERS_BITS, LETTERS_BITS = 18, 17, 15
# The part of a frame's bits that may be set after folding. An id of 16 digits has 12 windows: with half of
# the bits set, one wrong frame in 4,096 is not excluded. Other texts have fewer windows (an address with 7
# sets 14 bits, `host17` two).
IDS_FILL, OTHERS_FILL, LETTERS_FILL = 0.5, 0.3, 0.1
# The part of the frames that may have more bits set. A frame with few set bits compresses well, so it may
# have a large table.
FULLER = 0.05
# Letters. Longer runs are no words, and hashing takes a step for each eight letters. So frames with longer
# runs are "open": the index never excludes them because of a run.
LONGEST_RUN = 128
LEVEL = 1
FEWEST_BITS = 6
# Two tables of 1 MiB: larger ones do not fit the processor's cache, and cache misses would take most time.
_SLOT_BITS = 17
_SLOTS_SHIFT = U64(64 - _SLOT_BITS)
# A hash is identified by its slot and its other bits.
_NUMBER_BITS = U64(_SLOT_BITS)
SEVEN_LETTERS = U64((1 << 56) - 1)
_MIX = U64(0x94D049BB133111EB)


class BitTable:
    """A table of bits that hashes set, with 2**bits rows and a column for each frame."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.columns: list[Array] = []
        self._fills: list[float] = []

    def set_column(self, frame: int, *hashes: Array) -> None:
        """Set the bits for the hashes of a frame; overwrites these arrays. Frames are added in order."""
        if frame // 8 == len(self.columns):
            self.columns.append(numpy.zeros(1 << self.bits, U8))
        found = numpy.zeros(1 << self.bits, bool)
        for some in hashes:
            some >>= U64(64 - self.bits)
            found[some.view(numpy.int64)] = True
        self.columns[-1] |= found.view(U8) * U8(1 << frame % 8)
        self._fills.append(int(numpy.count_nonzero(found)) / len(found))

    def fold_and_pack(self, fill: float, most: float) -> tuple[RowTable, bytes]:
        """Return the table and its bytes, at most about `most`.

        Folding halves the number of rows. The table is folded while it is too large, and as long as, after
        the folding, at most the part FULLER of the frames has more than the part `fill` of its bits set.
        """
        rows: Array = numpy.stack(self.columns, axis=1)
        fills = numpy.array(self._fills)
        if not fills.any():
            return pack_table(rows[:0])
        while True:
            folded = 1 - (1 - fills) ** 2
            is_last = len(rows) == 1 << FEWEST_BITS
            if is_last or (folded > fill).mean() > FULLER:
                table, data = pack_table(rows)
                if is_last or len(data) <= most:
                    return table, data
            rows, fills = rows[0::2] | rows[1::2], folded


def pack_table(rows: Array) -> tuple[RowTable, bytes]:
    """Return a table of these rows, and its bytes."""
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True, write_content_size=True)
    blocks = [
        compressor.compress(rows[at : at + BLOCK_ROWS].tobytes())
        for at in range(0, len(rows), BLOCK_ROWS)
    ]
    ends = numpy.cumsum([len(block) for block in blocks], dtype="<u4")
    data = b"".join(blocks)
    return RowTable(len(rows), len(data)), with_crc(ends.tobytes()) + data


class RunDictionary:
    """The distinct runs of a section, each with the frames that it is in.

    A run is identified by a hash of 64 bits with a random key, so that nobody can make two runs with the
    same hash on purpose; two runs of up to eight letters never have the same hash. A run gets one of two
    slots. If both are taken, the run is not added, and its windows of three letters are indexed instead
    (see `SectionBuilder`).
    """

    def __init__(self) -> None:
        key = int.from_bytes(os.urandom(8), "little") | 1
        self._key = U64(key)
        # Each slot has the rest of the hash, and the number of the run, which is never 0.
        self._slots: Array = numpy.zeros((2, 1 << _SLOT_BITS), U64)
        self.columns: list[Array] = []
        self.runs: list[bytes] = []
        self.text = 1

    def add_frame(self, frame: int, found: FrameText) -> tuple[FrameRuns, bool]:
        """Add the runs of a frame; return the runs that have to be indexed by their windows instead.

        Also returns whether a run was too long to be indexed.
        """
        if frame // 8 == len(self.columns):
            self.columns.append(numpy.zeros(MOST_RUNS + 1, U8))
        runs = found.find_runs()
        hashes, too_long = self._hash_runs(found, runs)
        numbers = self._run_numbers(hashes)
        missing = numpy.flatnonzero(numbers == 0)
        missing = missing[are_indexed(runs.first[missing]) & (hashes[missing] != 0)]
        if len(missing) and len(self.runs) < MOST_RUNS and self.text < MOST_TEXT // 2:
            self._add_new_runs(found, runs.select(missing), hashes[missing])
            numbers[missing] = self._run_numbers(hashes[missing])
            missing = missing[numbers[missing] == 0]
        present = numpy.zeros(MOST_RUNS + 1, bool)
        present[numbers] = True
        self.columns[-1] |= present.view(U8) * U8(1 << frame % 8)
        return runs.select(missing), too_long

    def _hash_runs(self, found: FrameText, runs: FrameRuns) -> tuple[Array, bool]:
        """Return the hash of each run, 0 if the run is too long, and whether a run is too long."""
        hashes = runs.first * self._key
        left = numpy.flatnonzero(runs.first > SEVEN_LETTERS)
        for size in range(8, LONGEST_RUN + 8, 8):
            if not len(left):
                return hashes, False
            mixed = hashes[left]
            more = found.eight_letters_at(runs.starts[left] + size)
            hashes[left] = ((mixed ^ (mixed >> U64(29))) * _MIX + more) * self._key
            left = left.compress(more > SEVEN_LETTERS)
        hashes[left] = 0
        return hashes, len(left) > 0

    def _run_numbers(self, hashes: Array) -> Array:
        """Return the number of each run; 0 for a run that is not in the dictionary."""
        numbers = self._numbers_in_slots(0, hashes)
        other = numpy.flatnonzero(numbers == 0)
        numbers[other] = self._numbers_in_slots(1, _second_hashes(hashes[other]))
        return numbers

    def _numbers_in_slots(self, which: int, hashes: Array) -> Array:
        found: Array = self._slots[which].take((hashes >> _SLOTS_SHIFT).view(numpy.int64))
        found ^= hashes << _NUMBER_BITS
        # If the rest of the hash differs, the result is larger than any number of a run.
        found *= found <= MOST_RUNS
        return found.view(numpy.int64)

    def _add_new_runs(self, found: FrameText, runs: FrameRuns, hashes: Array) -> None:
        """Add new runs, except runs next to a digit, of which random ids have many."""
        sizes = found.run_lengths(runs, LONGEST_RUN)
        # For a run at offset 0, index -1 reads a NUL after the text, which is no digit.
        worth = ~(found.are_digits_at(runs.starts - 1) | found.are_digits_at(runs.starts + sizes))
        starts, sizes, hashes = runs.starts[worth], sizes[worth], hashes[worth]
        for which in range(2):
            slots = (hashes >> _SLOTS_SHIFT).view(numpy.int64)
            # Runs that claim the same slot overwrite each other's claim: the last one gets the slot.
            claims = numpy.empty(1 << _SLOT_BITS, numpy.int32)
            each = numpy.arange(len(slots), dtype=numpy.int32)
            claims[slots] = each
            has_it = (claims[slots] == each) & (self._slots[which][slots] == 0)
            taken = numpy.flatnonzero(has_it)[: MOST_RUNS - len(self.runs)]
            numbers = numpy.arange(len(taken), dtype=U64) + U64(len(self.runs) + 1)
            self._slots[which][slots[taken]] = hashes[taken] << _NUMBER_BITS | numbers
            new = [
                found.letters[start : start + size].tobytes()
                for start, size in zip(starts[taken].tolist(), sizes[taken].tolist(), strict=True)
            ]
            self.runs += new
            self.text += sum(map(len, new)) + len(new)
            left = numpy.flatnonzero(self._numbers_in_slots(which, hashes) == 0)
            starts, sizes, hashes = starts[left], sizes[left], _second_hashes(hashes[left])

    def pack(self) -> tuple[bytes, RowTable, bytes]:
        """Return the compressed dictionary, the table of its postings, and the bytes of that table."""
        compressor = zstandard.ZstdCompressor(write_checksum=True, write_content_size=True)
        text = b"\n" + b"".join(run + b"\n" for run in self.runs)
        rows: Array = numpy.stack(self.columns, axis=1)
        return compressor.compress(text), *pack_table(rows[1 : len(self.runs) + 1])


def _second_hashes(hashes: Array) -> Any:
    """Return the hashes for the second slots; different hashes stay different."""
    return (hashes ^ (hashes >> U64(31))) * _MIX


class SectionBuilder:
    """A section of a word index under construction, a frame at a time."""

    def __init__(self) -> None:
        self.frames = 0
        self.compressed = 0
        self._ids = BitTable(IDS_BITS)
        self._others = BitTable(OTHERS_BITS)
        self._letters = BitTable(LETTERS_BITS)
        self._dictionary = RunDictionary()
        self._open = bytearray(SECTION_FRAMES // 8)
        self._escapes = [bytearray(SECTION_FRAMES // 8) for _ in ESCAPES]

    @property
    def is_full(self) -> bool:
        """True if no more frames fit."""
        return self.frames == SECTION_FRAMES

    def add_frame(
        self, chunk: bytes, end: int, compressed: int, newlines: Array | None = None
    ) -> None:
        """Add a frame with the text `chunk[:end]`, which takes `compressed` bytes.

        newlines: the offsets of the LFs in it, if they are known.
        """
        frame = FrameText(chunk, end, newlines)
        number = self.frames
        ids, *others = frame.window_hashes()
        self._ids.set_column(number, ids)
        self._others.set_column(number, *others)
        unknown, too_long = self._dictionary.add_frame(number, frame)
        self._letters.set_column(number, _letter_hashes(frame, unknown))
        self._open[number // 8] |= too_long << number % 8
        for row, has in zip(self._escapes, frame.has_escapes(), strict=True):
            row[number // 8] |= has << number % 8
        self.frames += 1
        self.compressed += compressed

    def pack_section(self, part: float) -> bytes:
        """Return the bytes of the section, whose tables are folded.

        part: the part of the size of the compressed frames that the section may take, about.
        """
        dictionary, postings, posted = self._dictionary.pack()
        most = max(0.0, part * self.compressed - len(dictionary) - len(posted))
        letters, letter_rows = self._letters.fold_and_pack(LETTERS_FILL, most / 4)
        most -= len(letter_rows)
        others, other_rows = self._others.fold_and_pack(OTHERS_FILL, most / 2)
        most -= len(other_rows)
        ids, id_rows = self._ids.fold_and_pack(IDS_FILL, most)
        header = SectionHead(
            0,
            self.frames,
            len(dictionary),
            self._dictionary.text,
            postings,
            ids,
            others,
            letters,
        )
        header = header._replace(size=header.part_offset("end"))
        escapes = b"".join(row[: header.row_size] for row in self._escapes)
        bits = [with_crc(bytes(self._open[: header.row_size])), with_crc(escapes)]
        parts = [pack_header(header), *bits, dictionary, posted]
        return b"".join([*parts, id_rows, other_rows, letter_rows])


def _letter_hashes(frame: FrameText, runs: FrameRuns) -> Array:
    """Return the hashes of all windows of three letters in some runs."""
    if not len(runs.starts):
        return runs.first
    counts = frame.run_lengths(runs, LONGEST_RUN) - 2
    before = numpy.cumsum(counts) - counts
    at = numpy.repeat(runs.starts - before, counts) + numpy.arange(int(counts.sum()))
    found: Array = numpy.zeros(len(at), U64)
    for number in range(3):
        found <<= U64(5)
        found |= frame.letters[at + number] & U8(31)
    found *= U64(0x5A35)
    found <<= U64(49)
    return found
