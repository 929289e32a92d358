"""The packing process as the server sees it: started when it is needed, and there for some minutes more.

A thread of this process that packed would share the interpreter's lock with who takes lines in.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from logsrv.kit.children.child import shared_environment
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.sealing import packing
from logsrv.linelog.store.sealing.seal import Interrupted, pack_here
from logsrv.linelog.store.segments.index import Index, decode
from logsrv.linelog.store.segments.segment import Segment, tmp

# A segment of at most a frame or so is packed in the server: that holds the interpreter's lock for 4 ms at
# most, and a process takes as much processor time to start as packing 20 MiB.
SMALL = 1 << 20
LOOK_EVERY = 0.1
# The process has some 50 MB, so one that is not needed goes.
LINGERS = 150.0
# A segment within so many seconds of the one before: the next is expected before this one is packed.
OFTEN = 60.0


class Packer:
    """Packs in a process of its own, where a segment is worth that.

    waiting: returns how many segments wait behind the one that is packed. process: the one that there is.
    Belongs to one thread.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self.waiting = waiting
        self.process: subprocess.Popen[bytes] | None = None
        self._connection: Any = None
        self._needed = -OFTEN
        self._often = False

    def pack(
        self, segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool
    ) -> Index:
        """Do what `pack_here` does in the process, if that is worth it and it can be started."""
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
            try:
                self.start()
            except OSError:
                return pack_here(segment, disk, going, with_words)
            order = {"segment": segment[:2], "words": with_words}
            found, body = self.packed(order, {segment.name: text, **made}, going)
            for name, fd in made.items():
                if name in found["not kept"]:
                    disk.unlink(name)
                elif not disk.belongs(name, fd):
                    raise FileNotFoundError(
                        errno.ENOENT, "the temporary file was removed meanwhile"
                    )
            return decode(body)

    def rest(self) -> None:
        """End the process if it was not needed for a while."""
        if self.process is not None and monotonic() - self._needed > LINGERS:
            self.end()

    def end(self) -> None:
        """End the process, whatever it does."""
        process, self.process = self.process, None
        if process is not None:
            self._connection.close()
            process.kill()
            with process:
                pass

    def start(self) -> None:
        """Start the process unless it is there. Raises OSError."""
        if self.process is not None and self.process.poll() is None:
            return
        self.end()
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as undo, theirs:
            undo.callback(ours.close)
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", packing.__name__],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                # Its threads take turns: what one has freed is for the next.
                env={**shared_environment(), "MALLOC_ARENA_MAX": "1"},
                # Ctrl-C is for the server. A session of its own would be one to the scheduler as well,
                # in which nobody else is for it to be nice to.
                process_group=0,
            )
            undo.pop_all()
        ours.settimeout(LOOK_EVERY)
        self._connection = ours

    def packed(
        self, order: dict[str, object], files: dict[str, int], going: Callable[[], bool]
    ) -> tuple[dict[str, Any], bytes]:
        """Return what is said of a segment that was packed, and its index.

        Raises OSError and Interrupted; then there is no process any more, unless it says what went wrong.
        """
        self._often = monotonic() - self._needed < OFTEN
        try:
            found, body = self._answer({**order, "files": list(files)}, list(files.values()), going)
        except BaseException:
            self.end()
            raise
        self._needed = monotonic()
        if "errno" in found:
            raise OSError(found["errno"], os.strerror(found["errno"]))
        return found, body

    def _answer(
        self, order: dict[str, object], files: list[int], going: Callable[[], bool]
    ) -> tuple[dict[str, Any], bytes]:
        said, told = b"", self._hurry()
        try:
            self._tell({**order, "hurry": told}, files)
            while going():
                with contextlib.suppress(TimeoutError):
                    data = self._connection.recv(1 << 20)
                    if not data:
                        raise ConnectionError
                    said += data
                    head, _, body = said.partition(b"\n")
                    if body or said.endswith(b"\n"):
                        found: dict[str, Any] = json.loads(head)
                        if len(body) == found["size"]:
                            return found, body
                    continue
                if (hurry := self._hurry()) != told:
                    told = hurry
                    self._tell({"hurry": told}, [])
        except ConnectionError:
            raise OSError(errno.EIO, f"its process has ended: {self._complaint()}") from None
        raise Interrupted

    def _hurry(self) -> int:
        """Return 2 if another segment waits, 1 if one is about to, else 0."""
        return 2 if self.waiting() else int(self._often)

    def _tell(self, said: dict[str, object], files: list[int]) -> None:
        socket.send_fds(self._connection, [json.dumps(said).encode() + b"\n"], files)

    def _complaint(self) -> str:
        """Return how the process ended, or its last words."""
        assert self.process is not None and self.process.stderr is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        self.process.kill()
        words = self.process.stderr.read().decode(errors="replace").strip()
        return words.rpartition("\n")[2] or str(self.process.wait())
