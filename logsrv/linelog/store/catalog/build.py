"""Making a catalog from the texts of small segments, and those that a store lacks.

The latter beside a server that goes on sealing and removing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from logsrv.linelog.store.catalog.catalog import Catalogs
from logsrv.linelog.store.catalog.layout import MOST, CatalogEntry, catalog_name, entry, pack
from logsrv.linelog.store.segments import index
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Form, Segment, segments_and_names
from logsrv.linelog.store.words.build import MOST_PART, TABLES_PART
from logsrv.linelog.store.words.layout import Trailer, pack_trailer
from logsrv.linelog.store.words.section import Section

SMALL = 256 << 10
"""Bytes of the compressed file of a segment that is entered: about a frame. Larger ones have enough in them
to be worth opening, and a word index of their own."""
WANTED = 256
"""Small segments that wait until a catalog is made of them: a search asks so many one by one."""
_LARGEST_TEXT = 16 << 20
# A file takes a block of the disk, however small it is.
_BLOCK = 4096


def make_catalog(
    segments: Sequence[Segment],
    disk: Disk,
    *,
    going: Callable[[], bool] = lambda: True,
    with_words: bool,
) -> str:
    """Make a catalog of packed segments, at most `MOST`, in order; return its name, "" if there is none.

    What is damaged, removed meanwhile or without an index is left out. None is made if `going()` turns
    false. Raises OSError.
    """
    entries: list[CatalogEntry] = []
    section = Section()
    text = 0
    for segment in segments:
        if not going():
            return ""
        try:
            found = disk.stat(segment.name)
            made = index.load(segment, disk)
            if found.st_size != made.compressed or made.text > _LARGEST_TEXT:
                continue
            if with_words:
                chunk = b""
                for part, _ in index.frames(segment, disk):
                    chunk += part
                    if len(chunk) > made.text:
                        raise ValueError("its index is of a smaller text")
                section.add(chunk, len(chunk), max(found.st_size, _BLOCK))
        except (OSError, ValueError):
            continue
        text += made.text
        entries.append(entry(segment, found, len(made.frames), made.times))
    if not entries:
        return ""
    name = catalog_name(entries[0].number, entries[-1].number)
    words = _words(entries, section, text) if with_words else b""
    disk.put(name, pack(entries, words))
    return name


def _words(entries: Sequence[CatalogEntry], section: Section, text: int) -> bytes:
    """Return a word index of all segments; nothing if it would be too large to be of use."""
    trailer = Trailer(entries[0].number, text, section.compressed, section.frames, 1)
    words = section.packed(TABLES_PART) + pack_trailer(trailer)
    return words if len(words) <= MOST_PART * section.compressed else b""


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
    found = Catalogs(disk, names, lambda _: None)
    # Each is opened once.
    is_usable = cache(lambda catalog: found.asked(catalog, lambda _: 0) is not None)

    def has_words(segment: Segment) -> bool:
        known = found.known(segment)
        return known is not None and is_usable(known.catalog)

    waiting = [
        one
        for one in segments
        if one.form is Form.PACKED and not has_words(one) and _is_small(one, disk)
    ]
    for name in sorted(found.damaged):
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
