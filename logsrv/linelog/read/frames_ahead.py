"""Frames of archives, read ahead: several at once, because each costs a round trip.

Threads of the process that plans the search read them: a bucket's client does not survive a fork. The
searching processes get the frames through shared memory, in one slot for each task.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from struct import Struct
from tempfile import TemporaryFile

import zstandard

from logsrv.linelog.objects.reader_threads import AT_ONCE, ReaderThreads
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.texts import AwayFrames, clip_lines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.frames import LARGEST

# Frames that are read ahead at first: enough for the last lines of a store, or for a search for a rare
# word.
_FIRST = 8
_STRIDE = LARGEST + 4096
# The head of a slot: the offset of the text in its segment, and the size of the frame, which follows the
# head.
_HEAD = Struct("=QQ")


class FramesAhead:
    """The next frames of archives that a search needs."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._readers = ReaderThreads()
        self._memory = _create_shared_memory()
        self._free: list[int] = []
        self._slots = 0
        self._open: AwayFrames | None = None

    def tasks_when_read(self, planned: Iterator[ReadTask]) -> Iterator[ReadTask]:
        """Yield tasks in their order; a task of an archive comes when its frame has been read.

        A frame that cannot be read is reported to the view, and its task left out.
        """
        waiting: deque[tuple[ReadTask, Future[bytes] | None]] = deque()
        most = _FIRST
        task: ReadTask | None
        while True:
            # Hits of a local task may end the search, so nothing after that task is read yet.
            while len(waiting) < most and (not waiting or waiting[-1][1] is not None):
                task = next(planned, None)
                if task is None:
                    break
                waiting.append((task, self._start_reading(task)))
            if not waiting:
                return
            task, pending = waiting.popleft()
            if pending is None:
                yield task
                continue
            most = min(2 * most, AT_ONCE)
            try:
                frame = pending.result()
            except (ValueError, OSError) as error:
                self._view.report_damage(str(error))
                continue
            yield task._replace(slot=self._store_in_slot(frame))

    def _start_reading(self, task: ReadTask) -> Future[bytes] | None:
        """Start reading the frame of a task; None if its lines are on this machine."""
        if task.group:
            return None
        frames = self._open
        if frames is None or frames.number != task.segment:
            opened = self._view.open_whole_segment(task.segment)
            if not isinstance(opened, AwayFrames):
                if opened is not None:
                    opened.close()
                return None
            frames = self._open = opened
        archived, frame = frames, frames.frame_at(task.start)
        start, stop = archived.frame_bounds(frame)

        def read() -> bytes:
            packed = archived.read_packed_frame(frame, stop - start)
            return _HEAD.pack(start, len(packed)) + packed

        return self._readers.start(read)

    def _store_in_slot(self, frame: bytes) -> int:
        """Store a frame in the shared memory and return its slot, from 1 on."""
        if self._free:
            slot = self._free.pop()
        else:
            self._slots += 1
            slot = self._slots
        os.pwrite(self._memory, frame, slot * _STRIDE)
        return slot

    def release_slot(self, task: ReadTask) -> None:
        """Free the slot of a finished task."""
        if task.slot:
            self._free.append(task.slot)

    def task_texts(self, task: ReadTask) -> Iterator[tuple[int, bytes]]:
        """Yield the lines of a task that has a slot; works in every process of the search."""
        at = task.slot * _STRIDE
        start, size = _HEAD.unpack(os.pread(self._memory, _HEAD.size, at))
        text = zstandard.ZstdDecompressor().decompress(
            os.pread(self._memory, size, at + _HEAD.size)
        )
        yield from clip_lines(text, start, task.start, task.stop)

    def close(self) -> None:
        self._readers.close()
        os.close(self._memory)


def _create_shared_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("frames")
    with TemporaryFile() as file:
        return os.dup(file.fileno())
