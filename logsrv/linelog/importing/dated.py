"""Read the times in the lines of a file: the lines become runs with one moment each (sans-IO).

A line has its time in one of the formats of forms.py, or as a value of a JSON object. Lines without a time
belong to the line before them.

A moment is an integer here: microseconds since 1970. A float would lose digits.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from typing import TypeGuard

import orjson

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.linelog.fields.known_keys import IMPORTED_TIME_KEYS, INNER_TIME_KEYS
from logsrv.linelog.importing.forms import (
    ACCESS,
    DATES,
    DAY_MONTH_YEAR,
    LEAP_YEAR,
    MORE,
    OTHERS,
    SECOND,
    YEARS_BACK,
    NewYears,
    datetime_of_parts,
    epoch_microseconds,
    fraction_microseconds,
    match_time_form,
    parts_of_time,
    zone_name,
)
from logsrv.linelog.importing.named_columns import NamedColumns

_PLAIN = rb"(?:" + b"|".join(form.pattern_without_groups for form in DATES) + rb")"
_OTHER = rb"(?:" + b"|".join(form.pattern_without_groups for form in OTHERS) + rb")"
_PRIORITY = rb"(?:<[0-9]{1,3}>(?:1 |)|)"
_REST = rb"[^\n]*\n"
# Matches a line with the same time, in the same format, as the first line of the run. After a JSON object
# it matches none.
_SAME = (
    rb"(?(plain)" + _PRIORITY + rb"(?P=plain)(?!" + MORE + rb")"
    rb"|(?(bracketed)" + ACCESS.before + rb"(?P=bracketed)\]|(?(other)(?P=other)(?!" + MORE + rb")|(?!))))"
)  # fmt: skip
_TIME = _PRIORITY + _PLAIN + rb"|" + ACCESS.pattern_without_groups + rb"|" + _OTHER
_TIMED_LINE = LatePattern(rb"^(?:" + _TIME + rb"|\{)", re.MULTILINE)
# A match takes all lines of a moment, also those without a time, so no Python code runs for each line.
# `re` keeps 230 bytes for each line until the match ends, so a match has at most 10,001 lines.
_RUN = re.compile(
    rb"^(?:" + _PRIORITY + rb"(?P<plain>" + _PLAIN + rb")|(?P<object>\{)"
    rb"|" + ACCESS.before + rb"(?P<bracketed>" + ACCESS._replace(before=b"").pattern_without_groups
    + rb")|(?P<other>" + _OTHER + rb"))" + _REST
    + rb"(?:(?:" + _SAME + rb"|(?!\{|" + _TIME + rb"))" + _REST + rb"){0,10000}",
    re.MULTILINE,
)  # fmt: skip
_NO_COMMENT = re.compile(rb"^(?!#)[^\n]*\n", re.MULTILINE)
_SECOND = re.compile(rb"([0-5][0-9])(?:[.,]([0-9]{1,9})|)(?![0-9])")
# Go's `2026-11-20 06:18:42 +0900 JST` names its zone twice.
_VALUE = re.compile(_PLAIN + rb"(?:(?<=[+-][0-9]{4}) [A-Z]{2,5})?")
_MOST_DIGITS = 20
# A smaller number in a JSON object counts as a duration, not as a time since 1970.
_LEAST = 10**8
_JOURNAL = re.compile(rb'"__REALTIME_TIMESTAMP":"([0-9]{1,16})"')
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_YEAR_2100 = 4_102_444_800 * SECOND
DAY = 86400 * SECOND


class LineMoments:
    """The moments of the lines of one file, in the order of the file.

    written: the moment of the file's last change; a line may be up to a day later.
    begin: the moment for lines before the first time, if their text has no time after them: `said` of an
        earlier reading, or by default `written`.
    day_first: whether `05/06/2026` is in June, if an earlier reading found that out.
    read_first_years: returns what `find_first_years` found in an earlier reading; called for the first date
        without a year. Without it, such a date follows the last one with a year, or is in the last possible
        year.
    exact: count `without` exactly, which takes 1.5 times as long.
    as_said: let moments go back; for a caller that sorts the lines.

    Without `as_said` moments never go back, like those that a server sets: a line older than the one before
    gets the moment of that line, and is counted.

    forms: lines in the runs of each time format. unclear_zones: lines in zones whose names do not tell
        which ones they are, so that they count as local time.
    undated: lines before the first time; all lines if there is no time. Later lines without a time are not
        counted here, because they belong to the line before.
    without: lines without a time, or with one that is not believed.
    unbelieved: lines whose time is invalid or out of range. unclear: lines whose day and month could each
        be the other.
    columnless: lines whose columns have names, of which none is a time.
    late: lines older than the line before. latest: by how many microseconds at most.
    first, last: the earliest and the latest moment; None before the first line.
    said: the first moment found in a line.
    first_years: for each stretch of dates without a year that ended, the year of its first date: such dates
        come before the next date with a year, and after the last one.
    """

    def __init__(
        self,
        written: int,
        begin: int | None = None,
        *,
        day_first: bool | None = None,
        read_first_years: Callable[[], Sequence[int]] | None = None,
        exact: bool = False,
        as_said: bool = False,
    ) -> None:
        self._written, self._exact, self._as_said = written, exact, as_said
        self._begin = written if begin is None else begin
        self._text = b""
        self._found: int | None = None
        self._before = 0
        self._form = self._read = self._zone = self._zone_read = ""
        self._kind, self._utc = "plain", False
        self._columns = NamedColumns()
        self.columnless = 0
        self._minute = 0
        self._head, self._tail = b"\0", b""
        self.day_first, self._read_first_years = day_first, read_first_years
        # The present stretch of dates without a year, and the year of its first one.
        self._new_years: NewYears | None = None
        self._first_year: int | None = None
        self.first_years: list[int] = []
        # The last moment that was found with its year.
        self._known: int | None = None
        self.forms: Counter[str] = Counter()
        self.unclear_zones: Counter[str] = Counter()
        self.first: int | None = None
        self.last: int | None = None
        self.said: int | None = None
        self.lines = self.undated = self.without = self.unbelieved = self.unclear = 0
        self.late = self.latest = 0

    def find_first_years(self) -> Sequence[int]:
        """Return `first_years` after all lines; the last stretch ends with the file, if none was before."""
        if self._known is None:
            self._note_known(self._written)
        return self.first_years

    def _note_known(self, moment: int) -> None:
        """Note a moment that was found with its year; the dates without one before it are not later."""
        if self._new_years is not None:
            self.first_years.append(self._new_years.first_year(_local_time(moment + DAY)))
            self._new_years = None
        self._known = moment

    def runs_with_moments(self, text: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the whole lines of `text` in runs, each with its moment."""
        at = 0
        for found in chain.from_iterable(self._stretches_of_matches(text)):
            self._kind = kind = found.lastgroup or "plain"
            if kind == "object":
                moment = self._moment_of_object(found[0][: found[0].find(b"\n")])
            else:
                start = found.start(kind)
                # The form of an access log begins with the client's name, before the time.
                line = start if kind in ("plain", "other") else found.start()
                moment = self._moment_of_time(found[kind], text, line, start)
                if moment is None:
                    self._count_disbelieved(found[0])
            if moment is None and self.said is None:
                # Lines before the first moment wait for it: they get the same one.
                continue
            if at < found.start():
                yield self._run_of_undated(text[at : found.start()], moment)
            yield self._run_of_dated(found[0], moment)
            at = found.end()
        if at < len(text):
            yield self._run_of_undated(text[at:], None)

    def _stretches_of_matches(self, text: bytes) -> Iterator[Iterator[re.Match[bytes]]]:
        """Yield the matches of runs in each stretch of text that has the same columns."""
        if not self.lines:
            self._columns.begin_file(text)
        for begin, end in self._columns.stretches(text):
            if begin or self._columns.lacks or self._columns.positions:
                # Other columns: the same text may be another time now.
                self._text, self._head = b"", b"\0"
                yield self._matches_of_columns(text, begin, end)
            else:
                yield _RUN.finditer(text, begin, end)

    def _matches_of_columns(self, text: bytes, begin: int, end: int) -> Iterator[re.Match[bytes]]:
        """Yield the matches of runs in text whose columns have names, those of other lines too."""
        at = begin
        if self._columns.positions is not None:
            for found in self._columns.positions.run.finditer(text, begin, end):
                if at < found.start():
                    yield from _RUN.finditer(text, at, found.start())
                yield found
                at = found.end()
        elif self._columns.lacks and _RUN.search(text, begin, end) is None:
            self.columnless += len(_NO_COMMENT.findall(text, begin, end))
        yield from _RUN.finditer(text, at, end)

    def journal_runs(self, entries: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the entries of a systemd journal, one JSON object a line, like `runs_with_moments`."""
        self._form = "journal"
        for entry in entries.splitlines(keepends=True):
            found = _JOURNAL.search(entry)
            moment = self._moment_if_believed(int(found[1])) if found else None
            yield self._run_of_dated(entry, moment) if found else self._run_of_undated(entry, None)

    def _count_disbelieved(self, lines: bytes) -> None:
        number = self._count_timed(lines)
        if self._form == DAY_MONTH_YEAR and self.day_first is None:
            self.unclear += number
        else:
            self.unbelieved += number

    def _count_timed(self, lines: bytes) -> int:
        """Return the number of lines of a run that have its time, which the others do not."""
        return lines.count(b"\n") if self._kind == "column" else len(_TIMED_LINE.findall(lines))

    def _run_of_undated(self, lines: bytes, following: int | None) -> tuple[int, bytes]:
        number = lines.count(b"\n")
        self.without += number
        if self.said is None:
            self.undated += number
        if self.last is None:
            return self._count_run(lines, number, self._begin if following is None else following)
        return self._count_run(lines, number, None)

    def _run_of_dated(self, lines: bytes, moment: int | None) -> tuple[int, bytes]:
        if moment is None:
            return self._run_of_undated(lines, None)
        number = lines.count(b"\n")
        self.forms[self._form] += number
        if self._zone:
            self.unclear_zones[self._zone] += number
        if self._exact:
            self.without += number - self._count_timed(lines)
        if self.said is None:
            self.said = moment
        if moment < self._before and not self._as_said:
            self.late += number
            self.latest = max(self.latest, self._before - moment)
            moment = self._before
        return self._count_run(lines, number, moment)

    def _count_run(self, lines: bytes, number: int, moment: int | None) -> tuple[int, bytes]:
        self.lines += number
        if moment is not None:
            self._before = moment
        self.first = self._before if self.first is None else min(self.first, self._before)
        self.last = self._before if self.last is None else max(self.last, self._before)
        return self._before, lines

    def _moment_of_time(self, said: bytes, text: bytes, line: int, start: int) -> int | None:
        """Return the moment of the time `said`, at `start` of `text`; its whole form begins at `line`."""
        if said != self._text:
            self._text = said
            second = _SECOND.match(said, len(self._head)) if said.startswith(self._head) else None
            # In most lines only the second differs. Another minute may have another UTC offset.
            if second and said[second.end() :] == self._tail:
                self._found = self._moment_if_believed(
                    self._minute + _second_in_microseconds(second)
                )
            else:
                self._head = b"\0"
                try:
                    self._found = self._parse_moment(said, text, line, start)
                except (ValueError, OverflowError, OSError):
                    self._found = None
        self._form, self._zone = self._read, self._zone_read
        return self._found

    def _moment_of_object(self, line: bytes) -> int | None:
        try:
            found = orjson.loads(line)
        except ValueError:
            return None
        for key in IMPORTED_TIME_KEYS:
            value = found.get(key)
            moment = self._moment_of_value(value) if value is not None else None
            if moment is not None:
                self._form = "JSON"
                return moment
        return None

    def _moment_of_parsed_time(self, parts: dict[str, object]) -> int | None:
        """Return the moment of a time that is an object: MongoDB's, or seconds and nanoseconds."""
        for seconds, nanos in INNER_TIME_KEYS:
            whole, more = parts.get(seconds), parts.get(nanos, 0)
            if _is_number(whole) and _is_number(more) and int(whole) >= _LEAST:
                # The next date is read anew, as behind any number.
                self._text, self._head, self._zone = b"", b"\0", ""
                return self._moment_with_year(int(whole) * SECOND + int(more) // 1000)
        value = parts.get("$date")
        return None if value is None or isinstance(value, dict) else self._moment_of_value(value)

    def _moment_of_value(self, value: object) -> int | None:
        if isinstance(value, dict):
            return self._moment_of_parsed_time(value)
        if isinstance(value, str):
            if not value.isdecimal():
                text = value.encode("utf-8", "replace")
                return self._moment_of_time(text, text, 0, 0) if _VALUE.fullmatch(text) else None
            value = int(value[:20])
        # The next date is read anew: it may begin a stretch without years.
        self._text, self._head, self._zone = b"", b"\0", ""
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < _LEAST:
            return None
        # s, ms, µs or ns: each unit has three digits more than the one before.
        for scale in (SECOND, 1000, 1):
            if value < 1000 * _LEAST * SECOND // scale:
                return self._moment_with_year(round(value * scale))
        return self._moment_with_year(int(value) // 1000)

    def _parse_moment(self, said: bytes, text: bytes, line: int, start: int) -> int | None:
        positions = self._columns.positions if self._kind == "column" else None
        form, found = (
            match_time_form(text, line) if positions is None else positions.match(text, line)
        )
        self._read, self._zone_read, self._utc = form.name, "", form.utc or self._columns.utc
        parts = parts_of_time(found)
        if positions is not None and not positions.has_date:
            parts |= self._columns.day_of_hour(int(parts["hour"]))
        if "epoch" in parts:
            return self._moment_with_year(epoch_microseconds(parts))
        if "one" in parts and not self._decide_day_first(parts):
            return None
        moment = (
            self._moment_with_year(self._moment_of_parts(parts, 0))
            if "year" in parts
            else self._moment_without_year(parts)
        )
        second = _SECOND.match(said, found.start("second") - start)
        if moment is not None and second:
            self._minute = moment - _second_in_microseconds(second)
            self._head, self._tail = said[: second.start()], said[second.end() :]
        return moment

    def _decide_day_first(self, parts: dict[str, bytes]) -> bool:
        """Decide which number is the day, by this date or an earlier one; return false if that fails."""
        one, two = int(parts["one"]), int(parts["two"])
        if self.day_first is None and max(one, two) > 12:
            self.day_first = one > 12
        day, month = ("one", "two") if self.day_first else ("two", "one")
        parts |= {"day": parts[day], "month": parts[month]}
        return self.day_first is not None

    def _moment_with_year(self, moment: int | None) -> int | None:
        found = None if moment is None else self._moment_if_believed(moment)
        if found is not None:
            self._note_known(found)
        return found

    def _begin_stretch(self, date: datetime) -> NewYears:
        """Begin a stretch of dates without a year: find that of its first one, if anything tells it."""
        known = self._read_first_years() if self._read_first_years is not None else ()
        number = len(self.first_years)
        self._first_year = None
        if number < len(known):
            self._first_year = known[number]
        elif self._known is not None:
            before = _local_time(self._known)
            passing = NewYears()
            passing.passed_before(before.replace(year=LEAP_YEAR))
            self._first_year = before.year + passing.passed_before(date)
        return NewYears()

    def _moment_without_year(self, parts: dict[str, bytes]) -> int | None:
        """Return the moment by the years of other dates, or the latest possible one."""
        date = datetime_of_parts(parts, LEAP_YEAR).replace(tzinfo=None)
        if self._new_years is None:
            self._new_years = self._begin_stretch(date)
        passed = self._new_years.passed_before(date)
        if self._first_year is not None:
            return self._moment_of_parts(parts, self._first_year + passed)
        newest = (_EPOCH + (self._written + DAY) * _MICROSECOND).year
        for year in range(newest, newest - YEARS_BACK - 1, -1):
            try:
                moment = self._moment_of_parts(parts, year)
            except ValueError:
                continue
            if moment is not None:
                return moment
        return None

    def _moment_of_parts(self, parts: dict[str, bytes], year: int) -> int | None:
        """Return the moment of a time; `year` is for a date without one."""
        date = datetime_of_parts(parts, year)
        name = zone_name(parts)
        if name:
            moment = _moment_in_local_zone(date.replace(tzinfo=None), name)
            if moment is not None:
                return self._moment_if_believed(moment)
            if date.tzinfo is None:
                self._zone_read = name
        elif date.tzinfo is None and self._utc:
            date = date.replace(tzinfo=UTC)
        return self._moment_of_datetime(date)

    def _moment_of_datetime(self, date: datetime) -> int | None:
        moment = _microseconds_since_1970(date)
        if date.tzinfo is None and moment < self._before:
            # When summer time ends, one hour comes twice: this may be the second one.
            moment = max(moment, _microseconds_since_1970(date.replace(fold=1)))
        return self._moment_if_believed(moment)

    def _moment_if_believed(self, moment: int) -> int | None:
        return moment if 0 <= moment <= min(self._written + DAY, _YEAR_2100) else None


def _is_number(value: object) -> TypeGuard[int | str]:
    """Tell whether this is a whole number; some programs write numbers in quotes."""
    if isinstance(value, str):
        return value.isdecimal() and value.isascii() and len(value) <= _MOST_DIGITS
    return isinstance(value, int) and not isinstance(value, bool)


def _local_time(moment: int) -> datetime:
    return (_EPOCH + moment * _MICROSECOND).astimezone().replace(tzinfo=None)


def _moment_in_local_zone(date: datetime, name: str) -> int | None:
    """Return the moment of a local time if the local zone has this name, else None.

    In the hour that comes twice when summer time ends, the name says which one it is.
    """
    if name not in time.tzname:
        return None
    for fold in (0, 1):
        local = date.replace(fold=fold).astimezone()
        if local.tzname() == name:
            return _microseconds_since_1970(local)
    behind = time.altzone if name == time.tzname[1] else time.timezone
    return _microseconds_since_1970(date.replace(tzinfo=timezone(timedelta(seconds=-behind))))


def _second_in_microseconds(second: re.Match[bytes]) -> int:
    return int(second[1]) * SECOND + fraction_microseconds(second[2])


def _microseconds_since_1970(date: datetime) -> int:
    return (date.astimezone(UTC) - _EPOCH) // _MICROSECOND
