"""The calls of a store to the system: recorded, made to fail, and stopped at a kill."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs

from tests.linelog.store.histories.stepping import SteppedClock
from tests.parts.disks import Crash
from tests.parts.powercut.image import Image
from tests.parts.powercut.recording import Kind, Operation

SYNCS = ("fdatasync", "fsync")
CHANGES = ("open", "writev", "pwrite", "ftruncate", "link", "rename", "unlink", *SYNCS)
USERS = ("logsrv.descriptor", "logsrv.linelog.store.")


@attrs.define
class Calls:
    """What the code under test does to the files below `root`, in one order.

    failing: for each name the errors of its next calls; 0 for a call that succeeds. room: bytes that still
    fit; None for a disk without an end. short: the most bytes that one writev takes. failed_sync: the
    number of operations at the last failed sync. failed: a call has failed. outside: the calls of the
    test's thread are its own.
    """

    root: Path
    clock: SteppedClock
    operations: list[Operation] = attrs.field(factory=list)
    failing: dict[str, list[int]] = attrs.field(factory=dict)
    room: int | None = None
    short: int | None = None
    failed_sync: int = -1
    failed: bool = False
    opened: set[int] = attrs.field(factory=set)
    outside: bool = False

    def begin_with(self, image: Image) -> None:
        """Record an image as files that are on the medium already."""
        self._note(Kind.MARK, path="there store")
        first: dict[int, str] = {}
        for path, node in image.entries.items():
            if not (self.root / path).is_file():
                continue
            if first.setdefault(node, path) != path:
                self._note(Kind.LINK, path=first[node], second=path)
                continue
            self._set_time(self.root / path)
            ino = (self.root / path).stat().st_ino
            self._note(Kind.CREATE, ino=ino, path=path)
            self._note(Kind.WRITE, ino=ino, path=path, data=(self.root / path).read_bytes())
            self._synced(self._note(Kind.SYNC, ino=ino, path=path), 0)
        self._synced(self._note(Kind.SYNC, path="store"), 0)

    def _note(self, kind: Kind, **how: Any) -> Operation:
        number = len(self.operations)
        whole = {"ino": 0, "offset": 0, "path": "", "second": "", "data": b"", "result": 0, **how}
        made = Operation(at=number, kind=kind, moment=0.0, process=0, **whole)
        self.operations.append(made)
        return made

    def _set_time(self, file: int | Path) -> None:
        moment = self.clock.time_of_day()
        os.utime(file, (moment, moment))

    def _synced(self, begun: Operation, result: int) -> None:
        self._note(Kind.SYNCED, ino=begun.ino, path=begun.path, offset=begun.at, result=result)

    def make(self, name: str, *args: Any, **how: Any) -> Any:
        """Make a call instead of `os.NAME`."""
        if self.outside and self.clock.is_driving():
            return getattr(os, name)(*args, **how)
        if self.clock.dead:
            raise Crash
        if name == "open":
            return self._open(*args, **how)
        if name != "close":
            self.clock.pause()
        if name not in SYNCS:
            self._fail(name)
        return getattr(self, f"_{'sync' if name in SYNCS else name}")(name, *args, **how)

    def _fail(self, name: str) -> None:
        errors = self.failing.get(name)
        if errors and (number := errors.pop(0)):
            self.failed = True
            raise OSError(number, os.strerror(number))

    def _path(self, fd: int, name: str = "") -> str:
        return os.path.relpath(os.path.join(os.readlink(f"/proc/self/fd/{fd}"), name), self.root)

    def _open(self, path: Any, flags: int, *args: Any, dir_fd: int | None = None) -> int:
        makes = bool(flags & os.O_CREAT) and dir_fd is not None
        if makes:
            self.clock.pause()
            self._fail("open")
            with suppress(FileNotFoundError):
                os.stat(path, dir_fd=dir_fd)
                makes = bool(flags & os.O_EXCL)
        fd: int = os.open(path, flags, *args, dir_fd=dir_fd)
        self.opened.add(fd)
        if makes and dir_fd is not None:
            self._set_time(fd)
            self._note(Kind.CREATE, ino=os.fstat(fd).st_ino, path=self._path(dir_fd, path))
        return fd

    def _close(self, _: str, fd: int) -> None:
        self.opened.discard(fd)
        os.close(fd)

    def _written(self, fd: int, offset: int, data: bytes) -> int:
        if self.room is not None:
            data = data[: self.room]
            if not data:
                self.failed = True
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= len(data)
        count: int = os.writev(fd, [data]) if offset < 0 else os.pwrite(fd, data, offset)
        at = os.fstat(fd).st_size - count if offset < 0 else offset
        self._set_time(fd)
        self._note(Kind.WRITE, ino=os.fstat(fd).st_ino, path=self._path(fd), offset=at, data=data)
        return count

    def _writev(self, _: str, fd: int, buffers: Sequence[Any]) -> int:
        data = b"".join(map(bytes, buffers))
        return self._written(fd, -1, data if self.short is None else data[: self.short])

    def _pwrite(self, _: str, fd: int, data: Any, offset: int) -> int:
        return self._written(fd, offset, bytes(data))

    def _ftruncate(self, _: str, fd: int, size: int) -> None:
        os.ftruncate(fd, size)
        self._set_time(fd)
        self._note(Kind.TRUNCATE, ino=os.fstat(fd).st_ino, path=self._path(fd), offset=size)

    def _sync(self, name: str, fd: int) -> None:
        begun = self._note(Kind.SYNC, ino=os.fstat(fd).st_ino, path=self._path(fd))
        # Others go on while the disk is at work.
        self.clock.pause()
        try:
            self._fail(name)
        except OSError:
            self._synced(begun, -1)
            self.failed_sync = len(self.operations)
            raise
        self._synced(begun, 0)

    def _link(self, _: str, old: str, new: str, *, src_dir_fd: int, **how: Any) -> None:
        os.link(old, new, src_dir_fd=src_dir_fd, **how)
        self._note(Kind.LINK, path=self._path(src_dir_fd, old), second=self._path(src_dir_fd, new))

    def _rename(self, _: str, old: str, new: str, *, src_dir_fd: int, **how: Any) -> None:
        os.rename(old, new, src_dir_fd=src_dir_fd, **how)
        self._note(
            Kind.RENAME, path=self._path(src_dir_fd, old), second=self._path(src_dir_fd, new)
        )

    def _unlink(self, _: str, name: str, *, dir_fd: int) -> None:
        os.unlink(name, dir_fd=dir_fd)
        self._note(Kind.UNLINK, path=self._path(dir_fd, name))

    @contextmanager
    def by_the_test(self) -> Iterator[None]:
        """Make the calls of a reader, which nothing fails and nobody records."""
        self.outside = True
        try:
            yield
        finally:
            self.outside = False

    def close_all(self) -> None:
        """Close what the code under test has open, as the system does when a process ends."""
        while self.opened:
            fd = self.opened.pop()
            with suppress(OSError):
                if os.readlink(f"/proc/self/fd/{fd}").startswith(str(self.root)):
                    os.close(fd)


class System:
    """`os`, but for the calls that `Calls` makes in its place. calls: returns the present ones."""

    def __init__(self, calls: Callable[[], Calls]) -> None:
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        if name == "urandom":
            return bytes
        if name not in (*CHANGES, "close"):
            return getattr(os, name)
        return lambda *args, **how: self._calls().make(name, *args, **how)


@contextmanager
def instead_of_os(calls: Callable[[], Calls]) -> Iterator[None]:
    """Let the modules of the store make their calls to the system by the present `Calls`."""
    system = System(calls)
    found = [
        module
        for name, module in list(sys.modules.items())
        if name.startswith(USERS) and getattr(module, "os", None) is os
    ]
    for module in found:
        module.os = system  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in found:
            module.os = os  # type: ignore[attr-defined]
