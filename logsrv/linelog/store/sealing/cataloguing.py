"""Making and removing catalogs while the store runs: one is made when enough small segments wait for it.

That takes half a second of CPU time, so the packing process does it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from logsrv.linelog.store.catalog.build import SMALL, WANTED
from logsrv.linelog.store.catalog.catalog import Catalogs
from logsrv.linelog.store.catalog.layout import MOST, catalogs, last_number
from logsrv.linelog.store.sealing.segment_sizes import size_of
from logsrv.linelog.store.segments.disk import TMP_SUFFIX, Disk
from logsrv.linelog.store.segments.segment import (
    CATALOG_SUFFIX,
    Form,
    Segment,
    segments_and_names,
)


class Cataloguer:
    """The catalogs of a store. `logsrv reindex` may make some as well, beside a running server.

    make: makes a catalog of segments, with words or without, and returns its name; "" for none.
    """

    def __init__(self, disk: Disk, make: Callable[[Sequence[Segment], bool], str]) -> None:
        self._disk = disk
        self._make = make
        self._waiting: dict[int, Segment] = {}
        self._wanted = WANTED
        self._sizes: dict[str, int] = {}
        self._begun = False

    @property
    def size(self) -> int:
        """The bytes of all catalogs."""
        return sum(self._sizes.values())

    @property
    def due(self) -> bool:
        """True if enough segments wait for a catalog, or `begin` was not called yet."""
        return not self._begun or len(self._waiting) >= self._wanted

    def begin(self) -> None:
        """List segments and catalogs; remove leftovers of a crash, and catalogs without segments.

        `make` calls this if it was not called yet. Raises OSError.
        """
        segments, names = segments_and_names(self._disk)
        for name in names:
            if name.endswith(CATALOG_SUFFIX + TMP_SUFFIX):
                self._remove(name)
        found = Catalogs(self._disk, names, lambda _: None)
        used: set[str] = set()
        for segment in segments:
            known = found.known(segment) if segment.form is Form.PACKED else None
            if known is not None:
                used.add(known.catalog.name)
            elif segment.form is Form.PACKED:
                self.sealed(segment, size_of(segment.name, self._disk))
        for name in set(catalogs(names)) - used:
            self._remove(name)
        self._sizes = {name: size_of(name, self._disk) for name in sorted(used)}
        self._begun = True

    def look(self, names: Iterable[str]) -> None:
        """Replace the known catalogs by those among some names. Raises OSError."""
        self._sizes = {
            name: self._sizes.get(name) or size_of(name, self._disk) for name in catalogs(names)
        }

    def sealed(self, segment: Segment, size: int) -> None:
        """Record a packed segment, whose file has `size` bytes."""
        if size <= SMALL:
            self._waiting[segment.number] = segment

    def removed(self, segment: Segment) -> None:
        """Record that retention has removed a segment, and all before it; remove their catalogs."""
        self._waiting.pop(segment.number, None)
        for name in list(self._sizes):
            if last_number(name) > segment.number:
                break
            del self._sizes[name]
            self._remove(name)

    def _remove(self, name: str) -> None:
        """Remove a file; one that cannot be removed is left to the next start."""
        with contextlib.suppress(OSError):
            self._disk.unlink(name)

    def make(self, with_words: bool) -> bool:
        """Make a catalog if enough segments wait for one; return whether enough wait for another.

        Raises OSError, and Interrupted.
        """
        if not self._begun:
            self.begin()
        if not self.due:
            return False
        chosen = [self._waiting[number] for number in sorted(self._waiting)[:MOST]]
        # After a failure, wait for more segments before the next attempt.
        self._wanted = len(self._waiting) + WANTED
        name = self._make(chosen, with_words)
        self._wanted = WANTED
        for segment in chosen:
            self._waiting.pop(segment.number, None)
        if name:
            # Sorted, because a catalog of segments that were left out before is not the last.
            self._sizes[name] = size_of(name, self._disk)
            self._sizes = dict(sorted(self._sizes.items()))
        return len(self._waiting) >= WANTED
