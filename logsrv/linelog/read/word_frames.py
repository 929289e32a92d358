"""Frames that can have lines with some words, by the word index of their segment.

The plan of a search (plan.py) leaves out the others. An archive's view asks its own word indexes so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from logsrv.linelog.fields.stored_line import REACH
from logsrv.linelog.query.text_search.literals import AnyOf, Inherited, Literal, Need, fulfils_need
from logsrv.linelog.read.texts import PackedFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import explanation
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.segment import Position
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
        found = frames_in_word_index(words, need, lambda: frames.index)
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


def frames_in_word_index(
    words: WordIndex, need: Need, index: Callable[[], Index] | None = None
) -> int | None:
    """Return the frames that can have lines with `need`, by one word index; None if all can.

    index: returns the index of the segment, for what a line may have from a record's first line.
    """
    if isinstance(need, Literal):
        return words.frames_with(need.text, need.ignore_case)
    if isinstance(need, Inherited):
        inner = frames_in_word_index(words, need.parts[0], index)
        if inner is None or index is None:
            return None
        return _with_frames_that_go_on(index(), inner, need.parts[0])
    found = [frames_in_word_index(words, part, index) for part in need.parts]
    known = [frames for frames in found if frames is not None]
    is_any = isinstance(need, AnyOf)
    if not known or (is_any and len(known) < len(found)):
        return None
    together = known[0]
    for frames in known[1:]:
        together = together | frames if is_any else together & frames
    return together


def _with_frames_that_go_on(index: Index, chosen: int, need: Need) -> int:
    """Return some frames with those that go on with records of these, or of the segment before.

    need: of the first lines of these records. Where the index has the first lines, they are looked at.
    """
    with_others, frames = chosen, index.frames
    for number, frame in enumerate(frames):
        if not frame.goes_on or chosen >> number & 1:
            continue
        # The first lines may stand in the segment before.
        is_near = frame.text <= REACH
        before = number
        while not is_near and before and frames[before].text + REACH >= frame.text:
            before -= 1
            is_near = chosen >> before & 1 == 1
        if is_near:
            kept = index.continuations_of_frame(number)
            if kept is None or any(fulfils_need(line, need) for line in kept.before):
                with_others |= 1 << number
    return with_others
