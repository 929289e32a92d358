"""Packing of several segments at once, large ones in their own processes; results are taken in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import NamedTuple

from logsrv.kit.children.blocking import LOOK_EVERY
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.packer import Packer
from logsrv.linelog.store.seal import pack_here
from logsrv.linelog.store.segment import Segment, tmp

# Bytes. A smaller segment is packed in the server: that holds the interpreter's lock for 4 ms at most,
# while starting a process takes as much processor time as packing 20 MiB.
SMALL = 1 << 20


class _BegunPacking(NamedTuple):
    made: Future[Index]
    since: float


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
                    made = threads.submit(self._pack_with_free_packer, one, going, with_words(size))
                    self._packing[one] = _BegunPacking(made, self._monotonic())

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
        made = self._packing[segment].made
        try:
            while not wait([made], LOOK_EVERY).done:
                with suppress(OSError):
                    self._meanwhile()
            return made.result()
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
