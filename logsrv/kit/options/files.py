"""Small files that options name: read, checked for changes, created. No file or device can block a read."""

from __future__ import annotations

import os
import select
import stat
import time
from codecs import BOM_UTF8
from pathlib import Path

from logsrv.descriptor import Descriptor

# Seconds that the writer of a pipe may take for all of it; then the file is refused.
PIPE_SECONDS = 10.0
# Paths that name open files of the process that opens them: in a daemon they are other files.
DESCRIPTORS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
CHUNK = 64 * 1024

# The mark of a file: its time of change in ns, size in bytes and inode. It changes with every save.
FileFingerprint = tuple[int, int, int]


def read_file(path: Path, largest: int, *, pipe: bool = False) -> bytes:
    """Return the contents of a file of at most `largest` bytes, without a byte order mark in front.

    It is a regular file, or the null device.

    pipe: whether to accept a pipe too, such as `<(…)` of a shell. It can be read only once, and the read
    waits for its writer, so this is not for a running reactor. Raises ValueError with a phrase to follow
    the file's name, such as "is a directory, not a file".
    """
    if not pipe and names_descriptor(path):
        raise ValueError("cannot be read again at a reload")
    try:
        # Checked before the open, because opening some devices uses them: a tape rewinds.
        _check_readable_kind(os.stat(path), pipe)
        # A plain open of a FIFO without a writer would wait.
        with Descriptor(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as descriptor:
            found = os.fstat(descriptor)
            _check_readable_kind(found, pipe)
            contents = _read_descriptor(descriptor, largest, patient=stat.S_ISFIFO(found.st_mode))
            # Some editors write a byte order mark at the start of a UTF-8 file.
            return contents.removeprefix(BOM_UTF8)
    except OSError as error:
        raise ValueError((error.strerror or "unreadable").lower()) from error


def names_descriptor(path: Path) -> bool:
    """Return whether a path names an open file of this process, such as `/dev/stdin`."""
    return str(path).startswith(DESCRIPTORS)


def file_fingerprint(path: str | Path) -> FileFingerprint | None:
    """Return the fingerprint of a file, which differs after each save; None if the file cannot be found."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def create_file(path: Path, data: bytes, mode: int) -> None:
    """Create a file. Raises OSError, also if it exists.

    It is created with its mode, so that others cannot read a key even for a moment. After an error, such as
    a full disk, there is no file.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
    except OSError:
        path.unlink()
        raise


def _check_readable_kind(found: os.stat_result, pipe: bool) -> None:
    """Raise ValueError for a file that cannot be read safely."""
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


def _read_descriptor(descriptor: int, largest: int, *, patient: bool) -> bytes:
    data = bytearray()
    deadline = time.monotonic() + PIPE_SECONDS
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        # The deadline is for the whole pipe: a writer must not keep it open by a byte now and then.
        if patient and not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise ValueError(f"is a pipe from which not all came within {PIPE_SECONDS:g} s")
        chunk = os.read(descriptor, min(CHUNK, largest + 1 - len(data)))
        data += chunk
        if len(data) > largest:
            raise ValueError(f"is larger than {_size_text(largest)}")
        if not chunk:
            return bytes(data)


def _size_text(number: int) -> str:
    for unit, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
        if number % unit == 0:
            return f"{number // unit} {name}"
    return f"{number} bytes"
