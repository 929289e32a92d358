"""The plan of a search: which frames of which segments have to be read, in which order.

By time a segment is left out by the names of its files, a frame by the TIMEs in the index; by words as
the word index says. What cannot be decided is read.
"""

from __future__ import annotations

from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.named import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from logsrv.linelog.read.texts import Frames
    from logsrv.linelog.read.view import View
    from logsrv.linelog.store.segment import Position

    Work: TypeAlias = Callable[["Task"], list[bytes]]
    """A task in, its results out; what it raises as ValueError or OSError is told, and the rest goes on."""

# A clock that is set back by less than this leaves no line out.
_SLACK = 1.0


class Scope(NamedTuple):
    """Limits of a search besides its query.

    since, until: the first moment, and the first one that is too late, as TIME is stored; "" for none.
    after, before: the lines from and to which, both left out.
    source: a pattern of SOURCE, as `fnmatch` has them; "" for any.
    """

    since: str = ""
    until: str = ""
    after: Position | None = None
    before: Position | None = None
    source: str = ""


class Task(NamedTuple):
    """The lines of a segment that begin from `start` up to `stop`: about a frame."""

    segment: int
    start: int
    stop: int


class Stats:
    """Numbers of a search: of segments, of frames and their bytes on disk."""

    def __init__(self) -> None:
        self.segments = self.skipped_segments = 0
        self.frames = self.skipped_frames = 0
        self.bytes = self.skipped_bytes = 0

    def __str__(self) -> str:
        return (
            f"segments: {self.segments} read, {self.skipped_segments} skipped; "
            f"frames: {self.frames} read, {self.skipped_frames} skipped; "
            f"bytes: {self.bytes} read, {self.skipped_bytes} skipped"
        )


def tasks(
    view: View,
    scope: Scope,
    stats: Stats,
    *,
    reverse: bool = False,
    by_words: Callable[[Frames], int | None] = lambda _: None,
) -> Iterator[Task]:
    """Yield what has to be read, in the order of the store, or the newest first.

    by_words: the frames that the word index says can have a hit, frame n as bit n; None for all.
    """
    chosen = _by_name(view, scope)
    stats.skipped_segments += len(view.segments) - len(chosen)
    for number in reversed(chosen) if reverse else chosen:
        frames = view.open(number)
        if frames is None:
            continue
        before = stats.frames
        try:
            yield from _within(frames, scope, by_words, stats, reverse)
        finally:
            frames.close()
            if stats.frames > before:
                stats.segments += 1
            else:
                stats.skipped_segments += 1


def _by_name(view: View, scope: Scope) -> list[int]:
    """Return the segments that can have lines in the scope, as far as the names of their files tell.

    The name has the second of the first line, so all lines before it are older than the next name.
    """
    since = moved(scope.since, -_SLACK)
    until = moved(scope.until, _SLACK)
    chosen = []
    names = [one.first for one in view.segments]
    for place, segment in enumerate(view.segments):
        first = names[place]
        following = names[place + 1] if place + 1 < len(names) else ""
        # The name of the next one is cut to the second; a line of that second may still be in this.
        if since and following and moved(following, 1) < since:
            continue
        if until and first and first >= until:
            continue
        if scope.after and segment.number < scope.after.segment:
            continue
        if scope.before and segment.number > scope.before.segment:
            continue
        chosen.append(segment.number)
    return chosen


def _within(
    frames: Frames,
    scope: Scope,
    by_words: Callable[[Frames], int | None],
    stats: Stats,
    reverse: bool,
) -> Iterator[Task]:
    words = by_words(frames)
    if words == 0:
        stats.skipped_frames += frames.count
        stats.skipped_bytes += frames.whole_cost
        return
    low, high = 0, frames.size
    if scope.after and scope.after.segment == frames.number:
        low = scope.after.offset + 1
    if scope.before and scope.before.segment == frames.number:
        high = min(high, scope.before.offset)
    every = range(frames.count)
    if scope.since or scope.until:
        every = range(*_by_time(frames, scope))
    chosen = [frame for frame in every if words is None or words >> frame & 1]
    stats.skipped_frames += frames.count - len(chosen)
    stats.skipped_bytes += frames.whole_cost - sum(map(frames.cost, chosen))
    for frame in reversed(chosen) if reverse else chosen:
        start, stop = frames.bounds(frame)
        start, stop = max(start, low), min(stop, high)
        cost = frames.cost(frame)
        if start < stop:
            stats.frames += 1
            stats.bytes += cost
            yield Task(frames.number, start, stop)
        else:
            stats.skipped_frames += 1
            stats.skipped_bytes += cost


def _by_time(frames: Frames, scope: Scope) -> tuple[int, int]:
    """Return the first frame with lines in the scope's time, and the one behind the last.

    The lines of a frame are older than the first line of the next. A frame that does not say its time
    (its index was lost, its line is somebody else's) leaves all to be read.
    """
    from bisect import bisect_left

    every = range(frames.count)
    first, last = 0, frames.count
    try:
        if scope.since:
            since = moved(scope.since, -_SLACK)
            end = frames.last_time() or _unknown()
            behind = bisect_left(
                every, since, key=lambda frame: frames.first_time(frame) or _unknown()
            )
            first = frames.count if end < since else max(0, behind - 1)
        if scope.until:
            until = moved(scope.until, _SLACK)
            last = bisect_left(
                every, until, key=lambda frame: frames.first_time(frame) or _unknown()
            )
    except LookupError:
        return 0, frames.count
    return first, last


def _unknown() -> str:
    raise LookupError


def moved(time: str, seconds: float) -> str:
    """Return a TIME so many seconds later; "" stays."""
    return rfc3339(parse_rfc3339(time) + seconds) if time else ""
