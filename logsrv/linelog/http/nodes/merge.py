"""The lines of several nodes put together by time (no I/O).

Two nodes that got the same blocks have the same lines, with the same TIME, SOURCE and bytes: these say
which line it is. A line that a node has three times, with the same TIME, came three times. Another node may
have it twice, because it has not got the rest yet. The largest of these numbers counts.

Mostly, lines of one TIME came together. They stay in the order that they have in the nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from logsrv.linelog.http.nodes.answer import NodeLine
from logsrv.linelog.store.segments.segment import Position

_moment = attrgetter("moment")
# A line, and how often its node had it before, among those of its TIME.
_Id = tuple[bytes, int]


class MergedLine(NamedTuple):
    """A line, and where it is: the numbers of the nodes that have it, with its position in each."""

    moment: int
    line: bytes
    places: dict[int, Position]


def text_of(lines: Iterable[MergedLine]) -> bytes:
    """Return lines as a text of a store has them."""
    return b"".join(line.line + b"\n" for line in lines)


def merged(answers: Sequence[Iterable[NodeLine]]) -> list[MergedLine]:
    """Return the lines of all answers by time, each of them once.

    answers: those of the nodes, each in the order of its store.
    """
    moments: dict[int, dict[int, list[NodeLine]]] = {}
    for node, answer in enumerate(answers):
        # Sorting keeps the order of those of one moment.
        for moment, lines in groupby(sorted(answer, key=_moment), _moment):
            moments.setdefault(moment, {})[node] = list(lines)
    return [line for _, of_nodes in sorted(moments.items()) for line in _of_moment(of_nodes)]


def _of_moment(of_nodes: dict[int, list[NodeLine]]) -> Iterable[MergedLine]:
    found: dict[_Id, MergedLine] = {}
    orders = []
    for node, lines in of_nodes.items():
        order = []
        times: Counter[bytes] = Counter()
        for one in lines:
            name = one.line, times[one.line]
            times[one.line] += 1
            order.append(name)
            known = found.setdefault(name, MergedLine(one.moment, one.line, {}))
            known.places[node] = one.position
        orders.append(order)
    return (found[name] for name in _woven(orders))


def _woven(orders: list[list[_Id]]) -> list[_Id]:
    """Return all of the orders, each once, so that each order is kept.

    Next is one that is the first of all orders that have it. Where orders contradict each other there is
    none, and it is the next of the first order.
    """
    if all(order == orders[0] for order in orders[1:]):
        return orders[0]
    owners = Counter(name for order in orders for name in order)
    woven: dict[_Id, None] = {}
    left = [iter(order) for order in orders]
    heads = [next(one, None) for one in left]
    while any(heads):
        firsts = Counter(head for head in heads if head is not None)
        taken = next((one for one in firsts if firsts[one] == owners[one]), next(iter(firsts)))
        woven[taken] = None
        heads = [
            next((one for one in rest if one not in woven), None) if head == taken else head
            for head, rest in zip(heads, left, strict=True)
        ]
    return list(woven)
