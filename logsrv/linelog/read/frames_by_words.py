"""Choose what to read by its words: word indexes choose frames that can have hits, catalogs segments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from logsrv.linelog.query.matching.needs import AnyOf, Literal, Need
from logsrv.linelog.read.texts import PackedFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.catalog.catalog import Catalog
from logsrv.linelog.store.catalog.layout import CatalogEntry
from logsrv.linelog.store.segments.disk import explanation
from logsrv.linelog.store.segments.segment import Position
from logsrv.linelog.store.words.lookup import WordIndex


def frames_with_need(
    view: View, frames: SegmentFrames, need: Need | None, following: Iterable[int]
) -> int | None:
    """Return the frames that can have lines with `need`, frame n as bit n; None if all can.

    following: the numbers of the next segments of the search.
    A word index that is damaged or belongs to another segment is reported to the view, and not used.
    """
    if need is None or not isinstance(frames, PackedFrames):
        return None
    fd = view.open_word_index(frames.number)
    if fd is None:
        return view.archived_frames_with(frames.number, following, need)
    try:
        words = WordIndex(fd)
        found = frames_in_word_index(words, need)
        number = Position(frames.number, 0).own.segment
        if found == 0 and (words.segment, words.compressed) == (number, frames.file_size):
            # The number of frames is enough: the segment's own index need not be loaded.
            frames.count = words.frames
            return found
        words.require_same_segment(frames.index)
        return found
    except (OSError, ValueError) as error:
        view.report_unusable_file(
            f"the word index of {frames.path} is not used: {explanation(error)}"
        )
        return None
    finally:
        os.close(fd)


def make_catalog_exclusion(view: View, need: Need | None) -> Callable[[int], CatalogEntry | None]:
    """Return a function: segment's number → its catalog entry if it has no line with `need`, else None.

    None also for a segment that is in no catalog.
    """
    if need is None:
        return lambda _: None
    answers: dict[Catalog, int | None] = {}

    def without(number: int) -> CatalogEntry | None:
        known = view.catalog_entry(number)
        if known is None:
            return None
        catalog, place, entry = known
        if catalog not in answers:
            answers[catalog] = view.ask_catalog_words(
                catalog, lambda words: frames_in_word_index(words, need)
            )
        found = answers[catalog]
        return None if found is None or found >> place & 1 else entry

    return without


def frames_in_word_index(words: WordIndex, need: Need) -> int | None:
    """Return the frames that can have lines with `need`, by one word index; None if all can."""
    if isinstance(need, Literal):
        return words.frames_with(need.text, need.ignore_case)
    found = [frames_in_word_index(words, part) for part in need.parts]
    known = [frames for frames in found if frames is not None]
    is_any = isinstance(need, AnyOf)
    if not known or (is_any and len(known) < len(found)):
        return None
    together = known[0]
    for frames in known[1:]:
        together = together | frames if is_any else together & frames
    return together
