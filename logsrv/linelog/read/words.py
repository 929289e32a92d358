"""The frames that can have what a query needs, by the word index of a segment."""

from __future__ import annotations

import os

from logsrv.linelog.query.matching.needs import AnyOf, Literal
from logsrv.linelog.read.texts import PackedFrames
from logsrv.linelog.store.words.lookup import Words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.linelog.query.matching.needs import Need
    from logsrv.linelog.read.texts import Frames
    from logsrv.linelog.read.view import View


def by_words(view: View, frames: Frames, need: Need) -> int | None:
    """Return the frames that can have lines with `need`, frame n as bit n; None where all can.

    A word index that is damaged or another segment's is told to the view, and not used.
    """
    if not isinstance(frames, PackedFrames):
        return None
    fd = view.open_words(frames.number)
    if fd is None:
        return None
    try:
        words = Words(fd)
        found = _frames(words, need)
        if found == 0 and (words.segment, words.compressed) == (frames.number, frames.whole_cost):
            # Nothing else of its index is needed.
            frames.count = words.frames
            return found
        words.require(frames.index)
        return found
    except (OSError, ValueError) as error:
        view.note(f"the word index of {frames.path} is not used: {error}")
        return None
    finally:
        os.close(fd)


def _frames(words: Words, need: Need) -> int | None:
    if isinstance(need, Literal):
        return words.frames_with(need.text, need.ignore_case)
    found = [_frames(words, part) for part in need.parts]
    known = [frames for frames in found if frames is not None]
    is_any = isinstance(need, AnyOf)
    if not known or (is_any and len(known) < len(found)):
        return None
    together = known[0]
    for frames in known[1:]:
        together = together | frames if is_any else together & frames
    return together
