"""The lines of many files in the order of their times, with few of the files open at once."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from logsrv.linelog.importing.files import LogFile

Run: TypeAlias = tuple[int, LogFile, bytes]
"""A moment, a file, and lines of it."""


def merged(files: Sequence[LogFile]) -> Iterator[Run]:
    """Yield runs of lines, each with its moment and file; of lines of one moment those of the first file.

    A file is opened when its first line has its turn.
    """
    waiting = [
        (first, place) for place, file in enumerate(files) if (first := file.first()) is not None
    ]
    heapq.heapify(waiting)
    runs = [file.runs() for file in files]
    held: dict[int, bytes] = {}
    while waiting:
        moment, place = heapq.heappop(waiting)
        if place in held:
            yield moment, files[place], held.pop(place)
        for moment, lines in runs[place]:
            if waiting and (moment, place) > waiting[0]:
                held[place] = lines
                heapq.heappush(waiting, (moment, place))
                break
            yield moment, files[place], lines
    # A file without lines still reports what is wrong with it.
    for rest in runs:
        for _ in rest:
            pass
