"""Replies that need one or several nodes; `replies` answers from this store alone.

The answer of one node is in the order of its store, with its positions. Lines of several nodes are sorted
by time, and each comes once. Their `position` is made from their time, and `after` and `before` accept it.
The answer also names the nodes that have the line, with its position in each.

Counts of several nodes are added: a line that two nodes have counts twice.

Nodes are asked only for their own lines, so that no request can go round in a circle.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Any

from logsrv.errors import LogsrvError
from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.http.nodes.answer import (
    EARLIEST,
    AskedNode,
    Body,
    NodeFailure,
    fetch_line_and_neighbours,
    fetch_lines,
    fetch_object,
    parse_moment,
)
from logsrv.linelog.http.nodes.declared import make_clients
from logsrv.linelog.http.nodes.gather import AskedNodes
from logsrv.linelog.http.nodes.node_settings import HERE
from logsrv.linelog.http.nodes.spans import NodeQuestion, TimeSpan, span_between
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.asked import Values, document_maker, json_line, question_of
from logsrv.linelog.http.searching.replies import REPLIES
from logsrv.linelog.read.render import hit_document
from logsrv.linelog.read.search import Hit
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segments.segment import Position, parse_position

# A position has two numbers, of ten and of fifteen digits. If it is made from a time, the first counts
# spans of 100 s; the second has 8 digits for microseconds, and 7 that number the lines of the same time.
_STEP, _EACH = 10**8, 10**7
# Values for the own store that a request to nodes lacks. One process: threads send the requests to nodes,
# and a process with threads must not fork.
_OTHERS = {"before": None, "after": None, "processes": 1, "format": "json"}
_SCOPE = ("q", "since", "until", "source", "limit", "before", "after")


def reply_from_nodes(view: View, request: dict[str, Any]) -> Iterator[bytes]:
    """Yield the answer to a request. Raises Problem.

    In addition to "endpoint" and "values" the request has "nodes", a list of `NodeAccess` as JSON; "here",
    whether this store is included; and "seconds", the most that a node may take.
    """
    seconds = request["seconds"]
    nodes: list[AskedNode] = [OwnStoreNode(view)] if request["here"] else []
    nodes += make_clients(request["nodes"], seconds)
    endpoint, values = request["endpoint"], request["values"]
    if endpoint == "show":
        yield _show_line(nodes[0], values, seconds)
    elif endpoint != "search":
        yield json_line(counts_of_nodes(nodes, endpoint, values, seconds))
    elif len(nodes) == 1:
        yield from _search_one_node(nodes[0], values)
    else:
        yield from _search_all_nodes(nodes, values, seconds)


class OwnStoreNode:
    """The server's own store, as a node like the others."""

    name = HERE

    def __init__(self, view: View) -> None:
        self._view = view
        self._stopped = False

    def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
        """Yield the answer of an endpoint, exactly as another node with the same lines would send it."""
        if endpoint == "stats":
            oldest, newest = self._view.read_time_span()
            yield json_line({"oldest": oldest or None, "newest": newest or None})
            return
        for data in REPLIES[endpoint](self._view, {**_OTHERS, **asked}):
            yield data
            if self._stopped:
                return

    def is_responding(self) -> bool:
        """Return True: this process itself reads the store."""
        return True

    def stop_request(self) -> None:
        """End a request that is under way."""
        self._stopped = True


def _show_line(node: AskedNode, values: Values, seconds: float) -> bytes:
    """Return a line of a node and its neighbours. Raises Problem (404, 502)."""
    wanted = parse_position(values["position"])
    missing: dict[str, str] = {}
    asked = AskedNodes([node], missing.__setitem__, seconds)
    found = asked.ask_each(
        lambda node: fetch_line_and_neighbours(node, wanted, values["before"], values["after"])
    )
    if missing:
        raise Problem(502, f"{node.name}: {missing[node.name]}")
    window = found[node.name]
    if not window:
        raise Problem(404, f"there is no line at {wanted} of {node.name}")
    lines = [
        hit_document(Hit(one.position, one.line), context=one.position != wanted) for one in window
    ]
    return json_line({"lines": lines})


def _search_one_node(node: AskedNode, values: Values) -> Iterator[bytes]:
    """Yield the lines of one node, in its order."""
    asked = {name: values[name] for name in _SCOPE}
    document = document_maker(question_of(values).extractions)
    if not values["limit"]:
        return
    try:
        lines = fetch_lines(node, {**asked, "reverse": int(values["reverse"])})
        for line in islice(lines, values["limit"]):
            places = {node.name: line.position}
            yield _line_json(document(Hit(line.position, line.line)), places)
    except LogsrvError as error:
        yield json_line({"node": node.name, "error": f"{error}; its lines are missing"})


def _search_all_nodes(nodes: list[AskedNode], values: Values, seconds: float) -> Iterator[bytes]:
    """Yield the lines of all nodes by time, each once, and a sentence for each node that fails."""
    before = _parse_place(values["before"], Position(10**10, 0))
    after = _parse_place(values["after"], Position(-1, 0))
    span = span_between(values["since"], values["until"])
    span = TimeSpan(
        max(span.begin, _moment_of_place(after)), min(span.end, _moment_of_place(before) + 1)
    )
    question = NodeQuestion(values["q"], span, values["source"], values["reverse"])
    failures: deque[bytes] = deque()
    document = document_maker(question_of(values).extractions)

    def tell(name: str, sentence: str) -> None:
        failures.append(json_line({"node": name, "error": sentence}))

    moments = AskedNodes(nodes, tell, seconds).merged_lines(question, values["limit"])
    left = values["limit"]
    for lines in moments if left else ():
        segment, rest = divmod(lines[0].moment - EARLIEST, _STEP)
        places = [Position(segment, rest * _EACH + number) for number in range(len(lines))]
        for place, line in zip(places[:: -1 if values["reverse"] else 1], lines, strict=True):
            if left and after < place < before:
                left -= 1
                where = {nodes[number].name: there for number, there in line.places.items()}
                yield _line_json(document(Hit(place, line.line)), where)
        if not left:
            break
        yield from failures
        failures.clear()
    yield from failures


