"""The file `erasing`: what an erase is about to overwrite, so that another process can finish it.

It is on the medium before a byte of a text is changed, and is removed when all is done. It has positions of
lines, never their text, and no words of the query:

    {"time":…,"reason":…,"by":…,"lines":2,"records":0,"runs":{"17":1},"size":24,"crc":…} 561bacaf
    the runs, packed: of each segment in order, begin and end of neighbouring lines, as offsets

To overwrite a run again changes nothing, so a plan may be carried out any number of times. Its process has
a lock on the file: one erase at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping

import attrs

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.checksums import json_then_checksum, read_json_then_checksum
from logsrv.kit.text.words import fault_text
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.segment_index import require_count
from logsrv.linelog.store.lock import EXCLUSIVE
from logsrv.linelog.store.segment import ERASING, TRIES

NAME = ERASING
_PAIR, _OFFSET = 2, 8


class Runs:
    """Lines of a segment in order, as runs of neighbours: the offsets where each begins and ends."""

    def __init__(self, offsets: array[int] | None = None) -> None:
        self.offsets = array("Q") if offsets is None else offsets

    def add(self, start: int, end: int) -> None:
        """Add a line; it begins at or after the end of the last one, or is known already."""
        found = self.offsets
        if found and start < found[-1]:
            found[-1] = max(found[-1], end)
        elif found and start == found[-1]:
            found[-1] = end
        else:
            found.extend((start, end))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield begin and end of each run."""
        return zip(self.offsets[::2], self.offsets[1::2], strict=True)

    def __len__(self) -> int:
        return len(self.offsets) // _PAIR

    def has(self, offset: int) -> bool:
        """Return whether the line that begins at an offset is in a run."""
        return bool(bisect_right(self.offsets, offset) % _PAIR)

    @property
    def span(self) -> tuple[int, int]:
        """Begin of the first run, and end of the last one."""
        return self.offsets[0], self.offsets[-1]


@attrs.frozen
class ErasePlan:
    """The lines to overwrite, by segment, and what the file `erased` says of it in the end."""

    time: str
    reason: str
    by: str
    lines: int
    records: int
    runs: Mapping[int, Runs]

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        body = zlib.compress(b"".join(_little_endian(one.offsets) for one in self.runs.values()))
        head = {
            "time": self.time,
            "reason": self.reason,
            "by": self.by,
            "lines": self.lines,
            "records": self.records,
            "runs": {str(number): len(one) for number, one in self.runs.items()},
            "size": len(body),
            "crc": zlib.crc32(body),
        }
        return json_then_checksum(head) + body


def parse_plan(data: bytes) -> ErasePlan:
    """Return the plan in the content of a file. Raises ValueError for half a file, or a senseless one."""
    line, _, body = data.partition(b"\n")
    found = read_json_then_checksum(line + b"\n")
    try:
        if len(body) != found["size"] or zlib.crc32(body) != found["crc"]:
            raise ValueError("it is damaged: its runs have another checksum")
        counts = {int(number): require_count(count) for number, count in found["runs"].items()}
        said = {name: found[name] for name in ("time", "reason", "by", "lines", "records")}
        offsets = _unpacked(body, _PAIR * sum(counts.values()))
    except (AttributeError, KeyError, TypeError, OverflowError, zlib.error) as error:
        raise ValueError(f"it is no plan of an erase: {fault_text(error)}") from error
    runs, at = {}, 0
    for number, count in counts.items():
        runs[number] = Runs(offsets[at : at + _PAIR * count])
        at += _PAIR * count
    return ErasePlan(runs=runs, **said)


def _unpacked(body: bytes, count: int) -> array[int]:
    """Return so many offsets. Raises ValueError if there are others, and zlib.error."""
    # No more is unpacked than that, whatever is in the file.
    text = zlib.decompressobj().decompress(body, _OFFSET * count + 1)
    if len(text) != _OFFSET * count:
        raise ValueError("it has another number of runs than it says")
    offsets = array("Q", text)
    if sys.byteorder != "little":
        offsets.byteswap()
    return offsets


def _little_endian(offsets: array[int]) -> bytes:
    if sys.byteorder != "little":
        offsets = array("Q", offsets)
        offsets.byteswap()
    return offsets.tobytes()


class PlanFile:
    """The file while this process has its lock."""

    def __init__(self, disk: Disk, fd: int) -> None:
        self._disk, self._fd = disk, fd

    def read(self) -> ErasePlan | None:
        """Return the plan of an erase that was interrupted; None if it had not begun. Raises OSError."""
        data = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        try:
            return parse_plan(data) if data else None
        except ValueError:
            # A plan is on the medium, whole, before anything is overwritten.
            return None

    def write(self, plan: ErasePlan) -> None:
        """Write a plan to the medium. Raises OSError."""
        os.ftruncate(self._fd, 0)
        self._disk.write(self._fd, plan.to_bytes())
        self._disk.fdatasync(self._fd)
        self._disk.sync_directory()

    def remove(self) -> None:
        """Remove the file, when all is on the medium. Raises OSError."""
        self._disk.unlink(NAME)
        self._disk.sync_directory()


@contextlib.contextmanager
def locked_plan(disk: Disk, wait: Callable[[], None] | None = None) -> Iterator[PlanFile]:
    """Have the right to erase, and the file; without a plan it goes at the end.

    wait: called before this waits for the end of another erase; without it, another one raises StoreError.
    Raises OSError.
    """
    for _ in range(TRIES):
        with Descriptor(disk.open(NAME, os.O_RDWR | os.O_CREAT | os.O_APPEND)) as fd:
            try:
                fcntl.flock(fd, EXCLUSIVE)
            except BlockingIOError:
                if wait is None:
                    raise StoreError(
                        f"another erase is under way in {disk.directory}: wait for its end"
                    ) from None
                wait()
                fcntl.flock(fd, fcntl.LOCK_EX)
            if not disk.leads_to(NAME, fd):
                # Another process has ended its erase meanwhile.
                continue
            file = PlanFile(disk, fd)
            try:
                yield file
            finally:
                if disk.leads_to(NAME, fd) and file.read() is None:
                    file.remove()
            return
    raise StoreError(f"{disk.path(NAME)} is replaced all the time")


def is_unfinished(disk: Disk) -> bool:
    """Return whether an erase was interrupted, and no process carries it out. Raises OSError."""
    try:
        fd = disk.open(NAME, os.O_RDONLY)
    except FileNotFoundError:
        return False
    with Descriptor(fd):
        try:
            fcntl.flock(fd, EXCLUSIVE)
        except BlockingIOError:
            return False
        return PlanFile(disk, fd).read() is not None
