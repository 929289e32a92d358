"""The parts that all formats of bodies share: collected records, limits, refusals, answers (sans-IO)."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

import attrs
import orjson

from logsrv.errors import PeerError
from logsrv.linelog.lines.json_made import HugeNumber, json_object_line, json_object_lines
from logsrv.linelog.lines.records import RecordRun

JSON = "application/json"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
NOTHING: Mapping[str, Any] = MappingProxyType({})
# All records of a body may take four times --max-body, because each record repeats its labels, and at least
# 16 MiB. A body with more is refused.
_GROWTH = 4
_LEAST_MADE = 16 << 20

# Characters of the longest 64-bit integer, with its sign.
_LONGEST_INTEGER = 20
# Matches every number that is too large for a float, and some others.
_MAYBE_TOO_LARGE = re.compile(rb"[0-9][eE]\+?[0-9]{2}|[0-9]{289}")
# A text of JSON this many times as long as a record may be, and longer than 256 KiB, is not parsed.
_SPARE = 4
_LEAST_LONG = 256 << 10
LARGE = 64 << 10
"""A message of more bytes, unpacked, is parsed in a worker; unusual ones take 3 µs a byte."""
# Records of more bytes in all are made in a worker, whose memory is limited.
_MOST_HERE = 4 << 20
RETRY_SECONDS = 2
"""A sender refused as busy should try again after this many seconds."""
RECORD = 200
"""Bytes counted for each record in addition to its text, for its time and source in the store."""

# The most dicts that become JSON in one call, and the most bytes of what all of them have.
_AT_ONCE = 512
_BYTES_AT_ONCE = 1 << 20
# Records of one kind become lines together, up to this many bytes.
_RUN = 1 << 20

# By HTTP status: the label of refused records in the metrics. Any other is "protocol".
_REASONS = {
    401: "unauthorized",
    403: "unauthorized",
    409: "misplaced",
    413: "oversize",
    503: "busy",
}


class RequestRefused(PeerError):
    """A refused request; `str()` is the sentence for its sender.

    status: HTTP status. headers: further headers of the answer. reason: label in the metrics, which
    follows from the status unless it is given. records: number of refused records, None if unknown.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        headers: Mapping[str, str] = NO_HEADERS,
        reason: str | None = None,
        records: int | None = None,
    ) -> None:
        super().__init__(sentence)
        self.records = records
        self.status = status
        self.headers = headers
        self.reason = reason or _REASONS.get(status, "protocol")

    @property
    def number(self) -> int:
        """The number of refused records to count, 1 if it is unknown."""
        return 1 if self.records is None else self.records


class TooLargeHereError(Exception):
    """A message proves to be large while it is parsed: a worker should begin anew."""


@attrs.frozen
class Reply:
    """The answer to a request, sent when its records are safe. type: the Content-Type."""

    status: int
    body: bytes = b""
    type: str = JSON
    headers: Mapping[str, str] = NO_HEADERS


@attrs.frozen
class BodyRules:
    """The type, path, query and limits of a body.

    media: its Content-Type without parameters. query: the parameters of its request, percent-decoded.
    coding: its Content-Encoding, "" for none. take, count: the functions of its route, which a worker
    imports by their names. here: whether it is parsed in the server, not in a worker.
    Limits in bytes: max_record: one record. max_made: all records of the body, plus 200 for each of them.
    max_body: the unpacked body, and the answer to a bulk request.
    """

    media: str
    path: str
    max_record: int
    max_made: int = 256 << 20
    max_body: int = 64 << 20
    query: Mapping[str, str] = NO_HEADERS
    coding: str = ""
    take: BodyParser | None = None
    count: BodyCounter | None = None
    here: bool = False

    def check_unpacked(self, size: int) -> None:
        """Raise TooLargeHereError if content that becomes `size` bytes should be parsed in a worker."""
        if self.here and size > LARGE:
            raise TooLargeHereError


def record_bytes_limit(most_body: int) -> int:
    """Return the limit for all records of a body, in bytes. most_body: limit for the body itself."""
    return max(_LEAST_MADE, _GROWTH * most_body)


@attrs.frozen
class TextLines:
    """A text of lines as they were sent: with any bytes, of any length, perhaps without an end."""

    text: bytes
    number: int

    @property
    def record_bytes(self) -> int:
        """The length of the text in bytes."""
        return len(self.text)


@attrs.frozen
class WholeLines:
    """Records that are lines already: short enough, without anything to escape, each ended by LF."""

    text: bytes
    number: int

    @property
    def record_bytes(self) -> int:
        """The total length of the records in bytes, without the LFs."""
        return len(self.text) - self.number


_BYTES = (bytes, bytearray, memoryview)


