"""Reading segments whose text is only in an archive: frame by frame, verified with the manifest.

Several reads of an archive go on at the same time, because each is a round trip for a few bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from hashlib import sha256
from queue import SimpleQueue
from typing import Any, TypeVar

from logsrv.linelog.store import index
from logsrv.linelog.store.archive.archive_notes import local_manifest
from logsrv.linelog.store.archive.manifest import Manifest, frame_checksum, object_name
from logsrv.linelog.store.archive.objects import Archive, ArchiveError, ChangedObject
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.segment import Segment

T = TypeVar("T")
AT_ONCE = 32
# Bytes of stack for each thread: little, because a search for the web page may reserve little memory.
_STACK = 1 << 20


class ArchivedText:
    """The text of a segment that is in an archive only.

    Each method raises ValueError, with a sentence, if no archive has the requested part unchanged.
    """

    def __init__(
        self, manifest: Manifest, sources: Sequence[Archive], load: Callable[[], Index]
    ) -> None:
        """sources: the archives to read from. load: reads the store's own index, as `index.load` does."""
        self._manifest = manifest
        self._sources = sources
        self._load = load

    @property
    def place(self) -> str:
        """The address of the text, for messages."""
        where = self._sources[0].place if self._sources else "an archive that is not known here"
        return f"{where}/{object_name(self._manifest.store, self._manifest.segment.name)}"

    @property
    def size(self) -> int:
        """The bytes of the compressed text."""
        return self._manifest.packed_file.size

    def index(self) -> Index:
        """Return the index of its frames: the store's own, or if that is unusable, the archive's."""
        # If it is unusable, the archive has the index as well.
        found = read_or(None, self._load)
        totals = self._manifest.packed_file.size, len(self._manifest.frames)
        if found and totals == (found.compressed, len(found.frames)):
            return found
        name = self._manifest.segment.index
        wanted = self._manifest.files[name.removeprefix(self._manifest.name)]
        return index.decode_index(
            self._fetch_part(
                name, 0, wanted.size, lambda data: sha256(data).hexdigest() == wanted.sha256
            )
        )

    def frame(self, number: int, at: int, size: int) -> bytes:
        """Return compressed frame `number`, which has `size` bytes at offset `at`."""
        checks = self._manifest.frames
        name = self._manifest.segment.name
        return self._fetch_part(
            name,
            at,
            size,
            lambda data: number < len(checks) and frame_checksum(data) == checks[number],
        )

    def _fetch_part(
        self, name: str, at: int, size: int, is_whole: Callable[[bytes], bool]
    ) -> bytes:
        """Return a part of an object from the first archive that has it unchanged."""
        whole = object_name(self._manifest.store, name)
        errors: list[str] = []
        for source in self._sources:
            try:
                data = source.read(whole, at, size)
                if is_whole(data):
                    return data
                raise ChangedObject(source.place, whole)
            except ArchiveError as error:
                errors.append(str(error))
        if not errors:
            raise ValueError(f"{whole} is in an archive, and this store knows of none")
        raise ValueError(errors[0])


def open_archived_text(segment: Segment, disk: Disk, sources: Sequence[Archive]) -> ArchivedText:
    """Return the archived text of a segment. Raises OSError, and ValueError if its note is damaged."""
    manifest = local_manifest(disk, segment)
    if manifest.segment.name != segment.name:
        raise ValueError("its note belongs to another segment")
    return ArchivedText(manifest, sources, lambda: index.load(segment, disk))


class ReaderThreads:
    """Threads that read, started as they are needed. The end of the process does not wait for them.

    at_once: the most threads.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._at_once = at_once
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = 0
        self._closed = False

    def start(self, read: Callable[[], T]) -> Future[T]:
        """Begin a read now, or when a thread is free."""
        pending: Future[T] = Future()
        if self._threads < self._at_once:
            self._threads += 1
            before = threading.stack_size(_STACK)
            threading.Thread(target=self._run_reads, name="archive", daemon=True).start()
            threading.stack_size(before)
        self._waiting.put((pending, read))
        return pending

    def read_all(self, reads: Iterable[Callable[[], T]]) -> list[Future[T]]:
        """Begin some reads, and wait until all are done."""
        pending = [self.start(one) for one in reads]
        wait(pending)
        return pending

    def close(self) -> None:
        """End the threads after their present reads; waiting reads are not begun."""
        self._closed = True
        for _ in range(self._threads):
            self._waiting.put(None)

    def _run_reads(self) -> None:
        while (task := self._waiting.get()) is not None and not self._closed:
            pending, read = task
            try:
                pending.set_result(read())
            # A panic of obstore is a BaseException only, and somebody waits for the result.
            except BaseException as error:
                pending.set_exception(error)
