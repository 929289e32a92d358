"""Making a catalog from the texts of small segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from logsrv.linelog.store.catalog.layout import CatalogEntry, catalog_name, entry, pack
from logsrv.linelog.store.segments import index
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.segment import Segment
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
