"""Stores with gigabytes of made-up text in sealed segments, and a few known lines in them.

Each segment is written as text, and sealed by the server's code, which removes the text: so only one
segment at a time is on the disk uncompressed.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import attrs
import numpy

from bench.texts import EPOCH, Kind, pages
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment, save_number, sealed_name
from logsrv.memory import keep_freed_memory

WORD = "quetzalcoatl"
"""A word that the made-up text never has; it is put into three lines."""
ABSENT = "xylophagous"
ADDRESS = "198.51.100.77"
"""An address reserved for documentation (RFC 5737), put into five lines."""
_LINE = b"2026-11-20T06:18:42.123456Z tcp:10.1.2.3:40404 "
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
        """Return the bytes of the packed files, without their indexes."""
        return sum(file.stat().st_size for file in self.files)


def make(
    directory: Path,
    segments: int,
    megabytes: int,
    kind: str | Sequence[Kind] = "mix",
    step: int = 400_000,
) -> Made:
    """Fill a new directory with sealed segments of `megabytes` MiB each, of a kind of text.

    step: microseconds from a MiB to the next.
    """
    keep_freed_memory()
    directory.mkdir(parents=True)
    text = pages(kind, step=step)
    files, size, found = [], 0, b""
    disk = Disk().open_directory(directory)
    try:
        for number in range(1, segments + 1):
            begin = (EPOCH + (number - 1) * megabytes * step) / 1e6
            segment = Segment(number, sealed_name(number, begin), Form.PLAIN)
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
        disk.close()
    (directory / "current.log").touch()
    return Made(directory, tuple(files), size, found.decode())


class _Unsynced(Disk):
    """A directory whose files are not synced: they need not survive a power cut."""

    def fdatasync(self, fd: int) -> None:
        """Do nothing."""

    def sync_directory(self) -> None:
        """Do nothing."""


def make_small(directory: Path, segments: int, kilobytes: int = 50) -> None:
    """Fill a new directory with sealed segments of `kilobytes` KiB of text, one for each minute.

    The last is of the minute before `EPOCH`. The times of lines and files agree with the names. `WORD` is
    in one line, in the middle segment.
    """
    directory.mkdir(parents=True)
    disk = _Unsynced().open_directory(directory)
    try:
        for number, text in zip(range(1, segments + 1), _slices(kilobytes << 10), strict=False):
            minute = EPOCH // 60_000_000 - segments + number - 1
            segment = Segment(number, sealed_name(number, minute * 60.0), Form.PLAIN)
            with (directory / segment.name).open("wb") as file:
                file.write(_of_minute(text, minute))
                if number == (segments + 1) // 2:
                    file.write(_of_minute(_LINE + f"worker 7: {WORD} is gone\n".encode(), minute))
            os.utime(directory / segment.name, (minute * 60 + 59, minute * 60 + 59))
            # Without word indexes, which the server does not keep for small texts either.
            seal(segment, disk, with_words=False)
        save_number(segments + 1, disk)
    finally:
        disk.close()
    (directory / "current.log").touch()


def _slices(size: int) -> Iterator[bytes]:
    """Yield texts of whole lines of about `size` bytes, all different, without end."""
    for page in pages("mix"):
        while page:
            end = page.find(b"\n", size) + 1 or len(page)
            yield page[:end]
            page = page[end:]


def _of_minute(text: bytes, minute: int) -> bytes:
    """Return the text with the times of its lines replaced by rising times of this minute."""
    whole = numpy.frombuffer(text, numpy.uint8).copy()
    starts = numpy.concatenate(([0], numpy.flatnonzero(whole == ord("\n"))[:-1] + 1))
    moments = minute * 60_000_000 + numpy.arange(len(starts)) * 60_000_000 // len(starts)
    stamps = numpy.datetime_as_string(moments.astype("datetime64[us]")).astype("S26")
    whole[starts[:, None] + numpy.arange(26)] = stamps.view(numpy.uint8).reshape(-1, 26)
    return whole.tobytes()


def _planted(number: int, place: int, segments: int, megabytes: int) -> Iterator[bytes]:
    """Yield the known lines to add after page `place` of a segment."""
    if place == megabytes // 2 and number in (1, (segments + 1) // 2, segments):
        yield _LINE + f"worker 7: {WORD} has left its perch\n".encode()
    if place == megabytes // 3 and number in {1 + segments * part // 5 for part in range(5)}:
        yield _LINE + f"connection from {ADDRESS} refused\n".encode()


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a store of many small segments."""
    parser = argparse.ArgumentParser(description="Make a store of many small segments.")
    parser.add_argument("--directory", type=Path, required=True, help="is made")
    parser.add_argument("--segments", type=int, default=20_000)
    parser.add_argument("--kilobytes", type=int, default=50, help="of text in each, in KiB")
    given = parser.parse_args(arguments)
    make_small(given.directory, given.segments, given.kilobytes)


if __name__ == "__main__":
    main()