def _hint_for(record: object) -> str:
    """Return what to write for a value that is no bytes."""
    if isinstance(record, str):
        return "encode the text: add(text.encode(), structured=False)"
    if isinstance(record, dict):
        return "for JSON, use add_dicts_as_json([…], rules.max_record), or add(json_line(…))"
    return "make bytes of it first"


class Records:
    """The records of a message: a parser adds them, and then they are taken together.

    as_text: number of records that should be structured but are stored as text. empty: number of those that
    `add` got empty; they are not stored. reasons: numbers of the records that are not stored, by reason.
    """

    def __init__(
        self, most: int | None = None, *, here: bool = False, longest: int | None = None
    ) -> None:
        """most: limit in bytes for all records, also those that are not stored; None for no limit.

        here: whether TooLargeHereError is raised for records of more bytes than are made in the server.
        longest: limit for a structured record that `add` gets; its parser may have a limit of its own.
        """
        self._longest = longest
        self._here = here and (most is None or most > _MOST_HERE)
        self._most = _MOST_HERE if self._here else most
        self._made = 0
        # A run of records is full when all records have this many bytes.
        self._run_full = 0
        self._number = 0
        self._runs: list[RecordRun | WholeLines | TextLines] = []
        self.as_text = 0
        self.empty = 0
        self.reasons: Counter[str] = Counter()

    def add(self, record: bytes, *, structured: bool = True) -> None:
        """Add a record, as bytes. Raises RequestRefused (413) if it, or all together, exceed a limit.

        Raises TypeError for anything else.
        """
        if type(record) is not bytes and not isinstance(record, _BYTES):
            raise TypeError(f"add takes bytes, not {type(record).__name__}; {_hint_for(record)}")
        if structured and self._longest is not None and len(record) > self._longest:
            raise record_too_long(self._longest)
        self.count_towards_limit(len(record))
        self._number += 1
        self.empty += not record
        last = self._runs[-1] if self._runs else None
        if (
            isinstance(last, RecordRun)
            and last.structured is structured
            and self._made < self._run_full
        ):
            last.lines.append(record)
        else:
            self._runs.append(RecordRun([record], structured))
            self._run_full = self._made + _RUN

    def add_texts(self, texts: list[bytes]) -> None:
        """Add many text records at once. Raises RequestRefused (413) and TypeError as `add` does."""
        if texts and not isinstance(texts[0], _BYTES):
            raise TypeError(
                f"add_texts takes bytes, not {type(texts[0]).__name__}: encode each text"
            )
        self.count_towards_limit(sum(map(len, texts)), len(texts))
        self._number += len(texts)
        self._runs.append(RecordRun(texts, structured=False))

    def add_dicts_as_json(
        self,
        dicts: Iterable[dict[str, Any]],
        most: int,
        shared: Mapping[str, Any] = NOTHING,
        *,
        leave_out: bool = False,
    ) -> None:
        """Add dicts as JSON records. Raises RequestRefused (413) for one longer than `most` bytes.

        shared: keys and values that all of them have. If these are long, few dicts become JSON at once.
        leave_out: whether a record that is too long is left out and counted instead. Only for a protocol
        whose answer says so: `refused_count` has the number for it.
        """
        at_once = max(1, min(_AT_ONCE, _BYTES_AT_ONCE // len(json_object_line(shared, {}))))
        left = iter(dicts)
        while found := list(islice(left, at_once)):
            lines = json_object_lines(found, most)
            if lines is not None:
                self.add_whole_lines(lines, len(found))
            else:
                self._add_dicts_singly(found, most, leave_out)

    def _add_dicts_singly(
        self, dicts: Sequence[dict[str, Any]], most: int, leave_out: bool
    ) -> None:
        for one in dicts:
            line = json_object_line(one, {})
            if len(line) <= most:
                self.add(line)
            elif leave_out:
                self.count_oversize(len(line))
            else:
                raise record_too_long(most)

    def add_whole_lines(self, text: bytes, number: int) -> None:
        """Add `number` records that are whole lines already. Raises RequestRefused (413) as `add` does."""
        self.count_towards_limit(len(text), number)
        self._number += number
        self._runs.append(WholeLines(text, number))

    def add_text_lines(self, text: bytes, number: int) -> None:
        """Add a text of `number` lines, which become lines as those of a connection do."""
        self._number += number
        self._runs.append(TextLines(text, number))

    def count_oversize(self, size: int) -> None:
        """Count a record of `size` bytes, too long to store. Raises RequestRefused (413) as `add` does."""
        self._count_refused("oversize", 1, size)

    def count_invalid(self, number: int = 1) -> None:
        """Count invalid records, which are not stored. Raises RequestRefused (413) as `add` does."""
        self._count_refused("protocol", number)

    def count_unknown(self, number: int = 1) -> None:
        """Count records under keys that their format does not have. Raises RequestRefused as `add` does."""
        self._count_refused("unknown", number)

    def _count_refused(self, reason: str, number: int, size: int = 0) -> None:
        self.count_towards_limit(size, number)
        if number:
            self.reasons[reason] += number

    def count_towards_limit(self, size: int, number: int = 1) -> None:
        """Count `number` records, `size` bytes in all, or work that costs as much, towards the limit.

        Raises RequestRefused (413) as `add` does.
        """
        self._made += size
        self.require_room_for_records(number)
        self._made += number * RECORD

    def require_room_for_records(self, number: int) -> None:
        """Raise RequestRefused (413) if `number` more records, even empty ones, would exceed the limit."""
        if self._most is not None and self._made + number * RECORD > self._most:
            if self._here:
                raise TooLargeHereError
            raise records_too_large(self._most, "records")

    def take_runs(self) -> list[RecordRun | WholeLines | TextLines]:
        """Take all records out, and return them in order."""
        runs, self._runs = self._runs, []
        return runs

    @property
    def refused_count(self) -> int:
        """The number of records that are not stored."""
        return self.reasons.total()

    @property
    def count_if_refused_here(self) -> int:
        """The number of records in a message that is refused now: those so far, and the one at fault."""
        return len(self) + self.refused_count + 1

    def __len__(self) -> int:
        """Return how many records were added so far."""
        return self._number


# A parser of bodies: gets the unpacked body, its type and limits, and the Records to add to. Returns the
# answer; None if the body is lines.
BodyParser: TypeAlias = Callable[[bytes, BodyRules, Records], Reply | None]
BodyCounter: TypeAlias = Callable[[bytes, BodyRules], int]


def malformed_body(sentence: str, records: int | None = None) -> RequestRefused:
    """Return the refusal (400) of a body that is not in the format it claims."""
    return RequestRefused(400, sentence, records=records)


def nothing_found(sentence: str, records: int = 1) -> RequestRefused:
    """Return the refusal (400) of a body in which no record of its format was found."""
    return RequestRefused(400, sentence, reason="unknown", records=max(1, records))


def busy_refusal(sentence: str, reason: str | None = None) -> RequestRefused:
    """Return the refusal (503) of a message that may be sent again soon. reason: as in `RequestRefused`."""
    return RequestRefused(503, sentence, {"Retry-After": str(RETRY_SECONDS)}, reason)


def failed_here() -> RequestRefused:
    """Return the refusal (500) of a message in whose handling our code, or a plugin's, has failed."""
    return RequestRefused(500, "the server has failed; its log says why", reason="failed")


def body_too_large(most: int) -> RequestRefused:
    """Return the refusal (413) of a body with more than `most` bytes."""
    return RequestRefused(413, f"the body has more than {most} bytes, the limit of --max-body")


def record_too_long(most: int, what: str = "a record") -> RequestRefused:
    """Return the refusal (413) of a request because of one record longer than `most` bytes."""
    return RequestRefused(413, f"{what} is longer than {most} bytes, the limit of --max-record")


def records_too_large(most: int, what: str, records: int | None = None) -> RequestRefused:
    """Return the refusal (413) of a message that would take more than `most` bytes in the store."""
    sentence = f"the message becomes {what} of more than {most} bytes; send fewer at once"
    return RequestRefused(413, sentence, records=records)


def fits_in_record(size: int, most: int) -> bool:
    """Return whether JSON of `size` bytes may become a record of `most`: white space disappears."""
    return size <= max(_SPARE * most, _LEAST_LONG)


def parse_json_text(text: bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError for invalid JSON.

    Integers beyond 64 bits become floats, and lose digits; a caller that stores the text keeps them.
    A number too large for a float becomes `HugeNumber`.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        # orjson refuses two things that JSON allows: the escape of half a surrogate pair, and a number that
        # is too large for a float.
        if b"\\u" not in text and not _MAYBE_TOO_LARGE.search(text):
            raise
    try:
        return json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_float_of_digits,
            parse_int=_int_or_float,
        )
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _float_of_digits(digits: str) -> float:
    number = float(digits)
    return HugeNumber(digits) if math.isinf(number) else number


def _int_or_float(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else _float_of_digits(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def json_line(**what: object) -> bytes:
    """Return the body of an answer: a JSON object on one line."""
    return json.dumps(what).encode() + b"\n"


def accepted_reply(records: int, as_text: int = 0) -> Reply:
    """Return the answer to accepted records; as_text: how many are stored as text though sent as JSON."""
    return Reply(200, json_line(accepted=records, as_text=as_text))
