"""Stores whose segments go to a lake, and what a lake has."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet

from logsrv.linelog.lake.lake_segment import put_lake_segment
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import Archive
from logsrv.linelog.store.segment import Segment
from tests.parts.archived_stores import STORE, packed
from tests.parts.disks import at
from tests.parts.stores import line, make_store

MIDNIGHT = 18 * 3600
"""Seconds from the first line of a store to the next day."""


def store_of(directory: Path, *segments: Iterable[bytes]) -> list[Segment]:
    """Make a store of these sealed segments; return them."""
    make_store(directory, [*map(list, segments), [line("the last one", 10 * MIDNIGHT)]])
    return packed(directory)


def over_midnight(count: int = 20) -> list[bytes]:
    """Lines of two days, half of them of each."""
    begin = MIDNIGHT - count / 2
    return [
        line(f'{{"level":"info","app":"shop","n":{number}}}', begin + number)
        for number in range(count)
    ]


def lake_in(directory: Path) -> DirectoryArchive:
    directory.mkdir(exist_ok=True)
    return DirectoryArchive(str(directory))


def put(lake: Archive, store: Path, number: int = 1) -> None:
    """Put a segment of a store into a lake."""
    segment = next(one for one in packed(store) if one.number == number)
    put_lake_segment(lake, segment, at(store), STORE, lambda: True)


def rows_of(directory: Path) -> list[dict[str, Any]]:
    """Return all rows of a lake, in the order of their positions."""
    rows: list[dict[str, Any]] = []
    for path in sorted(directory.glob("day=*/*.parquet")):
        rows += pyarrow.parquet.ParquetFile(path).read().to_pylist()
    return sorted(rows, key=lambda row: (row["segment"], row["position"]))


def name(day: int, number: int = 1) -> str:
    """Return the name of a file of the store, of a day in November 2026."""
    return f"day=2026-11-{day}/{STORE}-{number:010d}.parquet"
