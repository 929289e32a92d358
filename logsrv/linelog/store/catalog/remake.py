"""Making the catalogs that a store lacks, beside a server that goes on sealing and removing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from logsrv.linelog.store.catalog.build import SMALL, WANTED, make_catalog
from logsrv.linelog.store.catalog.catalog import Catalogs
from logsrv.linelog.store.catalog.layout import MOST
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.segment import Form, Segment, segments_and_names


def has_words_of(disk: Disk) -> Callable[[Segment], bool]:
    """Return what tells whether a catalog has the words of a segment as it is now. Raises OSError."""
    names = disk.entries()
    found = Catalogs(disk, names, lambda _: None)

    def has_words(segment: Segment) -> bool:
        known = found.known(segment)
        return known is not None and known.catalog.has_words

    return has_words


def make_catalogs(disk: Disk) -> Iterator[str]:
    """Make catalogs of the small segments that are in none, if they are many; yield the name of each.

    Raises OSError.
    """
    has_words = has_words_of(disk)
    waiting = [
        one
        for one in segments_and_names(disk)[0]
        if one.form is Form.PACKED and not has_words(one) and _is_small(one, disk)
    ]
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
