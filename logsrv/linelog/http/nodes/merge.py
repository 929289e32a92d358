"""The lines of several nodes merged by time (no I/O).

Nodes that received the same blocks have the same lines, with the same TIME, SOURCE and message. These three
identify a line. If a node has the same line three times, the line was sent three times. Another node may
have it only twice so far, because the third is still on its way. So the largest count of any node is used.

Lines with the same TIME usually arrived together. They keep the order of the node that has most of them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat
from typing import NamedTuple

from logsrv.linelog.http.nodes.answer import NodeLine
from logsrv.linelog.store.segments.segment import Position

_Numbered = tuple[int, NodeLine]
"""The number of a node, and one of its lines."""


class MergedLine(NamedTuple):
    """A line with its places: a mapping from the number of each node that has it to its position there."""

    moment: int
    line: bytes
    places: dict[int, Position]


def lines_as_text(lines: Iterable[MergedLine]) -> bytes:
    """Return lines as text in a store's format, each with its LF."""
    return b"".join(line.line + b"\n" for line in lines)


def merge_by_time(
    answers: Sequence[Iterable[NodeLine]], *, reverse: bool = False
) -> Iterator[list[MergedLine]]:
    """Yield the lines of all nodes by time, each line once; each list has the lines of one moment.

    answers: the lines of each node, by time. reverse: whether the newest come first, in `answers` too.
    """
    streams = [zip(repeat(number), answer) for number, answer in enumerate(answers)]
    every = heapq.merge(*streams, key=_moment_of_line, reverse=reverse)
    for _, group in groupby(every, _moment_of_line):
        of_moment = list(group)
        lines = _merge_moment(of_moment[::-1] if reverse else of_moment)
        yield lines[::-1] if reverse else lines


def _moment_of_line(numbered: _Numbered) -> int:
    return numbered[1].moment


def _merge_moment(of_moment: Iterable[_Numbered]) -> list[MergedLine]:
    """Return the lines of one moment, each line once."""
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
