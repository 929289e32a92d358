"""Choose the frames to read: by a word index, those that can have hits."""

from __future__ import annotations

import os
from collections.abc import Iterable

from logsrv.linelog.query.literals import AnyOf, Literal, Need
from logsrv.linelog.read.texts import PackedFrames, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import explanation
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
