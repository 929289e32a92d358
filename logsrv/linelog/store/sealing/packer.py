"""The server's side of the packing processes (packing.py), which end after some idle minutes.

They are processes because a thread would share the interpreter's lock with the threads that receive lines.
Several segments are packed at once, large ones in their own processes; results are taken in order.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, NamedTuple

from logsrv.descriptor import Descriptor
from logsrv.kit.children.blocking import LOOK_EVERY, BlockingChild
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.segment_index import Index, decode_index
from logsrv.linelog.store.notes.erased import state_of_erasing
from logsrv.linelog.store.sealing import packing
from logsrv.linelog.store.sealing.seal import Interrupted, pack_here
from logsrv.linelog.store.segment import Form, Segment, sealed_segments, tmp

# Seconds. The process takes some 50 MB of memory, so it is ended when it was idle for longer than this.
LINGERS = 150.0
# Seconds. If a segment comes this soon after the one before, the next is expected soon: see `_hurry_level`.
OFTEN = 60.0
# Bytes. A smaller segment is packed in the server: that holds the interpreter's lock for 4 ms at most,
# while starting a process takes as much processor time as packing 20 MiB.
SMALL = 1 << 20


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
            before, files = _open_segment_before(segment, disk, undo)
            order = {"words": with_words, "before": before}
            files |= {segment.name: text, **made}
            found, body = self.pack_in_process(segment, files, going, order)
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
        order: Mapping[str, object],
    ) -> tuple[dict[str, Any], bytes]:
        """Let the process pack a segment; return its answer, and the bytes of the index.

        order: whether it makes words, and the segments before of which it has files. Raises OSError and
        Interrupted. An error ends the process, unless the process answered with it.
        """
        self._often = self._monotonic() - self._needed < OFTEN
        order = {**order, "segment": segment[:2], "files": list(files)}
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


def _open_segment_before(
    segment: Segment, disk: Disk, undo: contextlib.ExitStack
) -> tuple[list[tuple[int, str, str]], dict[str, int]]:
    """Open the files of the segment before; return it, and the descriptors. Nothing if it is not there.

    With it, lines that go on with its records are known when they are sealed.
    """
    with contextlib.suppress(OSError):
        for one in sealed_segments(disk):
            if one.number == segment.number - 1:
                names = [one.name, one.index] if one.form is Form.PACKED else [one.name]
                files = {
                    name: undo.enter_context(Descriptor(disk.open(name, os.O_RDONLY)))
                    for name in names
                }
                return [(one.number, one.name, one.form.value)], files
    return [], {}


class _BegunPacking(NamedTuple):
    """A packing under way. erased: the state of erasing (notes/erased.py) before it began."""

    made: Future[Index]
    since: float
    erased: bytes | None


class PackerPool:
    """Packs several large segments at once, and each small one in the caller's thread in its turn.

    waiting: returns how many segments are not packed yet; called in any thread. meanwhile: called every
    LOOK_EVERY seconds while `await_or_pack` waits. Belongs to one thread.
    """

    def __init__(
        self,
        disk: Disk,
        waiting: Callable[[], int],
        meanwhile: Callable[[], object],
        monotonic: Callable[[], float],
    ) -> None:
        self._disk, self._waiting, self._meanwhile = disk, waiting, meanwhile
        self._monotonic = monotonic
        self._packing: dict[Segment, _BegunPacking] = {}
        self._wanted = True
        self._all = [Packer(self._count_not_begun, monotonic)]
        self._free: SimpleQueue[Packer] = SimpleQueue()
        self._free.put(self._all[0])

    def _count_not_begun(self) -> int:
        return max(0, self._waiting() - max(1, len(self._packing)))

    @contextmanager
    def side_by_side(self, number: int) -> Iterator[Callable[..., None]]:
        """Give a function that begins to pack segments in `number` threads.

        Its arguments: segments in order, the first `number` of which it begins to pack; `going`, which
        returns false to stop; `with_words`, which gets the size of a segment. The end of the block stops
        the packing of segments for which `await_or_pack` was not called.
        """
        while len(self._all) < number:
            self._all.append(Packer(self._count_not_begun, self._monotonic))
            self._free.put(self._all[-1])
        self._wanted = True
        threads = ThreadPoolExecutor(number, "store-pack")

        def begin(
            segments: Sequence[Segment],
            going: Callable[[], bool],
            with_words: Callable[[int], bool],
        ) -> None:
            for one in segments[:number]:
                size = self._disk.size_or_zero(one.name)
                if one not in self._packing and size >= SMALL:
                    erased = state_of_erasing(self._disk)
                    made = threads.submit(self._pack_with_free_packer, one, going, with_words(size))
                    self._packing[one] = _BegunPacking(made, self._monotonic(), erased)

        try:
            yield begin
        finally:
            self._wanted = False
            threads.shutdown(cancel_futures=True)
            for one in self._packing:
                self._disk.unlink(tmp(one.packed))
                self._disk.unlink(tmp(one.words))
            self._packing.clear()

    def _pack_with_free_packer(
        self, segment: Segment, going: Callable[[], bool], with_words: bool
    ) -> Index:
        packer = self._free.get()
        try:
            return packer.pack(segment, self._disk, lambda: self._wanted and going(), with_words)
        finally:
            self._free.put(packer)

    def seconds_under_way(self, segment: Segment) -> float:
        """Return for how many seconds the packing of a segment has lasted; 0 if it has not begun."""
        begun = self._packing.get(segment)
        return 0.0 if begun is None else self._monotonic() - begun.since

    def await_or_pack(
        self, segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool
    ) -> Index:
        """Wait for a segment that was begun, or pack it here; return the index.

        Raises OSError and Interrupted.
        """
        if segment not in self._packing:
            return pack_here(segment, disk, going, with_words)
        made, _, erased = self._packing[segment]
        try:
            while not wait([made], LOOK_EVERY).done:
                with suppress(OSError):
                    self._meanwhile()
            if state_of_erasing(disk) == erased:
                return made.result()
            # Lines were erased meanwhile: it may have read them before. They are not erased from now on,
            # because the caller has the right to change the text.
            made.exception()
            return pack_here(segment, disk, going, with_words)
        finally:
            del self._packing[segment]

    def end_idle(self) -> None:
        """End the processes that were idle for `LINGERS` seconds."""
        for one in self._all:
            one.end_if_idle()

    def end_processes(self) -> None:
        """End all processes, even busy ones."""
        for one in self._all:
            one.end_process()
