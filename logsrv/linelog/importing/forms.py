"""The table of the time formats of lines, and the parser of a time in one of them (sans-IO).

A row has the text before the time, the time, and the text that must follow if the first two alone would
match too much. All are regular expressions with strptime's directives; `%-` also takes unpadded numbers.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from logsrv.linelog.fields import zone_names

SECOND = 1_000_000
DAY_MONTH_YEAR = "day/month/year"
_MONTHS = tuple(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
# Other words may look like a name: they are no zone. A capital or a digit behind a dash makes another word
# of a name: `EST-SW1`, `CAT-42`; a small letter is of PostgreSQL's prefix.
_NAME = zone_names.LIKE_NAME + rb"(?![\w.]|-[A-Z0-9])"
_UTC = rb"[UGug](?:TC|MT|tc|mt)"
_REGION = rb"(?:[A-Z][a-z]{2,9}|US)/[A-Z][\w/+-]+"
# Two digits, as PostgreSQL writes them, may be followed by what its prefix has next: a bracket, an address.
# Each part begins with its character, which rules it out for most words behind a time.
_ZONE = (
    rb"[Zz]\b| ?(?:" + zone_names.HOURS + rb"(?:" + zone_names.QUARTERS + rb"|(?![\w%/-]|\.[0-9]))"
    rb"|" + _UTC + rb"(?:[+-](?:1[0-4]|0?[0-9])(?:" + zone_names.QUARTERS + rb"|(?![0-9]))|\b)"
    rb"|" + _NAME + rb"|" + _REGION + rb"|[\[(](?:" + _UTC + rb"|" + _NAME + rb"|" + _REGION + rb")[\])])"
)  # fmt: skip
_AREAS = frozenset(
    b"Africa America Antarctica Arctic Asia Atlantic Australia Brazil Canada Chile Etc Europe Indian Mexico"
    b" Pacific US".split()
)
# `(?:x|)` costs half of `(?:x)?`, for which Python keeps an index to go back to. Of several forms Python
# leaves out at once those whose first character is another one, unless it is repeated.
_DIRECTIVES = {
    b"%Y": rb"(?P<year>[0-9][0-9]{3})",
    b"%y": rb"(?P<year>[0-9][0-9])",
    b"%m": rb"(?P<month>[0-9][0-9])",
    b"%-m": rb"(?P<month>[0-9]{1,2})",
    b"%b": rb"(?P<month>" + b"|".join(_MONTHS) + rb")",
    b"%d": rb"(?P<day>[0-9][0-9])",
    b"%e": rb"(?P<day>[ 0-9][0-9])",
    b"%-d": rb"(?P<day>[0-9]{1,2})",
    b"%a": rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    b"%T": rb"(?P<hour>[0-9][0-9]):(?P<minute>[0-9][0-9]):(?P<second>[0-9][0-9])",
    b"%-T": rb"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2}):(?P<second>[0-9]{1,2})",
    b"%C": rb"(?P<hour>[0-9][0-9])(?P<minute>[0-9][0-9])(?P<second>[0-9][0-9])",
    b"%f": rb"(?:(?:[.,]|:(?=[0-9]{3}(?![0-9.])))(?P<fraction>[0-9]{1,9})|)",
    b"%L": rb"(?P<milliseconds>[0-9]{1,3})",
    b"%p": rb"(?:(?: |\xe2\x80\xaf|)(?P<half>[AaPp](?:[Mm]\b|\.[Mm]\.))|)",
    b"%s": rb"(?P<epoch>[0-9][0-9]{9})(?:\.(?P<fraction>[0-9]{1,9})|)",
    b"%z": rb"(?P<zone>" + _ZONE + rb"|)",
    # A year and a zone again, behind the time.
    b"%G": rb"(?P<year_2>(?:19|20)[0-9][0-9])",
    b"%Z": rb"(?P<zone_2>" + _ZONE + rb"|)",
}
_DIRECTIVE = re.compile(rb"%-?[A-Za-z]")
_ISO = rb"%Y[-/]%m[-/]%d[Tt ]%T%f%p%z"
# In a header a zone and a year are words of their own, as no name of a host is one.
_BEHIND = rb"(?:%z(?![^ :\n])|)(?: %G(?![^ :\n])(?:%Z(?![^ :\n])|)|)"
MORE = (
    rb"(?:[0-9.,Zz+-]|:[0-9]|\xe2\x80\xaf| ?(?:[AaPp]\.?[Mm]\b|[+-][0-9]|(?=[A-Zug(\[])(?:[(\[]?(?:"
    + zone_names.LIKE_NAME + rb"|" + _UTC + rb")\b|[(\[]?[A-Z][A-Za-z]{1,9}/[A-Z]))| (?:19|20)[0-9]{2}[ :])"
)  # fmt: skip
"""The beginning of a text that may follow a time and belong to it, such as a fraction or a zone."""
_LEVEL = rb"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|FATAL|CRITICAL)"
_PAIRS = (
    rb"""(?:[\w.@-]+=(?:"(?:[^"\\\n]|\\.)*"|[^\s"]*) +){0,8}?"""
    rb"""(?:ts|time|t|timestamp|@timestamp|datetime)=["']?"""
)
_EPOCHS = rb"(?P<epoch>[0-9]{10}(?:[0-9]{3}){0,3})(?:(?<![0-9]{11})\.(?P<fraction>[0-9]{1,9})|)(?![\w.:-])"


