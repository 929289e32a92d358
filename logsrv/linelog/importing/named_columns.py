"""Read the header lines that name the columns of a file: W3C extended files, VPC flow logs (sans-IO).

A W3C extended file (IIS, ProxySG, CloudFront, Tomcat, Windows' firewall) says in `#Fields:` which columns
follow. `date` and `time` are UTC, or local if `#Time Format:` or the name, `time-local`, says so. Without
`date` the day is that of `#Date:`. Each `#Fields:` holds up to the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, timedelta

from logsrv.linelog.importing.forms import datetime_of_parts, parts_of_time

_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DIRECTIVE = re.compile(rb"#(Fields|Time Format|Date): *([^\n]*)")
_DAY = re.compile(
    rb"(?:(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    rb"|(?P<day_2>[0-9]{2})-(?P<month_2>" + _MONTH + rb")-(?P<year_2>[0-9]{4}))\b"
    rb"(?:[ T]+(?P<hour>[0-9]{2}):)?"
)
_DATE = rb"(?P<year>[0-9]{4})[-/](?P<month>[0-9]{2})[-/](?P<day>[0-9]{2})"
_CLOCK = (
    rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?"
)
_OTHER, _GAP = rb"""(?:"[^"\n]*"|[^\s"][^ \t\n]*)""", rb"[ \t]+"
_EPOCH, _LF = rb"(?P<epoch>[0-9]{10})", 0x0A
_MIDNIGHT = {"hour": b"0", "minute": b"0", "second": b"0"}
# More columns than any program writes.
_MOST_COLUMNS = 200
_VPC_HEADER = re.compile(
    rb"(?=[^\n]*\b(?:interface-id|srcaddr|flow-direction)\b)[a-z-]+(?: [a-z0-9-]+)+\n"
)


class ColumnPositions:
    """The positions of the times in the lines that follow a header line.

    run: matches consecutive lines of one time; its group `column` is that of the first. time: matches such
    a line, with the parts of the time. name: the name of the form. utc: whether times without a zone are
    UTC. has_date: whether a line has its date.
    """

    def __init__(self, columns: list[bytes], name: str, *, utc: bool) -> None:
        self.name, self.utc = name, utc
        last = max(at for at, column in enumerate(columns) if column != _OTHER)
        first = min(at for at, column in enumerate(columns) if column != _OTHER)
        before = b"".join(column + _GAP for column in columns[:first])
        text = _GAP.join(columns[first : last + 1])
        self.has_date = b"?P<day>" in text or b"?P<epoch>" in text
        self.time = re.compile(before + rb"(?P<column>" + text + rb")(?=[ \t\n])")
        plain = re.sub(rb"\(\?P<\w+>", b"(?:", text)
        rest = rb"(?=[ \t\n])[^\n]*\n"
        self.run = re.compile(
            rb"^(?!#)" + before + rb"(?P<column>" + plain + rb")" + rest
            + rb"(?:(?!#)" + before + rb"(?P=column)" + rest + rb"){0,10000}",
            re.MULTILINE,
        )  # fmt: skip

    def match(self, text: bytes, line: int) -> tuple[ColumnPositions, re.Match[bytes]]:
        """Return this form, and the match of the line at `text[line:]`, which has one, with its parts."""
        found = self.time.match(text, line)
        if found is None:
            raise ValueError("no time")
        return self, found


class NamedColumns:
    """The state of a file with header lines: all that they have said so far.

    positions: where the times are now; None if no header line told it, or if the last one named no time.
    utc: whether the times without a zone in other lines are UTC. lacks: whether the present columns have no
    time.
    """

    def __init__(self) -> None:
        self.positions: ColumnPositions | None = None
        self.utc = self.lacks = self._local = False
        self._names: list[bytes] = []
        self._day: date | None = None
        self._hour = 0

    def begin_file(self, text: bytes) -> None:
        """Take the first line of a file, which may name the columns of a VPC flow log."""
        found = _VPC_HEADER.match(text)
        if found is None:
            return
        names = found[0].split()[:_MOST_COLUMNS]
        if names.count(b"start") == 1:
            columns = [_EPOCH if name == b"start" else _OTHER for name in names]
            self.positions = ColumnPositions(columns, "VPC flow log", utc=True)
        else:
            self.lacks = True

    def stretches(self, text: bytes) -> Iterator[tuple[int, int]]:
        """Yield the bounds of the stretches of text between directives, and take these one by one.

        A stretch begins with the directive that holds for it.
        """
        begin = 0
        for found in _DIRECTIVE.finditer(text):
            at = found.start()
            if at and text[at - 1] != _LF:
                continue
            if at:
                yield begin, at
            begin = at
            self._take(found[1], found[2])
        yield begin, len(text)

    def day_of_hour(self, hour: int) -> Mapping[str, bytes]:
        """Return the day of the next line, which has no date: that of `#Date:`, or one after it.

        A step back by more than an hour is a midnight.
        """
        assert self._day is not None
        if hour < self._hour - 1:
            self._day += timedelta(days=1)
        self._hour = hour
        year, month, day = self._day.isoformat().encode().split(b"-")
        return {"year": year, "month": month, "day": day}

    def _take(self, kind: bytes, said: bytes) -> None:
        if kind == b"Date":
            self._take_day(said)
            return
        if kind == b"Time Format":
            self._local = said.strip().lower() == b"local"
        else:
            self._names = said.lower().split()[:_MOST_COLUMNS]
        if self._names:
            self._find_positions()

    def _take_day(self, said: bytes) -> None:
        found = _DAY.match(said)
        if found is None:
            return
        parts = _MIDNIGHT | parts_of_time(found)
        with suppress(ValueError):
            self._day, self._hour = datetime_of_parts(parts, 0).date(), int(parts["hour"])

    def _find_positions(self) -> None:
        self.positions, self.lacks, self.utc = None, True, False
        for suffix in (b"", b"-utc", b"-local"):
            kinds = {b"date" + suffix: _DATE, b"time" + suffix: _CLOCK}
            columns = [kinds.get(name, _OTHER) for name in self._names]
            known = columns.count(_DATE), columns.count(_CLOCK)
            if known == (1, 1) or (known == (0, 1) and self._day):
                self.utc = not self._local and suffix != b"-local"
                self.positions, self.lacks = ColumnPositions(columns, "W3C", utc=self.utc), False
                return
