"""Replies for which other nodes are asked, or several together; `replies` has those of this store alone.

One node answers as it would by itself: in the order of its store, with its positions. Lines of several
come by time, each once. Their position is a place in time, behind or before which they go on, and beside
it stands in which node a line is, and where.

Nodes are asked for their own lines only, so no question goes round in a circle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import groupby, islice
from typing import Any, TypeAlias

from logsrv.linelog.http.nodes.answer import NotALine
from logsrv.linelog.http.nodes.body import NodeFailure
from logsrv.linelog.http.nodes.client import NodeClient, NodeQuestion
from logsrv.linelog.http.nodes.declared import clients_of
from logsrv.linelog.http.nodes.gather import AskedNode, NodeSearch
from logsrv.linelog.http.nodes.merge import MergedLine
from logsrv.linelog.http.nodes.spans import EARLIEST, TimeSpan, span_between
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.added import ADDED, Asking
from logsrv.linelog.http.searching.own import OwnStore
from logsrv.linelog.read.render import document, safe_json
from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position, parse_position

Values: TypeAlias = dict[str, Any]
Write: TypeAlias = Callable[[bytes], None]

# A position has ten digits and fifteen: so many microseconds go into the second, with a number each.
_STEP, _EACH = 10**8, 10**7
_SCOPE = ("q", "since", "until", "source")


def reply(view: View, request: dict[str, Any], write: Write) -> None:
    """Answer a request. Raises Problem.

    Beside "endpoint" and "values" it has "nodes", as `DeclaredNode.plain` makes them, "here" if this
    store is one more, and "seconds" that a node may take.
    """
    seconds = request["seconds"]
    nodes: list[AskedNode] = [OwnStore(view)] if request["here"] else []
    nodes += clients_of(request["nodes"], seconds)
    endpoint, values = request["endpoint"], request["values"]
    if endpoint == "show":
        _show(nodes[0], values, write)
    elif endpoint != "search":
        asking = Asking(nodes, seconds)
        write(safe_json(ADDED[endpoint](asking, values)).encode() + b"\n")
    elif len(nodes) == 1:
        _search_one(nodes[0], values, write)
    else:
        _search(nodes, values, write, seconds)


def _show(node: AskedNode, values: Values, write: Write) -> None:
    """Write a line of a node and its neighbours. Raises Problem (404, 502)."""
    assert isinstance(node, NodeClient)
    wanted = parse_position(values["position"])
    try:
        window = node.around(wanted, values["before"], values["after"])
    except NodeFailure as error:
        raise Problem(502, f"{node.name}: {error}") from None
    if not window:
        raise Problem(404, f"there is no line at {wanted} of {node.name}")
    lines = [
        document(Hit(one.position, one.line), context=one.position != wanted) for one in window
    ]
    write(safe_json({"lines": lines}).encode() + b"\n")


def _search_one(node: AskedNode, values: Values, write: Write) -> None:
    """Write the lines of one node, as it sends them."""
    assert isinstance(node, NodeClient)
    asked = {name: values[name] for name in (*_SCOPE, "limit", "before", "after") if values[name]}
    if not values["limit"]:
        return
    try:
        for line in islice(
            node.found({**asked, "reverse": int(values["reverse"])}), values["limit"]
        ):
            _write_line(write, Hit(line.position, line.line), [node.name], {0: line.position})
    except (NodeFailure, NotALine) as error:
        write(_failure(node.name, f"{error}; its lines are missing"))


def _search(nodes: list[AskedNode], values: Values, write: Write, seconds: float) -> None:
    """Write the lines of all nodes by time, each once, and a sentence for each node that fails."""
    before = _place(values["before"], Position(10**10, 0))
    after = _place(values["after"], Position(-1, 0))
    asked = span_between(values["since"], values["until"])
    span = TimeSpan(max(asked.begin, _moment(after)), min(asked.end, _moment(before) + 1))
    names = [node.name for node in nodes]
    gathering = NodeSearch(
        nodes,
        NodeQuestion(values["q"], values["source"], values["reverse"]),
        span,
        lambda name, sentence: write(_failure(name, sentence)),
        now=time.time_ns() // 1000,
        most=values["limit"],
        longest=seconds,
    )
    found = (
        (place, line)
        for lines in gathering.spans()
        for place, line in _placed(lines, reverse=values["reverse"])
        if after < place < before
    )
    for place, line in islice(found, values["limit"]):
        _write_line(write, Hit(place, line.line), names, line.places)


def _placed(lines: list[MergedLine], *, reverse: bool) -> Iterator[tuple[Position, MergedLine]]:
    """Yield lines with their places in time. They are all lines of each of their moments."""
    for moment, group in groupby(lines, lambda line: line.moment):
        of_moment = list(group)
        segment, rest = divmod(moment - EARLIEST, _STEP)
        numbers = reversed(range(len(of_moment))) if reverse else range(len(of_moment))
        for number, line in zip(numbers, of_moment, strict=True):
            yield Position(segment, rest * _EACH + number), line


def _moment(place: Position) -> int:
    return EARLIEST + place.segment * _STEP + place.offset // _EACH


def _place(text: str | None, default: Position) -> Position:
    return default if text is None else parse_position(text)


def _write_line(write: Write, hit: Hit, names: list[str], places: dict[int, Position]) -> None:
    nodes = {names[number]: str(place) for number, place in places.items()}
    write(safe_json({**document(hit), "nodes": nodes}).encode() + b"\n")


def _failure(name: str, sentence: str) -> bytes:
    return safe_json({"node": name, "error": sentence}).encode() + b"\n"