class TimeForm(NamedTuple):
    """A time format. example: the beginning of a line in it.

    utc: times without a zone are UTC. further: text up to the zone, if it stands further on in the line.
    Lines of one second have one zone there: in another, their clocks would differ.
    """

    name: str
    example: str
    time: bytes
    before: bytes = b""
    after: bytes = b""
    utc: bool = False
    further: bytes = b""

    @property
    def pattern_with_groups(self) -> bytes:
        """Return the regular expression, with a named group for each part of the time."""
        further = rb"(?=" + self.further + rb"|)" if self.further else b""
        return _with_directives(self.before + self.time + further) + self._lookahead

    @property
    def pattern_without_groups(self) -> bytes:
        """Return the regular expression without groups."""
        named = _with_directives(self.before + self.time) + self._lookahead
        return re.sub(rb"\(\?P<\w+>", b"(?:", named)

    @property
    def _lookahead(self) -> bytes:
        return rb"(?=" + self.after + rb")" if self.after else b""


def _with_directives(pattern: bytes) -> bytes:
    return _DIRECTIVE.sub(lambda found: _DIRECTIVES[found[0]], pattern)


# fmt: off
DATES = (
    TimeForm("RFC 3339", "2026-11-20T06:18:42.123+01:00", _ISO),
    TimeForm("RFC 3164", "Nov 20 06:18:42", rb"%b %e (?:%Y |)%T%f%p" + _BEHIND),
    TimeForm("asctime", "[Fri Nov 20 06:18:42 2026]",
             rb"%a %b %e %T%f%p(?: (?P<certain>[A-Z]{2,5})|%z) %Y(?![0-9])%Z", rb"(?:\[|)"),
)
"""The forms that also occur after a syslog priority, and in JSON values."""
ACCESS = TimeForm("access log", "10.0.0.1 - ann [20/Nov/2026:06:18:42 +0000]",
                  rb"%d/%b/%Y[: ]%T%f ?%z", rb"[^\s\[]\S* +[^\[\n]{0,80}\[", rb"\]")
