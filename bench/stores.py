"""A store with gigabytes of made-up text in sealed segments, and a few lines that are known to be in it.

Each segment is written as text, sealed by the code that the server runs, and its text removed: so no
more than one segment is on the disk uncompressed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import attrs

from bench.texts import pages
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments.segment import Form, Segment, save_number
from logsrv.memory import keep_freed_memory

WORD = "quetzalcoatl"
"""A word that no text has by itself; it is put into three lines."""
ABSENT = "xylophagous"
ADDRESS = "198.51.100.77"
"""An address of a block for documentation, put into five lines."""
_TRACE = re.compile(rb'"trace_id":"([0-9a-f]{32})"')


@attrs.frozen
class Made:
    """A store: its directory, the packed files, bytes of text, and the id of a line in the middle."""

    directory: Path
    files: tuple[Path, ...]
    text: int
    id: str

    @property
    def compressed(self) -> int:
        """Bytes of the packed files, without what lies beside them."""
        return sum(file.stat().st_size for file in self.files)


def make(directory: Path, segments: int, megabytes: int) -> Made:
    """Fill an empty directory with sealed segments of so many MiB each."""
    keep_freed_memory()
    directory.mkdir(parents=True)
    text = pages("mix")
    files, size, found = [], 0, b""
    disk = Disk().enter(directory)
    try:
        for number in range(1, segments + 1):
            segment = _plain(number)
            with (directory / segment.name).open("wb") as file:
                for place, page in enumerate(islice(text, megabytes)):
                    if (ids := _TRACE.findall(page)) and number == (segments + 1) // 2:
                        found = ids[len(ids) // 2]
                    file.write(page + b"".join(_planted(number, place, segments, megabytes)))
            size += (directory / segment.name).stat().st_size
            seal(segment, disk)
            files.append(directory / segment.packed)
        save_number(segments + 1, disk)
    finally:
        disk.leave()
    (directory / "current.log").touch()
    return Made(directory, tuple(files), size, found.decode())


def _plain(number: int) -> Segment:
    hours, minutes = divmod(number - 1, 60)
    return Segment(number, f"{number:010}-20261120T{hours:02}{minutes:02}00Z.log", Form.PLAIN)


def _planted(number: int, place: int, segments: int, megabytes: int) -> Iterator[bytes]:
    """Yield the lines that stand behind page `place` of a segment, all alike but for their words."""
    stamp = b"2026-11-20T06:18:42.123456Z tcp:10.1.2.3:40404 "
    if place == megabytes // 2 and number in (1, (segments + 1) // 2, segments):
        yield stamp + f"worker 7: {WORD} has left its perch\n".encode()
    if place == megabytes // 3 and number in {1 + segments * part // 5 for part in range(5)}:
        yield stamp + f"connection from {ADDRESS} refused\n".encode()
