"""Bodies of HTTP requests on their way to records: what all formats of them have in common (sans-IO)."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

import attrs
import orjson

from logsrv.errors import PeerError

JSON = "application/json"
# Times as many bytes as a body may have that its records may, as labels and the like are in each of them;
# and how many they may have at least.
_GROWTH = 4
_LEAST_MADE = 16 << 20

# Digits and sign of an integer of 64 bits.
_LONGEST_INTEGER = 20
# What a record takes beside its bytes.
_RECORD = 200


class Refusal(PeerError):
    """A request of which nothing is stored; `str()` is the sentence for its sender.

    status: of HTTP. reason: the label in the metrics.
    """

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason


@attrs.frozen
class Reply:
    """The answer to a request, once its records are safe."""

    status: int
    body: bytes = b""
    type: str = JSON


@attrs.frozen
class Asked:
    """The circumstances of a body: its type, without parameters, its path, how long a record may be.

    max_made: bytes that all its records may have, 200 more counted for each.
    """

    media: str
    path: str
    max_record: int
    max_made: int = 256 << 20


def most_made(most_body: int) -> int:
    """Return the bytes that all records of a body may have, of which there may be `most_body` bytes."""
    return max(_LEAST_MADE, _GROWTH * most_body)


class Records:
    """The records of a request, in their order.

    runs: those of a kind that follow each other, and whether they are structured: then they may be as long
    as --max-record. as_text: how many were promised to be structured, and are not. reasons: those of the
    records that are not stored, as they are counted.
    """

    def __init__(self, most: int | None = None) -> None:
        """most: bytes that all of them may have, those that are left out too."""
        self._most = most
        self._made = 0
        self.runs: list[tuple[bool, list[bytes]]] = []
        self.as_text = 0
        self.reasons: Counter[str] = Counter()

    def add(self, record: bytes, *, structured: bool = True) -> None:
        """Add a record. Raises Refusal (413) if all are too much now."""
        self.made(len(record))
        if not self.runs or self.runs[-1][0] is not structured:
            self.runs.append((structured, []))
        self.runs[-1][1].append(record)

    def add_unless_longer(self, record: bytes, most: int) -> None:
        """Add a record, or leave it out if it has more than `most` bytes. Raises Refusal (413) as `add`."""
        if len(record) > most:
            self.leave_out(record)
        else:
            self.add(record)

    def extend(self, records: list[bytes]) -> None:
        """Add structured records. Raises Refusal (413) as `add` does."""
        self.expect(len(records))
        self._made += sum(map(len, records)) + _RECORD * len(records)
        if self.runs and self.runs[-1][0]:
            self.runs[-1][1].extend(records)
        else:
            self.runs.append((True, records))

    def leave_out(self, record: bytes) -> None:
        """Count a record that is too long. Raises Refusal (413) as `add` does."""
        self.made(len(record))
        self.reasons["oversize"] += 1

    def made(self, size: int) -> None:
        """Count what is made of a body beside its records. Raises Refusal (413) as `add` does."""
        self._made += size
        self.expect(1)
        self._made += _RECORD

    def expect(self, number: int) -> None:
        """Raise Refusal (413) if so many more records would be too much, however short they are."""
        if self._most is not None and self._made + number * _RECORD > self._most:
            sentence = f"the body becomes records of more than {self._most} bytes"
            raise Refusal(413, "oversize", f"{sentence}; send fewer at once")

    @property
    def refused(self) -> int:
        """The number of those that are not stored."""
        return self.reasons.total()

    def __len__(self) -> int:
        return sum(len(records) for _, records in self.runs)


@attrs.frozen
class Taken:
    """A body understood: its records, and what to answer when they are safe."""

    records: Records
    reply: Reply


def malformed(sentence: str) -> Refusal:
    """Return the refusal of a body that is not what it says it is."""
    return Refusal(400, "protocol", sentence)


def too_long(most: int, what: str = "a record") -> Refusal:
    """Return the refusal of a request for one record that is longer than `most` bytes."""
    return Refusal(413, "oversize", f"{what} is longer than {most} bytes, what --max-record allows")


def parsed(text: bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError for what is none.

    Integers beyond 64 bits are rounded: what is stored is the text itself.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        # The grammar allows half of a surrogate pair as an escape; orjson does not.
        if b"\\u" not in text:
            raise
    try:
        return json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, parse_int=_integer
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else _finite(digits)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def told(**what: object) -> bytes:
    """Return the body of an answer: JSON on a line."""
    return json.dumps(what).encode() + b"\n"
