"""Disks that fail when told to, and the few steps that every test of the store takes."""

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.batch import Batch, Block, Buffer
from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Position, Segment, sealed_name
from logsrv.linelog.store.store import Store

MOMENT = 1795155522.123456
STAMP = b"2026-11-20T06:18:42.123456Z tcp:127.0.0.1:51234 "


def no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_links() -> OSError:
    """What FAT and its like say to a second name."""
    return OSError(errno.EPERM, os.strerror(errno.EPERM))


class Hang:
    """A call of the disk that does not return before `go` is set. begun: it was made."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        self.go.wait(PATIENCE)


def batch(*lines: bytes) -> Batch:
    """A batch of these lines (without their LF)."""
    block = Block.of(b"".join(line + b"\n" for line in lines))
    return Batch(block, "tcp:127.0.0.1:51234", MOMENT)


def stored(*lines: bytes) -> bytes:
    """What `batch(*lines)` is on disk."""
    return b"".join(STAMP + line + b"\n" for line in lines)


async def write(store: Store, *lines: bytes) -> None:
    """Append lines, and wait until they are durable."""
    store.append(batch(*lines))
    await store.durable()


def plain_segment(directory: Path, text: bytes, number: int = 1) -> Segment:
    """A sealed segment with this text that waits to be compressed."""
    name = sealed_name(number, MOMENT)
    (directory / name).write_bytes(text)
    return Segment(number, name, Form.PLAIN)


def packed_segment(
    directory: Path, text: bytes, number: int = 1, *, with_words: bool = True
) -> Segment:
    """A compressed segment with this text, and its indexes."""
    plain = plain_segment(directory, text, number)
    seal(plain, at(directory), with_words=with_words)
    return Segment(number, plain.packed, Form.PACKED)


def text_of(directory: Path, told: list[str] | None = None) -> bytes:
    """All the text of a store that can be read, in order; what is damaged is told."""
    said: list[str] = [] if told is None else told
    view = View(str(directory), said.append)
    follower = Follower(view, Position(0, 0))
    text = b""
    while news := follower.read():
        text += news.text
    follower.close()
    view.close()
    return text


def at(directory: Path) -> Disk:
    """The real disk, in that directory."""
    return Disk().open_directory(directory)


def another_lock(directory: Path) -> int:
    """The descriptor of a lock file that another process, number 7, has put in the place of ours.

    There is no moment without a file, in which a store that runs would make and lock one.
    """
    fd = os.open(directory / "another", os.O_RDWR | os.O_CREAT)
    os.write(fd, b"7\n")
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (directory / "another").rename(directory / "lock")
    return fd


class FaultyDisk(Disk):
    """A real disk, but for what a test sets: all from any thread, at any time.

    errors: what a method of that name raises. room: how many more bytes fit. limit: how many bytes
    one `writev` takes. before: called at the start of a method of that name. calls: names, in order.
    synced: the inodes of the files that were synced, in order.
    """

    def __init__(self) -> None:
        self.errors: dict[str, Exception] = {}
        self.before: dict[str, Callable[[], object]] = {}
        self.room: int | None = None
        self.limit: int | None = None
        self.calls: list[str] = []
        self.most_buffers = 0
        self.synced: list[int] = []

    def _enter(self, name: str) -> None:
        self.calls.append(name)
        # Looked up once: a test may take it away meanwhile.
        if (before := self.before.get(name)) is not None:
            before()
        if (error := self.errors.get(name)) is not None:
            raise error

    def entries(self) -> dict[str, bool]:
        if (before := self.before.get("entries")) is not None:
            before()
        return super().entries()

    def create(self, name: str) -> int:
        self._enter("create")
        return super().create(name)

    def writev(self, fd: int, buffers: Sequence[Buffer]) -> int:
        self._enter("writev")
        self.most_buffers = max(self.most_buffers, len(buffers))
        limits = [limit for limit in (self.limit, self.room) if limit is not None]
        if not limits:
            return super().writev(fd, buffers)
        data = b"".join(buffers)[: min(limits)]
        if not data:
            raise no_space()
        if self.room is not None:
            self.room -= len(data)
        return super().writev(fd, [data])

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        self._enter("write_at")
        super().write_at(fd, data, offset)

    def fdatasync(self, fd: int) -> None:
        self._enter("fdatasync")
        super().fdatasync(fd)
        self.synced.append(os.fstat(fd).st_ino)

    def sync_directory(self) -> None:
        self._enter("sync_directory")
        super().sync_directory()

    def link(self, name: str, second: str) -> None:
        self._enter("link")
        super().link(name, second)

    def rename(self, old: str, new: str) -> None:
        self._enter("rename")
        super().rename(old, new)

    def unlink(self, name: str) -> None:
        self._enter("unlink")
        super().unlink(name)


class Crash(BaseException):
    """The process ends here, as far as the code under test can tell."""


class CrashingDisk(FaultyDisk):
    """A disk on which the process ends at call number `at` (from 0), before that call does anything."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._left = at

    def _enter(self, name: str) -> None:
        if self._left == 0:
            raise Crash(name)
        self._left -= 1
        super()._enter(name)


class Sender:
    """A producer that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")
