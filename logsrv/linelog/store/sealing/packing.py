"""Packing a large segment in a process of its own, beside the server that writes.

    python -P -m logsrv.linelog.store.sealing.packing ORDER

A thread of the lowest priority would share the interpreter's lock with who takes lines in, and while it
has the lock and no processor, nobody goes on. The process knows no directory and no names: it is handed
open files, which nobody else writes to, so one that outlives its server can do no harm. It ends when its
standard input does.

ORDER is JSON: the number and the name of the segment, whether there are to be words, and the descriptors
of files by their names. The answer is a line of JSON, the names that are not to be kept or what went
wrong, and behind it the index.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from select import select

from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.sealing.seal import Interrupted, pack_here
from logsrv.linelog.store.segments.index import Index, decode
from logsrv.linelog.store.segments.indexing import encode
from logsrv.linelog.store.segments.segment import Form, Segment, tmp
from logsrv.memory import keep_freed_memory

# The start of a process takes as much CPU time as packing 20 MiB.
SMALL = 16 << 20
LOOK_EVERY = 0.1
LOWEST = 19


def pack_beside(segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool) -> Index:
    """Do what `pack_here` does in another process, if it is worth one and can be started."""
    with contextlib.ExitStack() as undo:
        text = disk.open(segment.name, os.O_RDONLY)
        undo.callback(os.close, text)
        if os.fstat(text).st_size < SMALL:
            return pack_here(segment, disk, going, with_words)
        made = {tmp(segment.packed): disk.create_anew(tmp(segment.packed))}
        undo.callback(os.close, made[tmp(segment.packed)])
        if with_words:
            with contextlib.suppress(OSError):
                made[tmp(segment.words)] = disk.create_anew(tmp(segment.words))
                undo.callback(os.close, made[tmp(segment.words)])
        # The process has the other end: it is closed when this one ends, however.
        stdin, held = os.pipe()
        undo.callback(os.close, held)
        try:
            files = {segment.name: text, **made}
            order = json.dumps([segment.number, segment.name, with_words, files])
            process = started(order, stdin, files.values())
        except OSError:
            return pack_here(segment, disk, going, with_words)
        finally:
            os.close(stdin)
        said, complaints = answer(process, going)
        head, _, body = said.partition(b"\n")
        if process.returncode or not head:
            why = complaints.decode(errors="replace").strip().rpartition("\n")[2]
            raise OSError(errno.EIO, f"its process has ended: {why or process.returncode}")
        found = json.loads(head)
        if "errno" in found:
            raise OSError(found["errno"], os.strerror(found["errno"]))
        for name, fd in made.items():
            if name in found["not kept"]:
                disk.unlink(name)
            elif not disk.belongs(name, fd):
                raise FileNotFoundError(errno.ENOENT, "the temporary file was removed meanwhile")
        return decode(body)


def started(order: str, stdin: int, files: Iterable[int]) -> subprocess.Popen[bytes]:
    """Start the process that packs. order: JSON for its command line. files: what it inherits."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, order],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=tuple(files),
        # Ctrl-C is for the server, which ends this one.
        start_new_session=True,
    )


def answer(process: subprocess.Popen[bytes], going: Callable[[], bool]) -> tuple[bytes, bytes]:
    """Return what it says, and complains of, when it has ended. Raises Interrupted."""
    with process:
        try:
            while True:
                try:
                    return process.communicate(timeout=LOOK_EVERY)
                except subprocess.TimeoutExpired:
                    if not going():
                        raise Interrupted from None
        finally:
            process.kill()


class HandedDisk(Disk):
    """Files that somebody else has opened, by their names; `removed` are those that are not to be kept."""

    def __init__(self, files: Mapping[str, int]) -> None:
        self._files = files
        self.removed: list[str] = []

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor of the file that was handed over."""
        return os.dup(self._files[name])

    def create_anew(self, name: str) -> int:
        """Return a descriptor of the file that was made for this. Raises OSError if there is none."""
        if name not in self._files:
            raise FileNotFoundError(errno.ENOENT, "nobody has made it", name)
        return os.dup(self._files[name])

    def belongs(self, name: str, fd: int) -> bool:
        """Return true: who has made the file looks at its name."""
        return True

    def unlink(self, name: str) -> None:
        """Note that the file is not to be kept."""
        self.removed.append(name)


def main(arguments: list[str]) -> int:
    """Pack a segment and say how; return the exit status."""
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST)
    keep_freed_memory()
    number, name, with_words, files = json.loads(arguments[0])
    disk = HandedDisk(files)
    body = b""
    try:
        made = pack_here(Segment(number, name, Form.PLAIN), disk, has_server, with_words)
        found: dict[str, object] = {"not kept": disk.removed}
        body = encode(made)
    except Interrupted:
        return 1
    except OSError as error:
        found = {"errno": error.errno or errno.EIO}
    sys.stdout.buffer.write(json.dumps(found).encode() + b"\n" + body)
    return 0


def has_server() -> bool:
    """Return whether the server that has started this process still runs."""
    return not select([sys.stdin], [], [], 0)[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
