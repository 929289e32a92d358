"""Reading the catalogs of a store: the times of segments without opening them, and their words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

from logsrv.descriptor import Descriptor
from logsrv.linelog.store.catalog.layout import (
    HEAD_SIZE,
    CatalogEntry,
    CatalogHead,
    catalog_names,
    unpack_entries,
    unpack_head,
)
from logsrv.linelog.store.segments.disk import Disk, explanation
from logsrv.linelog.store.segments.segment import Segment
from logsrv.linelog.store.words.lookup import WordIndex


class Catalog(NamedTuple):
    """A catalog: its name, and its head, by which it differs from another catalog of the same name."""

    name: str
    head: bytes


def read_head_and_entries(fd: int) -> tuple[bytes, CatalogHead, list[CatalogEntry]]:
    """Return the head of a catalog, as bytes and parsed, and its entries.

    Raises OSError, and ValueError if it is damaged.
    """
    data = os.pread(fd, HEAD_SIZE, 0)
    head = unpack_head(data)
    return data, head, unpack_entries(head, os.pread(fd, head.entries_size, HEAD_SIZE))


def catalog_words(fd: int, head: CatalogHead) -> WordIndex:
    """Return the word index of a catalog that has one. Raises as `read_head_and_entries` does."""
    words = WordIndex(fd, HEAD_SIZE + head.entries_size)
    if words.frames != head.segments:
        raise ValueError("its words are those of another catalog")
    return words


class CatalogedSegment(NamedTuple):
    """A segment in a catalog. place: the number of its frame in the word index of the catalog."""

    catalog: Catalog
    place: int
    entry: CatalogEntry


class Catalogs:
    """The catalogs among the names of a directory.

    note: called with a sentence for each catalog that cannot be used. damaged: the names of catalogs whose
    content is wrong.
    """

    def __init__(self, disk: Disk, names: Iterable[str], note: Callable[[str], None]) -> None:
        self._disk = disk
        self._note = note
        self.damaged: set[str] = set()
        self._entered: dict[int, CatalogedSegment] = {}
        self._looked_at: dict[int, CatalogedSegment | None] = {}
        for name in catalog_names(names):
            self._load_catalog(name)

    def _load_catalog(self, name: str) -> None:
        try:
            with Descriptor(self._disk.open(name, os.O_RDONLY)) as fd:
                data, head, entries = read_head_and_entries(fd)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._note_unusable(name, error)
            return
        catalog = Catalog(name, data)
        for place, one in enumerate(entries):
            if head.words or one.number not in self._entered:
                self._entered[one.number] = CatalogedSegment(catalog, place, one)

    def _note_unusable(self, name: str, error: Exception) -> None:
        if not isinstance(error, OSError):
            self.damaged.add(name)
        self._note(f"{self._disk.path(name)} is not used: {explanation(error)}")

    def find_segment(self, segment: Segment) -> CatalogedSegment | None:
        """Return the entry of a packed segment; None if no catalog has its present state."""
        number = segment.number
        if number not in self._looked_at:
            found = self._entered.get(number)
            try:
                if found and not found.entry.is_of(segment, self._disk.stat(segment.name)):
                    found = None
            except OSError:
                found = None
            self._looked_at[number] = found
        return self._looked_at[number]

    def ask_words(self, catalog: Catalog, ask: Callable[[WordIndex], int | None]) -> int | None:
        """Return the result of `ask` on the words of a catalog; None if it has no usable words."""
        try:
            fd = self._disk.open(catalog.name, os.O_RDONLY)
        except OSError:
            # The catalog was replaced, or its segments were removed.
            return None
        try:
            data = os.pread(fd, HEAD_SIZE, 0)
            head = unpack_head(data)
            if not head.words or data != catalog.head:
                return None
            return ask(catalog_words(fd, head))
        except (OSError, ValueError) as error:
            self._note_unusable(catalog.name, error)
            return None
        finally:
            os.close(fd)
