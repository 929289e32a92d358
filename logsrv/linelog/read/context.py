"""Neighbours of hits: groups of lines that stand beside each other in the store, as grep has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import NamedTuple

from logsrv.linelog.read.lines import StoredLines
from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position

# Lines of a group that are held at once; a larger group comes in parts.
LARGEST = 10_000


class Around(NamedTuple):
    """Numbers of lines to show before and after each hit."""

    before: int
    after: int


class Group(NamedTuple):
    """Lines in the order of the store, each with whether it is a neighbour only.

    goes_on: they stand beside those of the group before.
    """

    lines: list[tuple[Hit, bool]]
    goes_on: bool


def grouped(
    view: View, hits: Iterator[Hit], around: Around, *, reverse: bool = False
) -> Iterator[Group]:
    """Yield the hits with their neighbours: those that touch in one group, each line once.

    reverse: the hits come newest first, and so do the groups, but not the lines in them.
    """
    with closing(StoredLines(view)) as lines:
        group: dict[Position, tuple[Hit, bool]] = {}
        goes_on = False
        first = last = None
        # All lines on this side of it were given already, in a part of the same group.
        given: Position | None = None
        for hit in hits:
            window = lines.around(hit, *around)
            if given is not None:
                window = [
                    one
                    for one in window
                    if one.position != given and (one.position < given) == reverse
                ]
            if first and last and not _touch(lines, first, last, window):
                yield _sorted(group, goes_on)
                group, goes_on, given = {}, False, None
                first = last = None
            for one in window:
                if one.position not in group or one.position == hit.position:
                    group[one.position] = one, one.position != hit.position
            if window:
                first = min(first or window[0], window[0])
                last = max(last or window[-1], window[-1])
            if len(group) >= LARGEST:
                # Neighbours on the far side may turn out to be hits: they stay.
                given = hit.position
                part = {
                    place: one
                    for place, one in group.items()
                    if place == given or (place > given) == reverse
                }
                yield _sorted(part, goes_on)
                group = {place: one for place, one in group.items() if place not in part}
                goes_on = True
        if group:
            yield _sorted(group, goes_on)


def _touch(lines: StoredLines, first: Hit, last: Hit, window: list[Hit]) -> bool:
    """Return whether the lines from `first` to `last` and these overlap, or stand beside each other."""
    return not window or (
        (window[0] <= last or _follows(lines, last, window[0]))
        and (window[-1] >= first or _follows(lines, window[-1], first))
    )


def _follows(lines: StoredLines, one: Hit, other: Hit) -> bool:
    behind = Position(one.position.segment, one.position.offset + len(one.line) + 1)
    if one.position.segment == other.position.segment or other.position.offset:
        return other.position == behind
    return any(hit.position == other.position for hit in islice(lines.forward(behind), 1))


def _sorted(group: dict[Position, tuple[Hit, bool]], goes_on: bool) -> Group:
    return Group([group[position] for position in sorted(group)], goes_on)