OTHERS = (
    TimeForm("RFC 3339", "[2026-11-20 06:00:00.123]", _ISO, rb"""[\[("']"""),
    TimeForm("RFC 3339", "INFO  [main] 2026-11-20 06:18:42,123",
             _ISO, rb"\[?(?:" + _LEVEL + rb"|[DIWEF],)\]?:? +(?:\[[^\]\n]{1,80}\] +)?\[?"),
    TimeForm("RFC 3339", "web-1  | 2026-11-20T06:18:42Z", _ISO, rb"[\w.-]{1,80} +\| "),
    TimeForm("RFC 3339", "api.log.1 2026-11-20 06:18:42.008", _ISO, rb"[\w./-]{1,80}\.log[\w.:-]{0,80} "),
    TimeForm("logfmt", "level=info ts=2026-11-20T06:18:42.123Z", _ISO, _PAIRS),
    TimeForm("logfmt", "ts=1795155522.123", _EPOCHS, _PAIRS),
    TimeForm("ALB", "https 2026-11-20T06:18:42.123456Z app/web/1 10.0.0.9:50000",
             _ISO, rb"[hgw](?:ttps?|2|rpcs?|ss?) ", rb" \S+ \S+:[0-9]+ ", utc=True),
    TimeForm("ALB", "tls 2.0 2026-11-20T06:18:42 net/", _ISO, rb"tls [0-9.]+ ", rb" net/", utc=True),
    TimeForm("VPC flow log", "2 123456789010 eni-1235b8ca - - - - - - - 1795155522 1795155582 -",
             rb"(?P<epoch>[0-9]{10})", rb"2 (?:[0-9]{12}|unknown) eni-[0-9a-f]+ (?:\S+ ){7}",
             rb" [0-9]{10} [AR-]"),
    TimeForm("FortiGate", "date=2026-11-20 time=06:18:42", rb"date=%Y-%m-%d time=%T",
             further=rb"""[^\n]{0,400}? (?:tz|timezone)="?%z(?=["\s])"""),
    TimeForm("klog", "I1120 06:18:42.123456    4242 server.go:12]",
             rb"(?:%Y|)%m%d %T%f", rb"[IWEF]", rb" +[0-9]+ [^\s:]+:[0-9]+\]"),
    TimeForm("logcat", "11-20 06:18:42.123  1702  2395 D",
             rb"%m-%d %T%f", b"", rb" +(?:\w+ +)?[0-9]+ +[0-9]+ [VDIWEFAS] | [VDIWEFA]/"),
    TimeForm("log4j", "26/11/20 06:18:42 INFO", rb"%y/%m/%d %T%f", b"", rb" +" + _LEVEL + rb"\b"),
    TimeForm("HDFS", "261120 061842 148 INFO", rb"%y%m%d %C", b"", rb" [0-9]+ " + _LEVEL + rb"\b"),
    TimeForm("MySQL", "261120  6:18:42 [Note]", rb"%y%m%d +%-T", b"",
             rb"\s+(?:\[(?:Note|Warning|ERROR)\]|InnoDB|mysqld|[0-9]+ [A-Z][a-z])"),
    TimeForm("MySQL", "# Time: 2026-11-20T06:18:42.123456Z", _ISO, rb"# Time: "),
    TimeForm("MySQL", "# Time: 261120  6:18:42", rb"%y%m%d +%-T", rb"# Time: "),
    TimeForm("CloudFront", "2026-11-20\t06:18:42\tFRA2\t", rb"%Y-%m-%d\t%T", b"",
             rb"\t[A-Z]{3}[0-9]{1,2}(?:-[A-Z][0-9]+)?\t", utc=True),
    TimeForm("tabs", "2026-11-20\t06:18:42\t", rb"%Y[-/]%m[-/]%d\t%T%f%z"),
    TimeForm("HealthApp", "20261120-6:18:42:606|", rb"%Y%m%d-%-T:%L", b"", rb"\|"),
    TimeForm("compact", "20261120T061842Z", rb"%Y%m%d[T_-]%C%f%z", b"", rb"[\s\],|]"),
    TimeForm("compact", "20261120 06:18:42", rb"%Y%m%d[T _-]%T%f%p%z", b"", rb"[\s\],|]"),
    TimeForm("unpadded", "2026-11-9 6:18:42", rb"%Y[-/.]%-m[-/.]%-d[T ] ?%-T%f%p%z", rb"\[?"),
    TimeForm("Tomcat, BIND, PHP", "20-Nov-2026 06:18:42.123",
             rb"%-d-%b-%Y %T%f%p(?: (?P<certain>[A-Z][A-Za-z]+/[\w/+-]+)(?=\])|%z)", rb"\[?"),
    TimeForm("RFC 5322", "Fri, 20 Nov 2026 06:18:42 +0100",
             rb"%-d[ /]%b[ /]%Y[ :]%T%f%p%z", rb"(?:%a,? |\[|)"),
    TimeForm("Redis", "1234:M 20 Nov 2026 06:18:42.123 *",
             rb"%-d %b (?:%Y |)%T%f", rb"(?:[0-9]+:[A-Z]|\[[0-9]+\]) ", rb" [.*#-] "),
    TimeForm("java.util.logging", "Nov 20, 2026 6:18:42 AM",
             rb"%b %-d, %Y,? %-T%f%p%z"),
    TimeForm("RFC 3164", "*Nov 9 2026 06:18:42.123:",
             rb"%b +%-d (?:%Y |)%T%f%p" + _BEHIND, rb"[*.]?(?:%a,? |)"),
    TimeForm("RFC 3164", "2026 Nov 20 06:18:42.123 UTC:", rb"%Y %b +%-d %T%f%p" + _BEHIND),
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


@cache
def _with_groups(number: int) -> re.Pattern[bytes]:
    """Return the expression of a form: compiled when it is needed, as a file has few of them."""
    return re.compile(FORMS[number].pattern_with_groups)


def match_time_form(text: bytes, at: int) -> tuple[TimeForm, re.Match[bytes]]:
    """Return the time form at `text[at:]`, and the match with its parts.

    Raises ValueError if no form matches.
    """
    fitting = _ANY.match(text, at)
    number = (fitting.lastindex if fitting else None) or 1
    found = _with_groups(number - 1).match(text, at)
    if found is None:
        raise ValueError("no time")
    return FORMS[number - 1], found


def parts_of_time(found: re.Match[bytes]) -> dict[str, bytes]:
    """Return the parts of a time by their names."""
    return {name.split("_")[0]: part for name, part in found.groupdict().items() if part}


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
        _parse_zone(parts),
    )  # fmt: skip


