"""The record of the operations of a daemon, its children and a test on a directory, in one order."""

import contextlib
import ctypes
import enum
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs

from logsrv.kit.testing.patience import PATIENCE

SOURCE = Path(__file__).with_name("shim.c")
# Seconds of a sync: most cuts of interest fall into the writes, renames and answers meanwhile.
SYNC_TAKES = 0.004
_HEAD = struct.Struct("=QQI4096s")
_HEAD_AT = 1024
_RECORD = struct.Struct("=IIqQQQIIII")


class Kind(enum.IntEnum):
    """The kinds of records, with the numbers of shim.c."""

    CREATE = 1
    MKDIR = 2
    LINK = 3
    RENAME = 4
    UNLINK = 5
    RMDIR = 6
    WRITE = 7
    TRUNCATE = 8
    SYNC = 9
    SYNCED = 10
    SEND = 11
    MARK = 12


@attrs.frozen
class Operation:
    """A record; `path` and `second` are relative to the root, "" for the root itself.

    at: its position in the record. offset: the offset of a WRITE; the size of a TRUNCATE; the peer's port
    of a SEND; the `at` of its SYNC of a SYNCED. moment: seconds of the monotonic clock.
    """

    at: int
    kind: Kind
    result: int
    moment: float
    ino: int
    offset: int
    process: int
    path: str
    second: str
    data: bytes

    def __str__(self) -> str:
        names = " ".join(filter(None, (self.path or ".", self.second)))
        size = f" {len(self.data)} bytes at {self.offset}" if self.data else ""
        return f"{self.kind.name.lower()} {names}{size}"


def build(directory: Path) -> Path:
    """Compile the shim into a directory. Raises OSError, CalledProcessError."""
    if sys.platform != "linux":
        raise OSError("the shim is for Linux")
    built = directory / "shim.so"
    if not built.exists():
        command = [
            "cc",
            "-O2",
            "-shared",
            "-fPIC",
            "-o",
            str(built),
            str(SOURCE),
            "-ldl",
            "-lpthread",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=5 * PATIENCE)
    return built


class Recording:
    """A record that is being made, of all operations below `root` by processes with its environment."""

    def __init__(self, root: Path, shim: Path, *, sync_takes: float = SYNC_TAKES) -> None:
        self.root = Path(os.path.realpath(root))
        self.path = self.root.with_name(f"{self.root.name}.record")
        # A server passes variables with these prefixes on to its processes: those that pack also write.
        self.environment = {"LD_PRELOAD": str(shim), "LD_POWERCUT_RECORD": str(self.path)}
        self._shim = ctypes.CDLL(str(shim))
        where = os.fsencode(self.path), os.fsencode(self.root)
        failed = self._shim.powercut_attach(*where, int(sync_takes * 1e6))
        assert not failed, "the record cannot be mapped"

    def mark(self, text: str) -> None:
        """Add a mark to the record."""
        self._shim.powercut_mark(text.encode())

    @contextlib.contextmanager
    def between_operations(self) -> Iterator[None]:
        """Block all operations meanwhile: a kill in this block falls between two records."""
        self._shim.powercut_lock()
        try:
            yield
        finally:
            self._shim.powercut_unlock()

    def fail(
        self, kind: Kind, pattern: str, error: int, *, skip: int = 0, times: int = 1,
        late: bool = False, place: int = 0,
    ) -> None:  # fmt: skip
        """Let calls on paths that match the pattern fail, after `skip` of them.

        A SYNC that fails is a failed write-back, and so is a WRITE that fails `late`, at a sync: each open
        file description gets the error once. place: number of the rule, 0 to 7; replaces the rule there.
        """
        place_and = (place, int(kind), pattern.encode(), skip, error, int(late), times)
        self._shim.powercut_rule(*place_and)

    def operations(self) -> list[Operation]:
        """Return the operations recorded so far."""
        return operations(self.path)

    def close(self) -> None:
        """Remove the file of the record."""
        self.path.unlink()


def copy(record: Path, to: Path) -> None:
    """Copy a record without the unused space after it."""
    with record.open("rb") as file:
        file.seek(_HEAD_AT)
        end = _HEAD.unpack(file.read(_HEAD.size))[0]
        file.seek(0)
        to.write_bytes(file.read(end))


def operations(record: Path) -> list[Operation]:
    """Return the operations of a record."""
    with record.open("rb") as file:
        file.seek(_HEAD_AT)
        end, start, _, root = _HEAD.unpack(file.read(_HEAD.size))
        file.seek(start)
        data = file.read(end - start)
    root = root.partition(b"\0")[0] + b"/"
    found, at = [], 0
    while at < len(data):
        size, kind, result, moment, ino, offset, process, *lengths = _RECORD.unpack_from(data, at)
        parts, place = [], at + _RECORD.size
        for length in lengths:
            parts.append(data[place : place + length])
            place += length
        path, second = (
            os.fsdecode((part + b"/").removeprefix(root)).rstrip("/") for part in parts[:2]
        )
        one = (start + at, Kind(kind), result, moment / 1e9, ino, offset, process)
        found.append(Operation(*one, path, second, parts[2]))
        at += size
    return found
