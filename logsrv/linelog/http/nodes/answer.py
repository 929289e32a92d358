"""Answers of a node, checked: a broken or hostile node may send anything (no I/O)."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol, TypeAlias

from logsrv.errors import LogsrvError
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.outside_json import parse_json
from logsrv.linelog.store.segments.segment import Position, parse_position

EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_800_000_000
"""The first moment of the year 1, and the first of the year 10000; microseconds since 1970."""
# With a longer line, a node fails. Daemons send fewer bytes: a message of 1 MiB, escaped, and its fields.
LONGEST_LINE = 32 << 20
LARGEST = 16 << 20
"""Bytes of the largest answer that is one object; a node with a larger one fails."""
LARGEST_WINDOW = 64 << 20
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", re.ASCII)
_SOURCE = re.compile(r"[^ \n]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
NO_JSON = "its answer is no JSON"
_NO_LINE = "its answer has something that is no line of a log"


Body: TypeAlias = Generator[bytes, None, None]
"""An answer's body, in pieces. Closing the generator closes the connection."""


class NodeFailure(LogsrvError):
    """A node failed, or its answer is wrong. `str()` gives the reason, as the end of a sentence.

    status: the answer's status, or 0 without one.
    """

    def __init__(self, why: str, status: int = 0) -> None:
        super().__init__(why)
        self.status = status


class AskedNode(Protocol):
    """A node that can be asked, such as a `NodeClient`. name: the node's name in messages."""

    name: str

    def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
        """Yield the answer of an endpoint of the API, in pieces. Raises LogsrvError."""

    def is_responding(self) -> bool:
        """Return whether the node answers any request."""

    def stop_request(self) -> None:
        """End a request that is under way."""


class NodeLine(NamedTuple):
    """A line of a node.

    moment: its TIME in microseconds since 1970. line: in the store's format, `TIME SOURCE MESSAGE`, without
    LF; bytes that are not UTF-8 are written as `\\xNN`, as in every answer of the API.
    """

    moment: int
    line: bytes
    position: Position


def parse_moment(time: str) -> int:
    """Return a TIME in microseconds since 1970. Raises ValueError."""
    if not _TIME.fullmatch(time):
        raise ValueError(time)
    return (datetime.fromisoformat(time) - _EPOCH) // _MICROSECOND


def fetch_lines(
    node: AskedNode, asked: Mapping[str, Any], before: int = EARLIEST
) -> Generator[NodeLine, None, None]:
    """Yield the lines of a search as they arrive. Raises LogsrvError.

    A line without a TIME gets the moment of the line before it. before: the moment of such a first line.
    """
    with closing(node.answer_pieces("search", asked)) as body:
        for data in split_body_lines(body):
            line = parse_node_line(data, before)
            before = line.moment
            yield line


def fetch_object(
    node: AskedNode, endpoint: str, asked: Mapping[str, Any], largest: int = LARGEST
) -> dict[str, Any]:
    """Return the object that an endpoint answers, without checking its content. Raises LogsrvError.

    largest: bytes that the answer may have.
    """
    body = bytearray()
    with closing(node.answer_pieces(endpoint, asked)) as pieces:
        for piece in pieces:
            body += piece
            if len(body) > largest:
                raise NodeFailure(f"its answer is larger than {largest >> 20} MiB")
    found = _parse_json_or_fail(bytes(body), NO_JSON)
    if not isinstance(found, dict):
        raise NodeFailure(NO_JSON)
    return found


def fetch_oldest_and_newest(node: AskedNode) -> tuple[str, str]:
    """Return the TIMEs of a node's oldest and newest line; "" without lines. Raises LogsrvError."""
    found = fetch_object(node, "stats", {})
    try:
        oldest, newest = (found[name] or "" for name in ("oldest", "newest"))
        for one in filter(None, (oldest, newest)):
            parse_moment(one)
    except (ValueError, TypeError, KeyError):
        raise NodeFailure(NO_JSON) from None
    return oldest, newest


def fetch_line_and_neighbours(
    node: AskedNode, position: Position, before: int, after: int
) -> list[NodeLine]:
    """Return a node's line with its neighbours; [] if no line begins at `position`. Raises LogsrvError."""
    asked = {"position": str(position), "before": before, "after": after}
    found: list[NodeLine] = []
    try:
        for one in fetch_object(node, "show", asked, LARGEST_WINDOW)["lines"]:
            found.append(node_line_from_object(one, found[-1].moment if found else EARLIEST))
    except NodeFailure as error:
        if error.status != 404:
            raise
    except (TypeError, KeyError):
        raise NodeFailure(NO_JSON) from None
    return found


def parse_node_line(data: bytes, before: int) -> NodeLine:
    """Return the line in an object of the API, given as JSON. Raises NodeFailure.

    before: the moment of the previous line, for a line without a TIME.
    """
    found = _parse_json_or_fail(data, "its answer has a line that is no JSON")
    if isinstance(found, dict) and "error" in found and "position" not in found:
        raise NodeFailure(f"it says: {one_line(str(found['error']), 300)}")
    return node_line_from_object(found, before)


def node_line_from_object(found: Any, before: int) -> NodeLine:
    """Return the line in a parsed object. Raises NodeFailure."""
    moment, head = before, ""
    try:
        time: Any = found.get("time")
        source: Any = found.get("source")
        position = parse_position(found["position"])
        if time is not None or source is not None:
            head = f"{time} {source} "
            if not _TIME.fullmatch(time) or not _SOURCE.fullmatch(source):
                raise NodeFailure(_NO_LINE)
            # A line whose date does not exist, for example edited by hand, counts as one without a TIME.
            with suppress(ValueError):
                moment = parse_moment(time)
        # No stored line has an LF, but a broken node may send one: it would split the line.
        text = head + found["message"].replace("\n", "\\x0a")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NodeFailure(_NO_LINE) from None
    return NodeLine(moment, text.encode("utf-8", "backslashreplace"), position)


def _parse_json_or_fail(data: bytes, otherwise: str) -> Any:
    try:
        return parse_json(data)
    except (ValueError, RecursionError):
        raise NodeFailure(otherwise) from None


def split_body_lines(body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of a body, without LF. Raises NodeFailure for an incomplete or too long line."""
    begun: list[bytes] = []
    size = 0
    for piece in body:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join((*begun, line))
            begun.clear()
            size = 0
        begun.append(rest)
        size += len(rest)
        if size > LONGEST_LINE:
            raise NodeFailure(f"it answers with a line longer than {LONGEST_LINE >> 20} MiB")
    if size:
        raise NodeFailure("its answer broke off")
