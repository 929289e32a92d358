"""Making a catalog of small segments, and all catalogs that a store lacks.

This works while a server seals and removes segments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

from logsrv.linelog.store.catalog.catalog import Catalogs
from logsrv.linelog.store.catalog.layout import (
    MOST,
    CatalogEntry,
    catalog_name,
    make_catalog_entry,
    pack_catalog,
)
from logsrv.linelog.store.segments import index
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Form, Segment, segments_and_names
from logsrv.linelog.store.words.build import MOST_PART, TABLES_PART
from logsrv.linelog.store.words.layout import WordIndexTrailer, pack_trailer
from logsrv.linelog.store.words.section import SectionBuilder

SMALL = 256 << 10
"""The most bytes of the compressed file of a catalogued segment, about a frame. Larger segments are worth
opening, and have their own word index."""
WANTED = 256
"""The number of small segments without a catalog from which one is made; until then a search opens each."""
_LARGEST_TEXT = 16 << 20
# Bytes. A smaller segment counts as this large for the size of the word index: its file takes a disk block.
_BLOCK = 4096


def make_catalog(
    segments: Sequence[Segment],
    disk: Disk,
    *,
    going: Callable[[], bool] = lambda: True,
    with_words: bool,
) -> str:
    """Make a catalog of at most `MOST` packed segments, in order; return its name, "" if none was made.

    Segments that are damaged, removed or without an index are left out. No catalog is made if `going()`
    returns false, or if no segment is left. Raises OSError.
    """
    entries: list[CatalogEntry] = []
    section = SectionBuilder()
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
                for part, _ in index.unpack_frames(segment, disk):
                    chunk += part
                    if len(chunk) > made.text:
                        raise ValueError("its index is of a smaller text")
                section.add_frame(chunk, len(chunk), max(found.st_size, _BLOCK))
        except (OSError, ValueError):
            continue
        text += made.text
        entries.append(make_catalog_entry(segment, found, len(made.frames), made.times))
    if not entries:
        return ""
    name = catalog_name(entries[0].number, entries[-1].number)
    words = _word_index_bytes(entries, section, text) if with_words else b""
    disk.replace_durably(name, pack_catalog(entries, words))
    return name


def _word_index_bytes(entries: Sequence[CatalogEntry], section: SectionBuilder, text: int) -> bytes:
    """Return a word index of all segments; b"" if it would be too large to be useful."""
    trailer = WordIndexTrailer(entries[0].number, text, section.compressed, section.frames, 1)
    words = section.pack_section(TABLES_PART) + pack_trailer(trailer)
    return words if len(words) <= MOST_PART * section.compressed else b""


def cataloged_predicate(disk: Disk) -> Callable[[Segment], bool]:
    """Return a function that tells whether a catalog has the present state of a segment. Raises OSError.

    If that catalog has no words, they were too large; the words of the segment alone would be, too.
    """
    found = Catalogs(disk, disk.entries(), lambda _: None)
    return lambda segment: found.find_segment(segment) is not None


def make_catalogs(
    disk: Disk, put_away: Callable[[str, Disk], object] = lambda name, disk: disk.unlink(name)
) -> Iterator[str]:
    """Make catalogs of small segments that are in no usable catalog; yield the names of the new ones.

    If fewer than WANTED such segments are left, these stay without a catalog.
    put_away: called for each damaged catalog, because every search would report it. Raises OSError.
    """
    segments, names = segments_and_names(disk)
    found = Catalogs(disk, names, lambda _: None)
    # Cached, so that each catalog is opened once.
    is_usable = cache(lambda catalog: found.ask_words(catalog, lambda _: 0) is not None)

    def has_words(segment: Segment) -> bool:
        known = found.find_segment(segment)
        return known is not None and is_usable(known.catalog)

    waiting = [
        one
        for one in segments
        if one.form is Form.PACKED
        and not has_words(one)
        and 0 < disk.size_or_zero(one.name) <= SMALL
    ]
    for name in sorted(found.damaged):
        put_away(name, disk)
    while len(waiting) >= WANTED:
        name = make_catalog(waiting[:MOST], disk, with_words=True)
        if name:
            yield name
        del waiting[:MOST]
