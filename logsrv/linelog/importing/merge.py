"""The lines of many files in the order of their times, with few of the files open at once."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TypeAlias

from logsrv.linelog.importing.files import LogFile

Run: TypeAlias = tuple[int, LogFile, bytes]
"""A moment, a file, and lines of it."""


def merge_by_moment(files: Sequence[LogFile]) -> Iterator[Run]:
    """Merge the runs of files by moment; at equal moments, the first file in `files` comes first.

    Each file is first read up to its first time, and closed; it is opened again when its first line is
    next.
    """
    runs = [_dated_lines_with_index(place, file) for place, file in enumerate(files)]
    for moment, place, lines in heapq.merge(*runs, key=itemgetter(0, 1)):
        if lines:
            yield moment, files[place], lines


def _dated_lines_with_index(place: int, file: LogFile) -> Iterator[tuple[int, int, bytes]]:
    first = file.read_first_moment()
    if first is not None:
        yield first, place, b""
    # A file without lines still reports what is wrong with it.
    for moment, lines in file.read_dated_lines():
        yield moment, place, lines
