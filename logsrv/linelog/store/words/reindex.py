"""Making the missing indexes of sealed segments, while a server may seal and remove segments.

No lock is needed: a file has a temporary name until it is complete, the text of a sealed segment never
changes, and if a segment is removed meanwhile, its new indexes are removed, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import attrs

from logsrv.descriptor import Descriptor
from logsrv.linelog.fields.level import RULES
from logsrv.linelog.store import index
from logsrv.linelog.store.disk import Disk, explanation
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.indexing import rebuild_index
from logsrv.linelog.store.segment import Form, Segment, sealed_segments, tmp
from logsrv.linelog.store.words.build import write_word_index
from logsrv.linelog.store.words.lookup import WordIndex


@attrs.frozen
class ReindexedSegment:
    """The result for one segment.

    made: the kinds of files that were made, "index" and "words"; empty if both were there.
    too_large: whether a word index would be too large to be useful.
    gone: whether the segment was removed meanwhile.
    error: the reason of a failure; None if there was none.
    """

    segment: Segment
    made: tuple[str, ...] = ()
    too_large: bool = False
    gone: bool = False
    error: str | None = None


def make_missing_indexes(disk: Disk) -> Iterator[ReindexedSegment]:
    """Make the missing indexes of packed segments; yield the result for each segment. Raises OSError."""
    for segment in sealed_segments(disk):
        if segment.form is Form.PACKED:
            yield reindex_segment(segment, disk)


def reindex_segment(packed: Segment, disk: Disk) -> ReindexedSegment:
    """Make the missing indexes of a packed segment. Raises OSError."""
    made: list[str] = []
    too_large = False
    try:
        found = _usable_index(packed, disk)
        if found is None:
            found = rebuild_index(packed, disk)
            made.append("index")
        if not has_usable_words(packed, found, disk):
            too_large = not write_word_index(packed, found, disk)
            if not too_large:
                made.append("words")
    except (OSError, ValueError) as error:
        if disk.has_name(packed.name):
            return ReindexedSegment(packed, tuple(made), error=explanation(error))
    if not disk.has_name(packed.name):
        for name in (packed.index, packed.words, tmp(packed.index), tmp(packed.words)):
            disk.unlink(name)
        return ReindexedSegment(packed, gone=True)
    return ReindexedSegment(packed, tuple(made), too_large)


def _usable_index(packed: Segment, disk: Disk) -> Index | None:
    """Return the existing index; None if a new one has to be made.

    A segment that was cut keeps its index, which tells how much is missing.
    """
    try:
        found = index.load(packed, disk)
    except (FileNotFoundError, ValueError):
        return None
    size = disk.stat(packed.name).st_size
    newest = found.format == index.FORMAT and found.rules == RULES and size == found.compressed
    return found if newest or size < found.compressed else None


def has_usable_words(packed: Segment, found: Index, disk: Disk) -> bool:
    """Return whether a segment has a usable word index. Raises OSError."""
    try:
        with Descriptor(disk.open(packed.words, os.O_RDONLY)) as fd:
            WordIndex(fd).require_same_segment(found)
    except (FileNotFoundError, ValueError):
        return False
    return True
