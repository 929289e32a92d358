"""The table of the time formats of lines, and the parser of a time in one of them (sans-IO).

A row has the text before the time, the time, and the text that must follow if the first two alone would
match too much. All are regular expressions with strptime's directives; `%-` also takes unpadded numbers.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

SECOND = 1_000_000
DAY_MONTH_YEAR = "day/month/year"
_MONTHS = tuple(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
# Abbreviations that two parts of the world use, such as CST and IST, are not here: they count as local
# time.
_ZONES = {
    b"Z": 0, b"UTC": 0, b"GMT": 0, b"WET": 0, b"WEST": 1, b"CET": 1, b"CEST": 2, b"EET": 2, b"EEST": 3,
    b"MSK": 3, b"JST": 9, b"EST": -5, b"EDT": -4, b"MST": -7, b"MDT": -6, b"PST": -8, b"PDT": -7,
}  # fmt: skip
_OFFSET = rb"[+-][0-9]{2}:?[0-9]{2}(?![0-9])"
# An offset of two digits after a space, as PostgreSQL writes it, counts only before a bracket: other
# numbers of two digits may stand there.
_ZONE = (
    rb"Z| ?" + _OFFSET + rb"|[+-][0-9]{2}(?![\w:.-])| [+-][0-9]{2}(?= \[)"
    rb"| ?(?:GMT|UTC)[+-][0-9]{1,2}(?::?[0-9]{2}|)(?![0-9])| ?(?:" + b"|".join(list(_ZONES)[1:]) + rb")\b"
)  # fmt: skip
# `(?:x|)` costs half of `(?:x)?`, for which Python keeps a place to go back to.
_DIRECTIVES = {
    b"%Y": rb"(?P<year>[0-9]{4})",
    b"%y": rb"(?P<year>[0-9]{2})",
    b"%m": rb"(?P<month>[0-9]{2})",
    b"%-m": rb"(?P<month>[0-9]{1,2})",
    b"%b": rb"(?P<month>" + b"|".join(_MONTHS) + rb")",
    b"%d": rb"(?P<day>[0-9]{2})",
    b"%e": rb"(?P<day>[ 0-9][0-9])",
    b"%-d": rb"(?P<day>[0-9]{1,2})",
    b"%a": rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    b"%T": rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})",
    b"%-T": rb"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})",
    b"%C": rb"(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})",
    b"%f": rb"(?:[.,](?P<fraction>[0-9]{1,9})|)",
    b"%L": rb"(?P<milliseconds>[0-9]{1,3})",
    b"%p": rb"(?:(?: |\xe2\x80\xaf|)(?P<half>[AaPp](?:[Mm]\b|\.[Mm]\.))|)",
    b"%s": rb"(?P<epoch>[0-9]{10})(?:\.(?P<fraction>[0-9]{1,9})|)",
    b"%z": rb"(?P<zone>" + _ZONE + rb"|)",
}
_DIRECTIVE = re.compile(rb"%-?[A-Za-z]")
_ISO = rb"%Y[-/]%m[-/]%d[T ]%T%f%p%z"
MORE = (
    rb"(?:[0-9.,Z+-]| ?[AaPp]\.?[Mm]\b|\xe2\x80\xaf| ?(?:[A-Z]{2,3}T|UTC|MSK|GMT|WET)\b| [+-][0-9])"
)
"""The beginning of a text that may follow a time and belong to it, such as a fraction or a zone."""
_LEVEL = rb"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)"
_PAIRS = (
    rb"""(?:[\w.@-]+=(?:"(?:[^"\\\n]|\\.)*"|[^\s"]*) +){0,8}?"""
    rb"""(?:ts|time|t|timestamp|@timestamp|datetime)=["']?"""
)
_EPOCHS = rb"(?P<epoch>[0-9]{10}(?:[0-9]{3}){0,3})(?:(?<![0-9]{11})\.(?P<fraction>[0-9]{1,9})|)(?![\w.:-])"


