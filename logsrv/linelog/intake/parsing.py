"""Parse a message in one way: a plain function makes its records, here and now or in a worker.

    parser(body, rules, records) -> Reply

A message of at most 64 KiB takes some milliseconds, and is parsed in this process. A larger one, or one
that proves to become larger, is parsed by the same function in a worker: a process with a limit for its
memory, so one that needs too much of it is refused, and nothing else is. Nothing of a refused message is
stored.

A worker has no access to the store, and opens no files. What it gets and answers:

an order     a line of JSON with the name of the parser and the limits, then the body
an answer    a line of JSON with the reply or the refusal, the counts and the sizes of the blocks; then
             the body of the reply, and the blocks, each of whole lines
"""

from __future__ import annotations

import json
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from http import HTTPStatus
from typing import TypeAlias

import attrs

from logsrv.kit.plugins import load_object
from logsrv.kit.protocols.faults import wrong_value_text
from logsrv.linelog.batch import Block
from logsrv.linelog.intake.gathering import GatheredRecords, gather
from logsrv.linelog.lines.bodies import (
    LARGE,
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    TooLargeHereError,
    failed_here,
)
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize

# Adds the records of a message, and returns the answer to send when they are safe. Raises RequestRefused.
# It is a function of a module, as a worker imports it by its name.
Parser: TypeAlias = Callable[[bytes, BodyRules, Records], Reply]
# The functions among the rules for a body, which an order names too.
_FUNCTIONS = ("take", "count")


def in_batches(messages: Iterable[bytes], large: int = LARGE) -> Iterator[list[bytes]]:
    """Yield messages in lists, in order; one of more than `large` bytes alone, for a worker."""
    batch: list[bytes] = []
    for message in messages:
        if len(message) > large:
            if batch:
                yield batch
            yield [message]
            batch = []
        else:
            batch.append(message)
    if batch:
        yield batch


def add_text(message: bytes, _: BodyRules, records: Records) -> Reply:
    """Add a message as text: the parser of messages that are one line each."""
    records.add_texts([message])
    return Reply(200)


@attrs.frozen
class Parsed:
    """The lines of a message, and the answer to its sender."""

    gathered: GatheredRecords
    reply: Reply


@attrs.frozen
class ParseOrder:
    """A whole message of a sender. rules: for its records. line_rules: for those that are text.

    parser: a function of a module, as a worker imports it by its name. Raises TypeError for any other.
    """

    parser: Parser
    body: bytes | bytearray
    rules: BodyRules
    line_rules: LineRules
    _reference: str = attrs.field(init=False)

    @_reference.default
    def _reference_of_parser(self) -> str:
        return reference_of(self.parser)

    def parse_here(self, counts: LineCounts) -> Parsed:
        """Parse the message in this process. Raises TooLargeHereError if a worker should do it.

        counts: counts shortened and dropped lines. Raises RequestRefused.
        """
        if len(self.body) > LARGE:
            raise TooLargeHereError
        return self._parse(attrs.evolve(self.rules, here=True), counts)

    def _parse(self, rules: BodyRules, counts: LineCounts) -> Parsed:
        records = Records(rules.max_made, here=rules.here, longest=rules.max_record)
        reply: object = self.parser(bytes(self.body), rules, records)
        if not isinstance(reply, Reply):
            raise TypeError(f"a parser gave {wrong_value_text(reply)}; it has to be a Reply")
        return Parsed(gather(records, self.line_rules, counts), reply)

    def encoded(self) -> tuple[bytes, bytes | bytearray]:
        """Return the order for a worker, in parts."""
        lines = {**attrs.asdict(self.line_rules), "oversize": self.line_rules.oversize.value}
        rules = {**attrs.asdict(self.rules), "query": dict(self.rules.query)}
        rules |= {name: reference_of(rules[name]) for name in _FUNCTIONS if rules[name]}
        head = [self._reference, rules, lines]
        return json.dumps(head).encode() + b"\n", self.body

    @classmethod
    def decoded(cls, order: bytes) -> ParseOrder:
        """Return the message in an order."""
        line, _, body = order.partition(b"\n")
        reference, rules, lines = json.loads(line)
        lines["oversize"] = Oversize(lines["oversize"])
        rules |= {name: load_object(rules[name]) for name in _FUNCTIONS if rules[name]}
        return cls(load_object(reference), body, BodyRules(**rules), LineRules(**lines))

    def parse_and_answer(self) -> Iterator[bytes]:
        """Parse the message in a worker, and yield the answer in parts."""
        counts = LineCounts()
        head: dict[str, object] = {}
        body, blocks = b"", list[bytes]()
        try:
            parsed = self._parse(self.rules, counts)
            found, reply = parsed.gathered, parsed.reply
            # The copies need memory as well.
            blocks = [*map(bytes, found.blocks)]
        except RequestRefused as refusal:
            head["refused"] = [refusal.status, refusal.reason, refusal.records, str(refusal)]
        except MemoryError:
            why = "the message needs more memory than one message may have; send fewer at once"
            head["refused"] = [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "oversize", None, why]
        except (Exception, SystemExit):
            # To standard error, which the service logs.
            traceback.print_exc()
            failed = failed_here()
            head["refused"] = [failed.status, failed.reason, None, str(failed)]
        else:
            body = reply.body
            head["reply"] = [reply.status, reply.type, dict(reply.headers), len(body)]
            head["found"] = [found.closing, found.dropped, found.as_text, found.empty]
            head["reasons"] = found.reasons
        yield (
            json.dumps(
                {**head, "counts": attrs.asdict(counts), "sizes": [*map(len, blocks)]}
            ).encode()
            + b"\n"
        )
        yield body
        yield from blocks


@cache
def reference_of(function: Callable[..., object]) -> str:
    """Return the name of a function of a module, as `load_object` reads it; a worker imports it by that.

    Raises TypeError for a method, a lambda, or a function inside another one.
    """
    name = getattr(function, "__qualname__", "")
    if not name.isidentifier():
        raise TypeError(f"{function!r:.100} has to be a function of a module, which workers import")
    return f"{function.__module__}:{name}"


def read_answer(pieces: list[bytes], counts: LineCounts) -> Parsed:
    """Return what a worker has made of a message; add its counts to `counts`. Raises RequestRefused.

    The pieces are taken out of their list, as they may be hundreds of megabytes.
    """
    left, line = deque(pieces), b""
    pieces.clear()
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
    status, kind, headers, size = head["reply"]
    reply = Reply(status, _take_bytes(left, size), kind, headers)
    blocks = deque(Block.of(_take_bytes(left, size)) for size in head["sizes"])
    closing, dropped, as_text, empty = head["found"]
    reasons = Counter(head["reasons"])
    return Parsed(GatheredRecords(blocks, closing, dropped, as_text, empty, reasons), reply)


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
