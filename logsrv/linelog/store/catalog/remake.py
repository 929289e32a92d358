"""Making the catalogs that a store lacks, beside a server that goes on sealing and removing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from logsrv.linelog.store.catalog.build import SMALL, WANTED, make_catalog
from logsrv.linelog.store.catalog.catalog import Catalog, Catalogs
from logsrv.linelog.store.catalog.layout import MOST
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Form, Segment, segments_and_names


@attrs.define
class _Covered:
    """The segments of which a catalog has the words; `found`: all catalogs."""

    found: Catalogs
    _words: dict[str, bool] = attrs.field(factory=dict)

    def has_words(self, segment: Segment) -> bool:
        known = self.found.known(segment)
        return known is not None and self._usable(known.catalog)

    def _usable(self, catalog: Catalog) -> bool:
        """Look once whether the words of a catalog can be read."""
        if catalog.name not in self._words:
            self._words[catalog.name] = self.found.asked(catalog, lambda _: 0) is not None
        return self._words[catalog.name]


def entered_of(disk: Disk) -> Callable[[Segment], bool]:
    """Return what tells whether a segment, as it is now, is in a catalog. Raises OSError.

    If that has no words they would take too much room, and so would those of the segment alone.
    """
    found = Catalogs(disk, disk.entries(), lambda _: None)
    return lambda segment: found.known(segment) is not None


def make_catalogs(
    disk: Disk, put_away: Callable[[str, Disk], object] = lambda name, disk: disk.unlink(name)
) -> Iterator[str]:
    """Make catalogs of the small segments that are in none, if they are many; yield the name of each.

    put_away: called for each that is damaged, which a search reports each time. Raises OSError.
    """
    segments, names = segments_and_names(disk)
    covered = _Covered(Catalogs(disk, names, lambda _: None))
    waiting = [
        one
        for one in segments
        if one.form is Form.PACKED and not covered.has_words(one) and _is_small(one, disk)
    ]
    for name in sorted(covered.found.damaged):
        put_away(name, disk)
    while len(waiting) >= WANTED:
        name = make_catalog(waiting[:MOST], disk, with_words=True)
        if name:
            yield name
        del waiting[:MOST]


def _is_small(segment: Segment, disk: Disk) -> bool:
    try:
        return disk.stat(segment.name).st_size <= SMALL
    except FileNotFoundError:
        return False
