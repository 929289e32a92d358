"""A worker process that parses bodies: its orders, its answers, and its main program.

    python -P -m logsrv.linelog.formats.http.worker

It has no access to the store, and opens no files.

an order     a line of JSON with the path and the limits, then the body
an answer    a line of JSON with the reply or the refusal, the counts and the sizes of the blocks; then
             the body of the reply, and the blocks, each of whole lines
"""

from __future__ import annotations

import json
import sys
import traceback
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from functools import cache
from http import HTTPStatus
from io import BytesIO

import attrs

from logsrv.kit.children.child_side import (
    answer_messages,
    ignore_stop_signals,
    limit_reading_process,
)
from logsrv.linelog.batch import Block
from logsrv.linelog.formats.http import content_encoding
from logsrv.linelog.formats.http.routes import Route, Routes, find_route, http_routes
from logsrv.linelog.intake.gathering import GatheredRecords
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
)
from logsrv.linelog.lines.inflated import in_pieces
from logsrv.linelog.lines.long_work import run_to_result
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize

# Lower priority than the server, which receives lines; higher than searches, as a sender waits for the
# worker.
NICE = 5


@cache
def _routes() -> Routes:
    return http_routes()


@attrs.frozen
class ParseOrder:
    """A body to parse, as on the route of its path. coding: Content-Encoding, "" for none."""

    coding: str
    rules: BodyRules
    line_rules: LineRules
    body: bytes

    def encoded(self) -> tuple[bytes, bytes]:
        """Return the order as a message, in parts."""
        lines = {**attrs.asdict(self.line_rules), "oversize": self.line_rules.oversize.value}
        rules = {**attrs.asdict(self.rules), "query": dict(self.rules.query)}
        head = {"coding": self.coding, "rules": rules, "lines": lines}
        return json.dumps(head).encode() + b"\n", self.body

    @classmethod
    def decoded(cls, message: bytes) -> ParseOrder:
        """Return the order in a message."""
        line, _, body = message.partition(b"\n")
        head = json.loads(line)
        lines = {**head["lines"], "oversize": Oversize(head["lines"]["oversize"])}
        return cls(head["coding"], BodyRules(**head["rules"]), LineRules(**lines), body)

    def parse_and_answer(self) -> Iterator[bytes]:
        """Parse the body, and yield the answer as a message, in parts."""
        counts = LineCounts()
        gathered = GatheredRecords(Records(self.rules.max_made), self.line_rules, counts)
        head: dict[str, object] = {}
        body = b""
        blocks: list[bytes] = []
        try:
            route = find_route(b"POST", self.rules.path, _routes())
            making = unpack_and_parse(route, self.body, self.coding, self.rules, gathered.records)
            reply = run_to_result(gathered.run_parser(making))
            assert reply is not None, "a parser for workers has to return a Reply"
        except RequestRefused as refusal:
            head["refused"] = [refusal.status, refusal.reason, refusal.records, str(refusal)]
        except Exception:
            # To standard error, which the service logs.
            traceback.print_exc()
            head["refused"] = [500, "protocol", None, "the server has failed; its log says why"]
        else:
            blocks += map(bytes, gathered.take_blocks())
            body = reply.body
            head["reply"] = [reply.status, reply.type, len(reply.body)]
            head["closing"] = gathered.closing
            head["as text"] = gathered.records.as_text
            head["reasons"] = gathered.records.reasons
        head["counts"] = attrs.asdict(counts)
        yield json.dumps({**head, "sizes": [*map(len, blocks)]}).encode() + b"\n"
        yield body
        yield from blocks


def unpack_and_parse(
    route: Route, body: bytes, coding: str, rules: BodyRules, records: Records
) -> Generator[None, None, Reply | None]:
    """Unpack and parse a body in steps, and add its records; the result is None if it is lines.

    coding: its Content-Encoding, "" for none. Raises RequestRefused, with the number of records if it can
    be known.
    """
    assert route.take is not None
    if coding:
        packed, unpacked = list(in_pieces(body)), BytesIO()
        # Check the unpacked size first, with only a piece at a time in memory.
        for _ in content_encoding.unpacked_pieces(packed, coding, rules.max_body):
            yield
        for piece in content_encoding.unpacked_pieces(packed, coding, rules.max_body):
            unpacked.write(piece)
            yield
        body = unpacked.getvalue()
    try:
        return route.take(body, rules, records)
    except RequestRefused as refusal:
        if refusal.records is None:
            refusal.records = _count_refused(refusal, route, body, rules, records)
        raise


def _count_refused(
    refusal: RequestRefused, route: Route, body: bytes, rules: BodyRules, records: Records
) -> int:
    """Return how many records a refused body has. Behind a fault (400) no more can be found."""
    if refusal.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and route.count is not None:
        try:
            return route.count(body, rules)
        except RequestRefused:
            # It is invalid as well, or even too large to look at.
            pass
    return records.count_if_refused_here


def read_worker_answer(
    pieces: Iterable[bytes], counts: LineCounts
) -> tuple[GatheredRecords, Reply]:
    """Return the records and the reply in a worker's answer; add the worker's counts to `counts`.

    Raises RequestRefused if the worker refused the body.
    """
    left, line = deque(pieces), b""
    while b"\n" not in line:
        line += left.popleft()
    line, _, rest = line.partition(b"\n")
    left.appendleft(rest)
    head = json.loads(line)
    for name, number in head["counts"].items():
        setattr(counts, name, getattr(counts, name) + number)
    if "refused" in head:
        status, reason, records, sentence = head["refused"]
        raise RequestRefused(status, sentence, reason=reason, records=records)
    status, kind, size = head["reply"]
    reply = Reply(status, _take_bytes(left, size), kind)
    blocks = (Block.of(_take_bytes(left, size)) for size in head["sizes"])
    reasons = Counter(head["reasons"])
    gathered = GatheredRecords.of_worker(blocks, head["closing"], head["as text"], reasons)
    return gathered, reply


def _take_bytes(left: deque[bytes], size: int) -> bytes:
    """Remove the first `size` bytes from the pieces and return them."""
    parts = []
    while size:
        piece = left.popleft()
        if len(piece) > size:
            left.appendleft(piece[size:])
            piece = piece[:size]
        parts.append(piece)
        size -= len(piece)
    return b"".join(parts)


def main() -> int:
    """Answer orders until the input ends; return the exit status."""
    limit_reading_process(NICE)
    ignore_stop_signals()
    answer_messages(lambda message: ParseOrder.decoded(message).parse_and_answer())
    return 0


if __name__ == "__main__":
    sys.exit(main())