class TimeForm(NamedTuple):
    """A time format. example: the beginning of a line in it."""

    name: str
    example: str
    time: bytes
    before: bytes = b""
    after: bytes = b""

    @property
    def pattern_with_groups(self) -> bytes:
        """Return the regular expression, with a named group for each part of the time."""
        after = rb"(?=" + self.after + rb")" if self.after else b""
        return _DIRECTIVE.sub(lambda found: _DIRECTIVES[found[0]], self.before + self.time) + after

    @property
    def pattern_without_groups(self) -> bytes:
        """Return the regular expression without groups."""
        return re.sub(rb"\(\?P<\w+>", b"(?:", self.pattern_with_groups)


# fmt: off
DATES = (
    TimeForm("RFC 3339", "2026-11-20T06:18:42.123+01:00", _ISO),
    TimeForm("RFC 3164", "Nov 20 06:18:42", rb"%b %e %T(?:%f%z(?=:)|)"),
    TimeForm("asctime", "[Fri Nov 20 06:18:42 2026]", rb"%a %b %e %T%f%p(?:%z| [A-Z]{2,5}) %Y(?![0-9])",
             rb"(?:\[|)"),
)
"""The forms that also occur after a syslog priority, and in JSON values."""
ACCESS = TimeForm("access log", "10.0.0.1 - ann [20/Nov/2026:06:18:42 +0000]",
                  rb"%d/%b/%Y[: ]%T(?P<zone> [+-][0-9]{4}|)", rb"[^\s\[]\S* \S+ [^\[\n]{1,80}\[", rb"\]")