def _moment_of_place(place: Position) -> int:
    return EARLIEST + place.segment * _STEP + place.offset // _EACH


def _parse_place(text: str | None, default: Position) -> Position:
    return default if text is None else parse_position(text)


def _line_json(document: dict[str, Any], places: dict[str, Position]) -> bytes:
    return json_line({**document, "nodes": {name: str(at) for name, at in places.items()}})


LARGEST = 1000
"""Values that each node is asked for: a value that is rare in one node may be frequent in all."""
_KEYS = {
    "histogram": ("buckets", "time", "count"),
    "top": ("values", "value", "count"),
    "fields": ("fields", "name", "lines"),
    "sources": ("sources", "source", "lines"),
}
"""Names in the answer of an endpoint: its list, and in each row of that the value and its number."""
_WHOLE = {"top": "total", "fields": "sampled"}
"""The name of the total in the same answer."""


def counts_of_nodes(
    nodes: Sequence[AskedNode], endpoint: str, values: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """Return the answer of a counting endpoint for all nodes, with the failed nodes and their reasons."""
    missing: dict[str, str] = {}
    asking = AskedNodes(nodes, missing.__setitem__, seconds)
    asked = dict(values)
    if endpoint == "top":
        asked["limit"] = LARGEST
    found: dict[str, Any] = {}
    if endpoint == "histogram":
        if not (asked["since"] and asked["until"]):
            oldest, newest = asking.ask_oldest_and_newest()
            asked["since"] = asked["since"] or oldest
            # One microsecond more, because a span does not include its end.
            asked["until"] = asked["until"] or (newest and exact_rfc3339(parse_moment(newest) + 1))
        found = {"since": asked["since"] or None, "until": asked["until"] or None}
        if not "" < asked["since"] <= asked["until"]:
            asking.nodes = ()
    answers = asking.ask_each(
        lambda node: _check_counts(endpoint, fetch_object(node, endpoint, asked))
    )
    if endpoint == "histogram":
        # All nodes use the same step for the same span, unless one has another version or is broken.
        steps = Counter(answer["step"] for answer in answers.values()).most_common(1)
        found["step"] = steps[0][0] if steps else 1.0
        for name in [name for name in answers if answers[name]["step"] != found["step"]]:
            missing[name] = "it counts in other steps of time; its lines are missing"
            del answers[name]
    if endpoint == "top":
        found["field"] = values["field"]
        found["missed"] = most_missed(list(answers.values()))
    if whole := _WHOLE.get(endpoint):
        found[whole] = sum(answer[whole] for answer in answers.values())
    rows = _add_up_rows(endpoint, list(answers.values()))
    found[_KEYS[endpoint][0]] = rows[: values["limit"]] if endpoint == "top" else rows
    failed = [{"node": name, "error": why} for name, why in missing.items()]
    return {**found, "added": len(answers) > 1, "missing": failed}


def most_missed(answers: list[dict[str, Any]]) -> int:
    """Return the most that a count of all nodes may lack, values that a node has not listed included."""
    missed: int = sum(answer["missed"] for answer in answers)
    if len(answers) == 1:
        return missed
    lists = [answer["values"] for answer in answers]
    unlisted: int = sum(rows[-1]["count"] for rows in lists if len(rows) >= LARGEST)
    return missed + unlisted


def _add_up_rows(endpoint: str, answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of all answers added up: by time, or the largest number first."""
    rows_of, key, number = _KEYS[endpoint]
    rows: dict[str, dict[str, Any]] = {}
    for one in [row for answer in answers for row in answer[rows_of]]:
        row = rows.setdefault(one[key], {key: one[key], number: 0})
        row[number] += one[number]
        if endpoint == "histogram":
            row["levels"] = dict(Counter(row.get("levels", {})) + Counter(one["levels"]))
        if endpoint == "sources":
            row["last"] = max(row.get("last") or "", one["last"] or "") or None
    if endpoint == "histogram":
        return sorted(rows.values(), key=lambda row: row["time"])
    return sorted(rows.values(), key=lambda row: (-row[number], row[key]))


def _check_counts(endpoint: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return a counting endpoint's answer. Raises NodeFailure if it does not have the expected form."""
    rows_of, key, number = _KEYS[endpoint]
    try:
        for row in found[rows_of]:
            _require_text(row[key])
            _require_count(row[number])
            if endpoint == "histogram":
                parse_moment(row["time"])
                for lines in row["levels"].values():
                    _require_count(lines)
            if endpoint == "sources" and row["last"] is not None:
                _require_text(row["last"])
        if endpoint == "top":
            # Older nodes do not say it.
            _require_count(found.setdefault("missed", 0))
        if endpoint in _WHOLE:
            _require_count(found[_WHOLE[endpoint]])
        if endpoint == "histogram":
            found["step"] = float(found["step"])
            if not 0 < found["step"] < inf:
                raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise NodeFailure("its answer does not have the expected numbers") from None
    return found


def _require_count(number: Any) -> None:
    if type(number) is not int or not 0 <= number < 1 << 53:
        raise ValueError(number)


def _require_text(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(value)
