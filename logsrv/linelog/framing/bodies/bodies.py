"""The parts that all formats of bodies share: records on their way, limits, refusals, answers (sans-IO)."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

import attrs
import orjson

from logsrv.errors import PeerError
from logsrv.linelog.framing.bodies.json_made import HugeNumber, made, made_together
from logsrv.linelog.framing.lines.records import RecordRun

JSON = "application/json"
# The records of a body may have four times its bytes, as labels and the like stand in each of them; or
# 16 MiB, if that is more.
_GROWTH = 4
_LEAST_MADE = 16 << 20

# Digits and sign of an integer of 64 bits.
_LONGEST_INTEGER = 20
# Every number that is beyond all floats has this in it.
_LARGE = re.compile(rb"[0-9][eE]\+?[0-9]{2}|[0-9]{289}")
RECORD = 200
"""Bytes that are counted for a record beside its own: it is stored with a time and a source."""

# Bytes that are made in a few milliseconds.
_STEP = 128 << 10


class RequestRefused(PeerError):
    """A request of which nothing is stored; `str()` is the sentence for its sender.

    status: of HTTP. reason: the label in the metrics. headers: further ones of the answer.
    """

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason


@attrs.frozen
class Reply:
    """The answer to a request, once its records are safe. headers: further ones of it."""

    status: int
    body: bytes = b""
    type: str = JSON
    headers: Mapping[str, str] = MappingProxyType({})


@attrs.frozen
class BodyRules:
    """The circumstances of a body: its type, without parameters, its path, and limits in bytes.

    max_record: of a record. max_made: of all its records, 200 more counted for each. max_body: of the body
    itself, where that is still to be unpacked.
    """

    media: str
    path: str
    max_record: int
    max_made: int = 256 << 20
    max_body: int = 64 << 20


def most_made(most_body: int) -> int:
    """Return the bytes that all records of a body may have, of which there may be `most_body` bytes."""
    return max(_LEAST_MADE, _GROWTH * most_body)


@attrs.frozen
class WholeLines:
    """Records that are lines as they stand: short enough, nothing to escape, each ended by LF."""

    text: bytes
    number: int

    @property
    def size(self) -> int:
        """The bytes of the records."""
        return len(self.text) - self.number


class Records:
    """The records of a message on their way: added by who makes them, taken from here step by step.

    as_text: how many were promised to be structured, and are not. reasons: those of the records that are
    not stored, as they are counted.
    """

    def __init__(self, most: int | None = None) -> None:
        """most: bytes that all of them may have, those that are left out too."""
        self._most = most
        self._made = 0
        self._taken = 0
        self._number = 0
        self._runs: list[RecordRun | WholeLines] = []
        # The lines of the last run.
        self._open: list[bytes] = []
        self.as_text = 0
        self.reasons: Counter[str] = Counter()

    def add(self, record: bytes, *, structured: bool = True) -> None:
        """Add a record. Raises RequestRefused (413) if all are too much now."""
        self.made(len(record))
        self._number += 1
        last = self._runs[-1] if self._runs else None
        if isinstance(last, RecordRun) and last.structured is structured:
            self._open.append(record)
        else:
            self._open = [record]
            self._runs.append(RecordRun(self._open, structured))

    def add_texts(self, texts: list[bytes]) -> None:
        """Add records of text, many at once. Raises RequestRefused (413) as `add` does."""
        self.made(sum(map(len, texts)), len(texts))
        self._number += len(texts)
        self._open = texts
        self._runs.append(RecordRun(texts, structured=False))

    def add_all(self, other: Records) -> None:
        """Add what others are, in their order."""
        self.as_text += other.as_text
        self.reasons += other.reasons
        for run in other.take():
            if isinstance(run, WholeLines):
                self.add_lines(run.text, run.number)
            else:
                for record in run.lines:
                    self.add(record, structured=run.structured)

    def add_made(self, found: Sequence[dict[str, Any]], most: int) -> Iterator[None]:
        """Add records that are made of dicts, and leave out those that become longer than `most` bytes."""
        lines = made_together(found, most) if found else None
        if lines is not None:
            self.add_lines(lines, len(found))
        else:
            for one in found:
                line = made(one, {})
                if len(line) > most:
                    self.leave_out(len(line))
                else:
                    self.add(line)
                if self.due:
                    yield
        if self.due:
            yield

    def add_lines(self, text: bytes, number: int) -> None:
        """Add records that are whole lines already, so many. Raises RequestRefused (413) as `add` does."""
        self.made(len(text), number)
        self._number += number
        self._runs.append(WholeLines(text, number))

    def leave_out(self, size: int) -> None:
        """Count a record of so many bytes, which is too long. Raises RequestRefused (413) as `add` does."""
        self.made(size)
        self.reasons["oversize"] += 1

    def reject(self, number: int = 1) -> None:
        """Count records that are left out, as they are none. Raises RequestRefused (413) as `add` does."""
        self.made(0, number)
        self.reasons["protocol"] += number

    def made(self, size: int, number: int = 1) -> None:
        """Count so many records, or what is as large. Raises RequestRefused (413) as `add` does."""
        self._made += size
        self.expect(number)
        self._made += number * RECORD

    def expect(self, number: int) -> None:
        """Raise RequestRefused (413) if so many more records would be too much, however short they are."""
        if self._most is not None and self._made + number * RECORD > self._most:
            raise too_much(self._most, "records")

    @property
    def due(self) -> bool:
        """Return true when so much was made since the last look at it that others should have a turn."""
        if self._made - self._taken < _STEP:
            return False
        self._taken = self._made
        return True

    def take(self) -> list[RecordRun | WholeLines]:
        """Return what was added since it was last taken, in its order."""
        runs, self._runs = self._runs, []
        return runs

    @property
    def refused(self) -> int:
        """The number of those that are not stored."""
        return self.reasons.total()

    def __len__(self) -> int:
        """Return how many were added so far."""
        return self._number


# Takes a body: each step adds records, others have a turn between two steps, and the result is the answer
# for when they are safe.
Steps: TypeAlias = Generator[None, None, Reply]


def malformed(sentence: str) -> RequestRefused:
    """Return the refusal of a body that is not what it says it is."""
    return RequestRefused(400, "protocol", sentence)


def too_long(most: int, what: str = "a record") -> RequestRefused:
    """Return the refusal of a request for one record that is longer than `most` bytes."""
    return RequestRefused(
        413, "oversize", f"{what} is longer than {most} bytes, what --max-record allows"
    )


def too_much(most: int, what: str) -> RequestRefused:
    """Return the refusal of a message that becomes more than `most` bytes of what is stored."""
    sentence = f"the message becomes {what} of more than {most} bytes; send fewer at once"
    return RequestRefused(413, "oversize", sentence)


def parsed(text: bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError for what is none.

    Integers beyond 64 bits are rounded: what is stored is the text itself. A number beyond all floats is
    `HugeNumber`.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        # The grammar allows half of a surrogate pair as an escape, and numbers of any size.
        if b"\\u" not in text and not _LARGE.search(text):
            raise
    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_number, parse_int=_integer
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _number(digits: str) -> float:
    number = float(digits)
    return HugeNumber(digits) if math.isinf(number) else number


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else _number(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def json_line(**what: object) -> bytes:
    """Return the body of an answer: JSON on a line."""
    return json.dumps(what).encode() + b"\n"