OTHERS = (
    TimeForm("RFC 3339", "[2026-11-20 06:00:00.123]", _ISO, rb"""[\[("']"""),
    TimeForm("RFC 3339", "INFO  [main] 2026-11-20 06:18:42,123",
             _ISO, rb"\[?(?:" + _LEVEL + rb"|[DIWEF],)\]?:? +(?:\[[^\]\n]{1,80}\] +)?\[?"),
    TimeForm("RFC 3339", "web-1  | 2026-11-20T06:18:42Z", _ISO, rb"[\w.-]{1,80} +\| "),
    TimeForm("RFC 3339", "api.log.1 2026-11-20 06:18:42.008", _ISO, rb"[\w./-]{1,80}\.log[\w.:-]{0,80} "),
    TimeForm("logfmt", "level=info ts=2026-11-20T06:18:42.123Z", _ISO, _PAIRS),
    TimeForm("logfmt", "ts=1795155522.123", _EPOCHS, _PAIRS),
    TimeForm("FortiGate", "date=2026-11-20 time=06:18:42", rb"date=%Y-%m-%d time=%T"),
    TimeForm("klog", "I1120 06:18:42.123456    4242 server.go:12]",
             rb"(?:%Y|)%m%d %T%f", rb"[IWEF]", rb" +[0-9]+ [^\s:]+:[0-9]+\]"),
    TimeForm("logcat", "11-20 06:18:42.123  1702  2395 D",
             rb"%m-%d %T%f", b"", rb" +(?:\w+ +)?[0-9]+ +[0-9]+ [VDIWEFAS] | [VDIWEFA]/"),
    TimeForm("log4j", "26/11/20 06:18:42 INFO", rb"%y/%m/%d %T%f", b"", rb" +" + _LEVEL + rb"\b"),
    TimeForm("HDFS", "261120 061842 148 INFO", rb"%y%m%d %C", b"", rb" [0-9]+ " + _LEVEL + rb"\b"),
    TimeForm("MySQL", "261120  6:18:42 [Note]", rb"%y%m%d +%-T", b"",
             rb"\s+(?:\[(?:Note|Warning|ERROR)\]|InnoDB|mysqld|[0-9]+ [A-Z][a-z])"),
    TimeForm("HealthApp", "20261120-6:18:42:606|", rb"%Y%m%d-%-T:%L", b"", rb"\|"),
    TimeForm("compact", "20261120T061842Z", rb"%Y%m%d[T_-]%C%f%z", b"", rb"[\s\],|]"),
    TimeForm("compact", "20261120 06:18:42", rb"%Y%m%d[T _-]%T%f%p%z", b"", rb"[\s\],|]"),
    TimeForm("unpadded", "2026-11-9 6:18:42", rb"%Y[-/.]%-m[-/.]%-d[T ] ?%-T%f%p%z", rb"\[?"),
    TimeForm("Tomcat, BIND, PHP", "20-Nov-2026 06:18:42.123",
             rb"%-d-%b-%Y %T%f%p(?P<zone> [A-Z][A-Za-z]+/[\w/+-]+|" + _ZONE + rb"|)", rb"\[?"),
    TimeForm("RFC 5322", "Fri, 20 Nov 2026 06:18:42 +0100",
             rb"%-d[ /]%b[ /]%Y[ :]%T%f%p%z", rb"(?:%a,? |\[|)"),
    TimeForm("Redis", "1234:M 20 Nov 2026 06:18:42.123 *",
             rb"%-d %b (?:%Y |)%T%f", rb"(?:[0-9]+:[A-Z]|\[[0-9]+\]) ", rb" [.*#-] "),
    TimeForm("java.util.logging", "Nov 20, 2026 6:18:42 AM",
             rb"%b %-d, %Y %-T%p%z"),
    TimeForm("RFC 3164", "*Nov 9 2026 06:18:42.123:", rb"%b +%-d (?:%Y |)%T%f%p%z", rb"\*?(?:%a |)"),
    TimeForm("Nagios", "[1795155522] ", rb"%s", rb"\[", rb"\] "),
    TimeForm("squid", "1795155522.123    42 10.0.0.1 TCP_HIT/200",
             rb"(?P<epoch>[0-9]{10})\.(?P<fraction>[0-9]{3,9})", b"", rb"\s"),
    TimeForm("audit", "type=SYSCALL msg=audit(1795155522.123:42):",
             rb"%s", rb"(?:node=\S+ )?type=\S+ msg=audit\("),
    TimeForm("BGL", "- 1795155522 2026.11.20 ", rb"%s", rb"\S{1,40} ", rb" [0-9]{4}\.[0-9]{2}\.[0-9]{2} "),
    TimeForm("HPC", "134681 node-246 unix.hw net.niff.up 1077804742 1 ",
             rb"(?P<epoch>[0-9]{9,10})", rb"[0-9]+ [\w-]+ [a-z_.]+ [a-z_.-]+ ", rb" -?[01] "),
    TimeForm("Proxifier", "[11.20 06:18:42] chrome.exe - web1:443 ",
             rb"%m\.%d %T", rb"\[", rb"\] [^\n]{1,80} - \S+:[0-9]+ "),
    TimeForm("day.month.year", "20.11.2026 06:18:42", rb"%-d\.%-m\.%Y,? +%-T%f%p%z", rb"\[?"),
    TimeForm(DAY_MONTH_YEAR, "20/11/2026 06:18:42",
             rb"(?P<one>[0-9]{1,2})[/-](?P<two>[0-9]{1,2})[/-]%Y[ T,]+%-T%f%p%z", rb"\[?"),
)
# fmt: on
FORMS = (*DATES, ACCESS, *OTHERS)
_ANY = re.compile(b"|".join(rb"(" + form.pattern_without_groups + rb")" for form in FORMS))
_EACH = tuple(re.compile(form.pattern_with_groups) for form in FORMS)


def match_time_form(text: bytes, at: int) -> tuple[str, re.Match[bytes]]:
    """Return the name of the time form at `text[at:]`, and the match with its parts.

    Raises ValueError if no form matches.
    """
    fitting = _ANY.match(text, at)
    number = (fitting.lastindex if fitting else None) or 1
    found = _EACH[number - 1].match(text, at)
    if found is None:
        raise ValueError("no time")
    return FORMS[number - 1].name, found


def epoch_microseconds(parts: Mapping[str, bytes]) -> int:
    """Return a Unix time of 10, 13, 16 or 19 digits, thus s, ms, µs or ns, in microseconds since 1970."""
    epoch = parts["epoch"]
    if len(epoch) == 19:
        return int(epoch) // 1000
    return int(epoch) * {13: 1000, 16: 1}.get(len(epoch), SECOND) + fraction_microseconds(
        parts.get("fraction")
    )


