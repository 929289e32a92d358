"""Small files that options name: read in bounded time, looked at, made anew; nothing here blocks."""

from __future__ import annotations

import os
import select
import stat
import time
from pathlib import Path

from logsrv.descriptor import Descriptor

# Seconds that the writer of a pipe may take to begin, and between two writes.
PIPE_SECONDS = 10.0
# Names of what a process has open: as long as it is open, and something else in a daemon.
DESCRIPTORS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
CHUNK = 64 * 1024

# The mark of a file: when it was saved, its size, its inode; it changes with every save.
Mark = tuple[int, int, int]


def read_file(path: Path, largest: int, *, pipe: bool = False) -> bytes:
    """Return what is in a file of at most `largest` bytes.

    A regular file, or the null device. pipe: also what can be read but once, such as `<(…)` of a shell;
    it is waited for, so never while a reactor runs.
    Raises ValueError with what is wrong with it, to follow its name: "is a directory".
    """
    if not pipe and names_descriptor(path):
        raise ValueError("cannot be read again at a reload")
    try:
        # To open some devices is to use them: a watchdog starts, a tape rewinds.
        _check(os.stat(path), pipe)
        # A FIFO that nobody writes into would keep a plain open waiting.
        with Descriptor(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as descriptor:
            found = os.fstat(descriptor)
            _check(found, pipe)
            return _read(descriptor, largest, patient=stat.S_ISFIFO(found.st_mode))
    except OSError as error:
        raise ValueError((error.strerror or "unreadable").lower()) from error


def names_descriptor(path: Path) -> bool:
    """Return whether a path is a name of something that is open already, and in no directory."""
    return str(path).startswith(DESCRIPTORS)


def mark_of(path: str | Path) -> Mark | None:
    """Return how a file looks now: another one when it was saved since; None if it cannot be found."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that is not there yet. Raises OSError.

    It is made with its mode: there is no moment in which others can read a key. It is there with all
    of `data` or not at all, also on a full disk.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError:
        path.unlink()
        raise


def _check(found: os.stat_result, pipe: bool) -> None:
    """Raise ValueError for what cannot be read."""
    mode = found.st_mode
    if stat.S_ISFIFO(mode):
        if not pipe:
            raise ValueError("is a pipe, which cannot be read again at a reload")
    elif stat.S_ISDIR(mode):
        raise ValueError("is a directory, not a file")
    elif stat.S_ISSOCK(mode):
        raise ValueError("is a socket, not a file")
    elif not stat.S_ISREG(mode) and found.st_rdev != os.stat(os.devnull).st_rdev:
        raise ValueError("is a device, not a file")


def _read(descriptor: int, largest: int, *, patient: bool) -> bytes:
    data = bytearray()
    deadline = time.monotonic() + PIPE_SECONDS
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        # A slow drip counts as silence.
        if patient and not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise ValueError(f"is a pipe from which not all came within {PIPE_SECONDS:g} s")
        chunk = os.read(descriptor, min(CHUNK, largest + 1 - len(data)))
        data += chunk
        if len(data) > largest:
            raise ValueError(f"is larger than {_size(largest)}")
        if not chunk:
            return bytes(data)


def _size(number: int) -> str:
    for unit, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
        if number % unit == 0:
            return f"{number // unit} {name}"
    return f"{number} bytes"
