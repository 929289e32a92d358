"""Making and removing catalogs while the store runs: one is made when enough small segments have none.

Making one takes half a second of CPU time, so the packing process does it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence

from logsrv.linelog.store.catalog.build import SMALL, WANTED
from logsrv.linelog.store.catalog.catalog import Catalogs
from logsrv.linelog.store.catalog.layout import MOST, catalog_names, last_cataloged_number
from logsrv.linelog.store.segments.disk import TMP_SUFFIX, Disk
from logsrv.linelog.store.segments.segment import (
    CATALOG_SUFFIX,
    Form,
    Segment,
    segments_and_names,
)


class Cataloguer:
    """The catalogs of a store. `logsrv reindex` may make catalogs at the same time.

    make: makes a catalog of segments, with words or without, and returns its name, or "" if none was made.
    """

    def __init__(self, disk: Disk, make: Callable[[Sequence[Segment], bool], str]) -> None:
        self._disk = disk
        self._make = make
        self._waiting: dict[int, Segment] = {}
        self._wanted = WANTED
        self._sizes: dict[str, int] = {}
        self._begun = False

    @property
    def total_size(self) -> int:
        """The bytes of all catalogs."""
        return sum(self._sizes.values())

    @property
    def is_due(self) -> bool:
        """True if enough segments have no catalog, or if `list_and_clean_up` was not called yet."""
        return not self._begun or len(self._waiting) >= self._wanted

    def list_and_clean_up(self) -> None:
        """List segments and catalogs; remove leftovers of a crash, and catalogs without segments.

        `make_if_due` calls this if it was not called yet. Raises OSError.
        """
        segments, names = segments_and_names(self._disk)
        for name in names:
            if name.endswith(CATALOG_SUFFIX + TMP_SUFFIX):
                self._remove_catalog(name)
        found = Catalogs(self._disk, names, lambda _: None)
        used: set[str] = set()
        for segment in segments:
            known = found.find_segment(segment) if segment.form is Form.PACKED else None
            if known is not None:
                used.add(known.catalog.name)
            elif segment.form is Form.PACKED:
                self.add_sealed(segment, self._disk.size_or_zero(segment.name))
        for name in set(catalog_names(names)) - used:
            self._remove_catalog(name)
        self._sizes = {name: self._disk.size_or_zero(name) for name in sorted(used)}
        self._begun = True

    def replace_known(self, names: Iterable[str]) -> None:
        """Replace the known catalogs by those in a listing of the directory. Raises OSError."""
        self._sizes = {
            name: self._sizes.get(name) or self._disk.size_or_zero(name)
            for name in catalog_names(names)
        }

    def add_sealed(self, segment: Segment, size: int) -> None:
        """Record a packed segment, whose file has `size` bytes."""
        if size <= SMALL:
            self._waiting[segment.number] = segment

    def remove_catalogs_before(self, segment: Segment) -> None:
        """Record that retention has removed a segment and all before it; remove catalogs of only these."""
        self._waiting.pop(segment.number, None)
        for name in list(self._sizes):
            if last_cataloged_number(name) > segment.number:
                break
            del self._sizes[name]
            self._remove_catalog(name)

    def _remove_catalog(self, name: str) -> None:
        """Remove a file; if that fails, the next start tries again."""
        with contextlib.suppress(OSError):
            self._disk.unlink(name)

    def make_if_due(self, with_words: bool) -> bool:
        """Make a catalog if enough segments have none; return whether enough are left for another one.

        Raises OSError, and Interrupted.
        """
        if not self._begun:
            self.list_and_clean_up()
        if not self.is_due:
            return False
        chosen = [self._waiting[number] for number in sorted(self._waiting)[:MOST]]
        # After a failure, wait for more segments before the next attempt.
        self._wanted = len(self._waiting) + WANTED
        name = self._make(chosen, with_words)
        self._wanted = WANTED
        for segment in chosen:
            self._waiting.pop(segment.number, None)
        if name:
            # Sorted, because a catalog of segments that an earlier catalog left out is not the last one.
            self._sizes[name] = self._disk.size_or_zero(name)
            self._sizes = dict(sorted(self._sizes.items()))
        return len(self._waiting) >= WANTED