def fraction_microseconds(digits: bytes | None) -> int:
    """Return the digits of a second's fraction in microseconds."""
    return int(digits[:6].ljust(6, b"0")) if digits else 0


def datetime_of_parts(parts: Mapping[str, bytes], year: int) -> datetime:
    """Return a date with its time; `year` is for a date without one. Raises ValueError if it is invalid."""
    if said := parts.get("year"):
        year = int(said)
        if len(said) == 2:
            # 69 is 1969, and 68 is 2068, as in strptime.
            year += 2000 if year < 69 else 1900
    month, hour = parts["month"], int(parts["hour"])
    if (half := parts.get("half")) and 0 < hour <= 12:
        # Some programs also write AM or PM after an hour of 13 to 23: then it is ignored.
        hour = hour % 12 + 12 * (half[:1] in b"Pp")
    thousandths = int(parts.get("milliseconds", b"0"))
    return datetime(
        year, _MONTHS.index(month) + 1 if month.isalpha() else int(month), int(parts["day"]),
        hour, int(parts["minute"]), int(parts["second"]),
        thousandths * 1000 or fraction_microseconds(parts.get("fraction")),
        _parse_zone(parts.get("zone", b"").strip()),
    )  # fmt: skip


def _parse_zone(text: bytes) -> tzinfo | None:
    if not text:
        return None
    if text in _ZONES:
        return timezone(timedelta(hours=_ZONES[text]))
    if b"/" in text:
        try:
            return ZoneInfo(text.decode("ascii"))
        except KeyError:
            raise ValueError("an unknown zone") from None
    offset = text.lstrip(b"GMTUC")
    digits = offset[1:].replace(b":", b"")
    hours, rest = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, b"0")
    minutes = 60 * int(hours) + int(rest)
    return timezone(timedelta(minutes=-minutes if offset[:1] == b"-" else minutes))


_YEAR, _DISORDER = timedelta(days=366), timedelta(days=31)
# The same at the beginning of a file, where a step forward over most of a year may be one.
_FIRST_DISORDER = timedelta(days=2)
LEAP_YEAR = 2000
"""The year of dates for `NewYears`, in which 29 February exists."""
YEARS_BACK = 8
"""Years before the newest in which a date without one is looked for.

29 February comes every four years, and once in a century after eight."""


class NewYears:
    """The New Years between the dates of a file.

    passed: their number so far.
    """

    def __init__(self) -> None:
        self.passed = 0
        self._newest: datetime | None = None
        # The numbers of those years that have a 29 February; earlier ones are before 1970.
        self._leap_years: deque[int] = deque(maxlen=100)

    def passed_before(self, date: datetime) -> int:
        """Return the number of New Years before the next date, which is given in `LEAP_YEAR`."""
        newest = self._newest
        if newest is None or newest - date > _DISORDER:
            self.passed += newest is not None
            self._newest = date
        elif date - newest > _YEAR - (_DISORDER if self.passed else _FIRST_DISORDER):
            # It is late, from before the last New Year.
            return self.passed - 1
        else:
            self._newest = max(newest, date)
        if (date.month, date.day) == (2, 29) and self.passed not in self._leap_years:
            self._leap_years.append(self.passed)
        return self.passed

    def first_year(self, latest: datetime) -> int:
        """Return the year of the first date, if no date is after `latest`."""
        fits = [
            year for year in range(latest.year, latest.year - 2, -1) if self._is_past(year, latest)
        ]
        years = range(fits[0], fits[0] - YEARS_BACK - 1, -1) if fits else [latest.year]
        firsts = [year - self.passed for year in years]
        return next(filter(self._has_leap_years, firsts), firsts[0])

    def _is_past(self, year: int, latest: datetime) -> bool:
        newest = self._newest or datetime(LEAP_YEAR, 1, 1)
        of_year = (latest.month, latest.day, latest.time())
        return year < latest.year or (newest.month, newest.day, newest.time()) <= of_year

    def _has_leap_years(self, first: int) -> bool:
        return all(_is_leap_year(first + number) for number in self._leap_years)


def _is_leap_year(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
