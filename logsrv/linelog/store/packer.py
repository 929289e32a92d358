"""The server's side of the packing process, which ends after some idle minutes.

It is a process because a thread would share the interpreter's lock with the threads that receive lines.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from logsrv.descriptor import Descriptor
from logsrv.kit.children.blocking import BlockingChild
from logsrv.linelog.store import packing
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import Index, decode_index
from logsrv.linelog.store.seal import Interrupted, pack_here
from logsrv.linelog.store.segment import Segment, tmp

# Seconds. The process takes some 50 MB of memory, so it is ended when it was idle for longer than this.
LINGERS = 150.0
# Seconds. If a segment comes this soon after the one before, the next is expected soon: see `_hurry_level`.
OFTEN = 60.0


class Packer:
    """Packs segments in its own process. Belongs to one thread.

    waiting: returns how many other segments wait while one is packed. child: the running process, or None.
    monotonic: the monotonic clock.
    """

    def __init__(self, waiting: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self.waiting = waiting
        self._monotonic = monotonic
        self.child: BlockingChild | None = None
        self._needed = -OFTEN
        self._often = False

    def pack(
        self, segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool
    ) -> Index:
        """Do the same as `pack_here` in the process, or in this thread if the process does not start."""
        with contextlib.ExitStack() as undo:
            text = undo.enter_context(Descriptor(disk.open(segment.name, os.O_RDONLY)))
            packed, words = tmp(segment.packed), tmp(segment.words)
            made = {packed: undo.enter_context(Descriptor(disk.create_anew(packed)))}
            if with_words:
                with contextlib.suppress(OSError):
                    made[words] = undo.enter_context(Descriptor(disk.create_anew(words)))
            try:
                self.start_process()
            except OSError:
                return pack_here(segment, disk, going, with_words)
            files = {segment.name: text, **made}
            found, body = self.pack_in_process(segment, files, going, with_words)
            for name, fd in made.items():
                if name in found["not kept"]:
                    disk.unlink(name)
                elif not disk.leads_to(name, fd):
                    raise FileNotFoundError(
                        errno.ENOENT, "the temporary file was removed meanwhile"
                    )
            return decode_index(body)

    def end_if_idle(self) -> None:
        """End the process if it was idle for LINGERS seconds."""
        if self.child is not None and self._monotonic() - self._needed > LINGERS:
            self.end_process()

    def end_process(self) -> None:
        """End the process, even a busy one."""
        child, self.child = self.child, None
        if child is not None:
            child.kill()

    def start_process(self) -> None:
        """Start the process unless it runs. Raises OSError."""
        if self.child is None or not self.child.is_running:
            self.end_process()
            self.child = BlockingChild(packing.__name__)

    def pack_in_process(
        self,
        segment: Segment,
        files: Mapping[str, int],
        going: Callable[[], bool],
        with_words: bool,
    ) -> tuple[dict[str, Any], bytes]:
        """Let the process pack a segment; return its answer, and the bytes of the index.

        Raises OSError and Interrupted. An error ends the process, unless the process answered with it.
        """
        self._often = self._monotonic() - self._needed < OFTEN
        order = {"segment": segment[:2], "words": with_words, "files": list(files)}
        assert self.child is not None
        hurry_sent = self._hurry_level()
        try:
            self.child.send({**order, "hurry": hurry_sent}, list(files.values()))
            while (answer := self.child.receive()) is None:
                if not going():
                    raise Interrupted
                if (hurry := self._hurry_level()) != hurry_sent:
                    hurry_sent = hurry
                    self.child.send({"hurry": hurry_sent})
        except BaseException:
            self.end_process()
            raise
        head, _, body = answer.partition(b"\n")
        found = json.loads(head)
        if "errno" in found:
            raise OSError(found["errno"], os.strerror(found["errno"]))
        self._needed = self._monotonic()
        return found, body

    def _hurry_level(self) -> int:
        """Return 2 if another segment waits, 1 if one is expected soon, else 0."""
        return 2 if self.waiting() else int(self._often)