def zone_name(parts: Mapping[str, bytes]) -> str:
    """Return the name of a time's zone, such as CET, but for UTC and GMT; "" without one."""
    name = _said_zone(parts).decode()
    is_name = "certain" in parts or name in zone_names.NAMES
    return name if is_name and name.isalpha() and name not in ("UTC", "GMT", "Z") else ""


def _said_zone(parts: Mapping[str, bytes]) -> bytes:
    return (parts.get("certain") or parts.get("zone", b"")).strip(b" ()[]")


def _parse_zone(parts: Mapping[str, bytes]) -> tzinfo | None:
    """Return a zone; None for local time, also for a name that tells no zone, or is none."""
    text = _said_zone(parts)
    name = text.decode().upper()
    if not name:
        return None
    if name.isalpha():
        minutes = zone_names.MINUTES.get(name)
        return None if minutes is None else timezone(timedelta(minutes=minutes))
    if b"/" in text:
        return (
            _zone_of_region(text) if "certain" in parts or text.split(b"/")[0] in _AREAS else None
        )
    offset = name.lstrip("GMTUC")
    digits = offset[1:].replace(":", "")
    hours, rest = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "0")
    minutes = 60 * int(hours) + int(rest)
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _zone_of_region(name: bytes) -> tzinfo:
    try:
        return ZoneInfo(name.decode("ascii"))
    except KeyError:
        raise ValueError("an unknown zone") from None


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
