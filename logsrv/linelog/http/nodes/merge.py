"""The lines of several nodes put together by time (no I/O).

Two nodes that got the same blocks have the same lines, with the same TIME, SOURCE and bytes: these say
which line it is. A line that a node has three times, with the same TIME, came three times. Another node may
have it twice, because it has not got the rest yet. The largest of these numbers counts.

Mostly, lines of one TIME came together. They stay in the order of the node with most of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat
from typing import NamedTuple

from logsrv.linelog.http.nodes.answer import NodeLine
from logsrv.linelog.store.segments.segment import Position

_Numbered = tuple[int, NodeLine]
"""The number of a node, and a line of it."""


class MergedLine(NamedTuple):
    """A line, and where it is: the numbers of the nodes that have it, with its position in each."""

    moment: int
    line: bytes
    places: dict[int, Position]


def text_of(lines: Iterable[MergedLine]) -> bytes:
    """Return lines as a text of a store has them."""
    return b"".join(line.line + b"\n" for line in lines)


def merged(
    answers: Sequence[Iterable[NodeLine]], *, reverse: bool = False
) -> Iterator[list[MergedLine]]:
    """Yield the lines of all nodes by time, each of them once: those of one moment together.

    answers: those of the nodes, each by time. reverse: the newest come first, there as here.
    """
    streams = [zip(repeat(number), answer) for number, answer in enumerate(answers)]
    every = heapq.merge(*streams, key=_moment, reverse=reverse)
    for _, group in groupby(every, _moment):
        of_moment = list(group)
        lines = _once(of_moment[::-1] if reverse else of_moment)
        yield lines[::-1] if reverse else lines


def _moment(numbered: _Numbered) -> int:
    return numbered[1].moment


def _once(of_moment: Iterable[_Numbered]) -> list[MergedLine]:
    """Return the lines of one moment, each of them once."""
    of_node: dict[int, list[NodeLine]] = {}
    for number, line in of_moment:
        of_node.setdefault(number, []).append(line)
    found: dict[tuple[bytes, int], MergedLine] = {}
    for number in sorted(of_node, key=lambda number: (-len(of_node[number]), number)):
        times: dict[bytes, int] = {}
        for moment, text, position in of_node[number]:
            times[text] = nth = times.get(text, 0) + 1
            if (text, nth) not in found:
                found[text, nth] = MergedLine(moment, text, {})
            found[text, nth].places[number] = position
    return list(found.values())
