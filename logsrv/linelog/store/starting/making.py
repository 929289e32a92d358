"""The right to make the files beside a sealed segment, which one process has at a time.

A server makes indexes, words and columns, and so do `logsrv reindex` and `logsrv doctor` beside it. Each
file has a temporary name until it is complete, the same for all of them: without this right, each would
remove the file of the other. It is a lock of the segment's text, which the kernel takes back from a process
that ends in any way. A sealing has it from its begin to its end, and so has `logsrv erase`, which changes
the text itself.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.disk import Disk

# Some network file systems have no locks, or none of files that are open for reading.
_NO_LOCKS = (errno.ENOLCK, errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
# Seconds between two attempts to get the right from another process.
_LOOK_EVERY = 0.05


class AnotherMakesFiles(BlockingIOError):
    """Another process has the right to make the files beside a segment.

    A process that cannot be started is a plain BlockingIOError, which is a fault.
    """


@contextlib.contextmanager
def right_to_make(text: int, *, wait: bool) -> Iterator[None]:
    """Have the right to make files beside a segment, whose open text is `text`.

    wait: whether to wait for another process that has it; else AnotherMakesFiles is raised. Raises OSError.
    """
    try:
        fcntl.flock(text, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise AnotherMakesFiles(error.errno, "another process makes it") from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    try:
        yield
    finally:
        # A child may have the same open file.
        with contextlib.suppress(OSError):
            fcntl.flock(text, fcntl.LOCK_UN)


@contextlib.contextmanager
def right_when_free(text: int, going: Callable[[], bool]) -> Iterator[bool]:
    """Have the right as soon as no other process has it; False if `going()` returned false before."""
    with contextlib.ExitStack() as undo:
        while True:
            try:
                undo.enter_context(right_to_make(text, wait=False))
            except AnotherMakesFiles:
                if not going():
                    yield False
                    return
                threading.Event().wait(_LOOK_EVERY)
            else:
                yield True
                return


def remove_unfinished(name: str, text: str, disk: Disk) -> None:
    """Remove a temporary file beside the segment with this text, unless a process is making it now.

    Raises OSError.
    """
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(FileNotFoundError):
            fd = undo.enter_context(Descriptor(disk.open(text, os.O_RDONLY)))
            try:
                undo.enter_context(right_to_make(fd, wait=False))
            except AnotherMakesFiles:
                return
        disk.unlink(name)
