"""The lines of one node by time, in pieces that fit into memory (no I/O of its own).

A store is not in order of time: a centre has the blocks of many origins in order of arrival. So a node is
asked for all lines of a span of time, and they are sorted here. The first span is the whole time. If a span
has too many lines, the request is ended, and a shorter span requested. The first shorter span ends where
nine tenths of the received lines lie; further ones are halved, because the received lines may be any lines
of the span. The length of the next span is estimated from the number of lines in the last one. After a span
without lines, the next one is all the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import attrs

from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.http.nodes.answer import (
    EARLIEST,
    LATEST,
    AskedNode,
    NodeFailure,
    NodeLine,
    fetch_lines,
    parse_moment,
)

_FULL = 0.7
_LONGER = 16.0


class TimeSpan(NamedTuple):
    """A span of time from `begin` up to, but without, `end`; microseconds since 1970."""

    begin: int
    end: int


class AnswerSize(NamedTuple):
    """The size of an answer: the number of its lines, and their bytes."""

    lines: int
    bytes: int


@attrs.frozen
class NodeQuestion:
    """A search of nodes. source: a pattern of sources. reverse: whether the newest lines come first."""

    query: str
    span: TimeSpan
    source: str = ""
    reverse: bool = False


class SpanLines(NamedTuple):
    """The lines of a span, by time.

    edge: the start of the next span. missing: a sentence about lines that are missing, or "".
    """

    lines: list[NodeLine]
    edge: int
    missing: str


def span_between(since: str, until: str) -> TimeSpan:
    """Return the span between two TIMEs; "" for no limit. Raises ValueError."""
    return TimeSpan(
        parse_moment(since) if since else EARLIEST, parse_moment(until) if until else LATEST
    )


def fetch_lines_by_time(
    node: AskedNode, question: NodeQuestion, room: AnswerSize, of_moment: AnswerSize
) -> Iterator[SpanLines]:
    """Yield all lines of a node by time, or the newest first if the question says so. Raises LogsrvError.

    room: the largest answer. of_moment: the largest answer for one moment, which cannot be divided.
    """
    # For reverse order all moments are negated here, so that time always increases.
    sign = -1 if question.reverse else 1
    at, stop = _negate_if_reverse(question.span, sign)
    end, length, cuts = stop, stop - at, 0
    # A small first request, because an answer that is too large is received for nothing.
    little = AnswerSize(max(1, room.lines // 4), room.bytes)
    most = little
    while at < stop:
        is_moment = end - at == 1
        if is_moment:
            most = of_moment
        lines, is_whole = _fetch_span(
            node, question, _negate_if_reverse(TimeSpan(at, end), sign), most
        )
        lines.sort(key=lambda line: sign * line.moment)
        if not is_whole and not is_moment:
            begin = sign * lines[0].moment
            edge = sign * lines[len(lines) * 9 // 10].moment
            if cuts:
                # Older lines may come much later in the store: each attempt goes further back in time.
                begin = max(at, begin - ((end - begin) << 2 * cuts))
                edge = min(edge, (begin + end) // 2)
            cuts += 1
            most = room
            end = max(edge, at + 1)
            length = max(1, end - begin)
            continue
        missing = ""
        if not is_whole:
            moment = exact_rfc3339(lines[0].moment)
            missing = f"it has more than {most.lines:,} lines of {moment}: the others are missing"
        at, cuts = end, 0
        yield SpanLines(lines, 1 - at if question.reverse else at, missing)
        if lines:
            length = int(length * min(_FULL * room.lines / len(lines), _LONGER)) + 1
        end = min(at + length, stop) if lines else stop
        most = room if lines else little


def _negate_if_reverse(span: TimeSpan, sign: int) -> TimeSpan:
    return span if sign == 1 else TimeSpan(1 - span.end, 1 - span.begin)


def _fetch_span(
    node: AskedNode, question: NodeQuestion, span: TimeSpan, room: AnswerSize
) -> tuple[list[NodeLine], bool]:
    """Return the lines of a span in order of arrival, and whether these are all its lines."""
    asked: dict[str, Any] = {
        "q": question.query,
        "source": question.source,
        "limit": room.lines + 1,
        "reverse": int(question.reverse),
        "since": exact_rfc3339(span.begin) if span.begin > EARLIEST else "",
        "until": exact_rfc3339(span.end) if span.end < LATEST else "",
    }
    found: list[NodeLine] = []
    size = 0
    with closing(fetch_lines(node, asked, max(span.begin, EARLIEST))) as lines:
        for line in lines:
            if not span.begin <= line.moment < span.end:
                raise NodeFailure(
                    f"it answers with a line of {exact_rfc3339(line.moment)}, not asked for"
                )
            found.append(line)
            size += len(line.line)
            if len(found) > room.lines or (size > room.bytes and len(found) > 1):
                return found, False
    return found, True
