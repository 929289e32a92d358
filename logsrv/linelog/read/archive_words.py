"""Look words up in an archive: for all segments at once, in as few round trips as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from logsrv.linelog.query.literals import Literal, Need
from logsrv.linelog.read.frames_by_words import frames_in_word_index
from logsrv.linelog.store.archive.objects import ArchiveError
from logsrv.linelog.store.archive.reading import ReaderThreads
from logsrv.linelog.store.words.lookup import MissingParts, PartialFile, WordIndex

_NEAR = 256 << 10
"""Bytes. Two parts with a smaller gap are read in one piece: the gap costs less than a round trip."""


class ArchivedWordIndex(NamedTuple):
    """The word index of a segment in an archive.

    read: returns a part of the file, by offset and size, and raises ArchiveError. note: gets a sentence if
    the index is unusable. totals: the segment to which the index must belong: its number, bytes of text,
    compressed bytes and frames; None for any segment.
    """

    number: int
    file: PartialFile
    read: Callable[[int, int], bytes]
    note: Callable[[str], None]
    totals: tuple[int, int, int, int] | None = None


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
        return missing, None if missing else frames_in_word_index(words, need)
    except MissingParts as error:
        return error.ranges, None
    except ValueError as error:
        one.note(str(error))
        return [], None


def _literals_of_need(need: Need) -> Iterator[Literal]:
    if isinstance(need, Literal):
        yield need
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
