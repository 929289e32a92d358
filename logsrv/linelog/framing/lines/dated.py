"""The times that lines of a file begin with: many lines become runs of one moment each (sans-IO).

RFC 3164 (`Nov 20 06:18:42`, local time, without a year), RFC 3339 and its relatives (a space for the T, a
comma before the fraction, slashes; local time without an offset), that of C's asctime (`Fri Nov 20
06:18:42 2026`, local, in brackets in Apache's error log), all also behind a priority (`<13>`, `<13>1 `),
the time in brackets of access logs, and that of a JSON object, as text or as a number.
Lines without a time belong to the line before them.

A moment is in microseconds since 1970 here: whole ones, which a float would not keep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import orjson

_MONTHS = tuple(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
_MONTH = rb"(?:" + b"|".join(_MONTHS) + rb")"
_CLOCK = rb"[0-9]{2}:[0-9]{2}:[0-9]{2}"
# `(?:x|)` costs half of `(?:x)?`, for which Python keeps a place to go back to.
_ASCTIME = (
    rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + _MONTH + rb" [ 0-9][0-9] " + _CLOCK
    + rb"(?:\.[0-9]{1,6}|) [0-9]{4}(?![0-9])"
)  # fmt: skip
_OFFSET = rb"(?:Z|[+-][0-9]{2}:?[0-9]{2}(?![0-9]))"
_RFC3339 = (
    rb"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ]" + _CLOCK
    + rb"(?:[.,][0-9]{1,9}|)(?:" + _OFFSET + rb"| " + _OFFSET + rb"|)"
)  # fmt: skip
_PLAIN = (
    rb"(?:" + _RFC3339 + rb"|\[" + _ASCTIME
    + rb"|" + _MONTH + rb" [ 0-9][0-9] " + _CLOCK + rb"|" + _ASCTIME + rb")"
)  # fmt: skip
_BRACKETED = rb"[0-9]{2}/" + _MONTH + rb"/[0-9]{4}:" + _CLOCK + rb"(?: [+-][0-9]{4}|)"
_PRIORITY = rb"(?:<[0-9]{1,3}>(?:1 |)|)"
_CLIENT = rb"[^\s\[]\S* \S+ [^\[\n]{1,80}\["
_REST = rb"[^\n]*\n"
# A line that says the same time in the same way as the first one; behind an object there is none.
_SAME = (
    rb"(?(plain)" + _PRIORITY + rb"(?P=plain)(?![0-9.,Z+-])"
    rb"|(?(bracketed)" + _CLIENT + rb"(?P=bracketed)\]|(?!)))"
)  # fmt: skip
_NO_TIME = rb"(?!" + _PRIORITY + _PLAIN + rb"|" + _CLIENT + _BRACKETED + rb"\]|\{)"
# A single match takes all lines of a moment, those without a time too: no Python for each line.
# Python keeps 230 bytes for each of them until the match ends, so at most 10,000 are one.
_RUN = re.compile(
    rb"^(?:" + _PRIORITY + rb"(?P<plain>" + _PLAIN + rb")"
    rb"|" + _CLIENT + rb"(?P<bracketed>" + _BRACKETED + rb")\]|(?P<object>\{))" + _REST
    + rb"(?:(?:" + _SAME + rb"|" + _NO_TIME + rb")" + _REST + rb"){0,10000}",
    re.MULTILINE,
)  # fmt: skip
_RFC3164 = re.compile(rb"([A-Z][a-z]{2}) ([ 0-9][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
# The form in values of JSON: PostgreSQL writes its zone's name.
_VALUE = re.compile(_PLAIN + rb"(?: UTC)?")
_KEYS = ("time", "timestamp", "@timestamp", "ts", "datetime", "__REALTIME_TIMESTAMP")
# A smaller number is no time since 1970, but how long something took.
_LEAST = 10**8
_JOURNAL = re.compile(rb'"__REALTIME_TIMESTAMP":"([0-9]{1,16})"')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
DAY = 86400 * SECOND
# 29 February comes every four years, and once in a century after eight.
_YEARS_BACK = 8


class Dated:
    """The moments of the lines of one file, in its order.

    written: when the file was last written to; a line may be a day younger. begin: the moment of lines
    before the first time, which is `said` of an earlier reading; `written` if there is none.

    They never go back, as those that a server gives do not: a line that is older than the one before has
    the time of that one, and is counted.

    undated: lines before the first one with a time, and all where there is none; those behind the first
    count as parts of what they follow. late, latest: lines that were older, and by how much at most.
    first, last: the moments of the first and the last line; None as long as there is none. said: the first
    moment that a line says itself.
    """

    def __init__(self, written: int, begin: int | None = None) -> None:
        self._written = written
        self._begin = written if begin is None else begin
        self._text = b""
        self._found: int | None = None
        self.first: int | None = None
        self.last: int | None = None
        self.said: int | None = None
        self.lines = self.undated = self.late = self.latest = 0

    def runs(self, text: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield `text`, whole lines, in runs with the moment of each."""
        at = 0
        for found in _RUN.finditer(text):
            if found["object"]:
                moment = self._of_object(found[0][: found[0].find(b"\n")])
            else:
                moment = self._moment(found["plain"] or found["bracketed"])
            if moment is None and self.said is None:
                # They wait for the first moment.
                continue
            if at < found.start():
                yield self._undated(text[at : found.start()], moment)
            yield self._dated(found[0], moment)
            at = found.end()
        if at < len(text):
            yield self._undated(text[at:], None)

    def entries(self, entries: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield entries of a journal, each a line of JSON, in the same way."""
        for entry in entries.splitlines(keepends=True):
            found = _JOURNAL.search(entry)
            moment = self._believed(int(found[1])) if found else None
            yield self._dated(entry, moment) if found else self._undated(entry, None)

    def _undated(self, lines: bytes, following: int | None) -> tuple[int, bytes]:
        if self.said is None:
            self.undated += lines.count(b"\n")
        if self.last is None:
            return self._run(lines, self._begin if following is None else following)
        return self._run(lines, None)

    def _dated(self, lines: bytes, moment: int | None) -> tuple[int, bytes]:
        if moment is None:
            return self._undated(lines, None)
        if self.said is None:
            self.said = moment
        if self.last is not None and moment < self.last:
            self.late += lines.count(b"\n")
            self.latest = max(self.latest, self.last - moment)
            moment = self.last
        return self._run(lines, moment)

    def _run(self, lines: bytes, moment: int | None) -> tuple[int, bytes]:
        self.lines += lines.count(b"\n")
        if moment is not None:
            self.last = moment
        assert self.last is not None
        if self.first is None:
            self.first = self.last
        return self.last, lines

    def _moment(self, text: bytes) -> int | None:
        if text != self._text:
            self._text = text
            try:
                self._found = self._parsed(text)
            except (ValueError, OverflowError, OSError):
                self._found = None
        return self._found

    def _of_object(self, line: bytes) -> int | None:
        try:
            found = orjson.loads(line)
        except ValueError:
            return None
        for key in _KEYS:
            value = found.get(key)
            moment = self._of_value(value) if value is not None else None
            if moment is not None:
                return moment
        return None

    def _of_value(self, value: object) -> int | None:
        if isinstance(value, str):
            if not value.isdecimal():
                text = value.encode("utf-8", "replace")
                return self._moment(text) if _VALUE.fullmatch(text) else None
            value = int(value[:20])
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < _LEAST:
            return None
        # Seconds, milliseconds, microseconds or nanoseconds: each has three digits more.
        for scale in (SECOND, 1000, 1):
            if value < 1000 * _LEAST * SECOND // scale:
                return self._believed(round(value * scale))
        return self._believed(int(value) // 1000)

    def _parsed(self, text: bytes) -> int | None:
        classic = _RFC3164.fullmatch(text)
        if classic:
            return self._without_year(classic)
        shown = text.decode("ascii")
        if (weekday := shown.removeprefix("["))[:3].isalpha():
            fraction = ".%f" if "." in weekday else ""
            return self._of(datetime.strptime(weekday[4:], f"%b %d %H:%M:%S{fraction} %Y"))
        if shown[2] == "/":
            zone = " %z" if " " in shown else ""
            return self._of(datetime.strptime(shown, f"%d/%b/%Y:%H:%M:%S{zone}"))
        day, clock = shown[:10].replace("/", "-"), shown[11:].replace(",", ".").replace(" UTC", "Z")
        clock = clock.replace(" ", "")
        return self._of(datetime.fromisoformat(f"{day}T{clock}"))

    def _without_year(self, found: re.Match[bytes]) -> int | None:
        """Return the last moment of this date and time that is not behind the file's own."""
        month = _MONTHS.index(found[1]) + 1
        rest = map(int, found.groups()[1:])
        day, hour, minute, second = rest
        newest = (_EPOCH + (self._written + DAY) * _MICROSECOND).year
        for year in range(newest, newest - _YEARS_BACK - 1, -1):
            try:
                moment = self._of(datetime(year, month, day, hour, minute, second))
            except ValueError:
                continue
            if moment is not None:
                return moment
        return None

    def _of(self, time: datetime) -> int | None:
        moment = _microseconds(time)
        if time.tzinfo is None and self.last is not None and moment < self.last:
            # The hour that comes twice when summer time ends.
            moment = max(moment, _microseconds(time.replace(fold=1)))
        return self._believed(moment)

    def _believed(self, moment: int) -> int | None:
        return moment if 0 <= moment <= self._written + DAY else None


def _microseconds(time: datetime) -> int:
    return (time.astimezone(UTC) - _EPOCH) // _MICROSECOND
