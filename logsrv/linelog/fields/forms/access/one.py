"""Parse a line of an access log, tell its level, and say by which expressions a search finds such lines."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.forms.logfmt.one import parse_trailing_pairs
from logsrv.linelog.fields.level_names import BY_SYSLOG, RANK

ACCESS_NAMES = (
    *("vhost", "vhost_port", "client", "user", "method", "path", "protocol", "status", "bytes"),
    *("referer", "agent"),
)
"""The fields of nginx and Apache, in the order of the line."""
VHOST = r"([0-9A-Za-z_*-][0-9A-Za-z._*-]*|\[[0-9A-Fa-f:.]+\])"
VHOST_PORT = r"([0-9]{1,5})"
CLIENT_BEHIND_VHOST = r"(?=\S*[.:]|localhost )"
"""What tells a client behind the name of a virtual host from the first word of a user's name."""
_QUOTED = '"(' + pattern_until('"') + ')"'
_LINE = LatePattern(
    rf"(?:{VHOST}(?::{VHOST_PORT})? {CLIENT_BEHIND_VHOST})??"
    r"(\S+) \S+ (\S+) \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[^\]\s]+(?: [+-][0-9]{4})?\] "
    + _QUOTED
    + r" ([0-9]{3}) ([0-9]+|-)(?: +"
    + _QUOTED
    + r" +"
    + _QUOTED
    + r")?(?:\s|\Z)",
    re.ASCII,
)
_DAY = re.compile(r"\[[0-9]{2}/[A-Z]")
# The rare lines with several spaces, another zone, or with a dash and a user of several words, or of none.
_ODD_LINE = LatePattern(
    rf"(?:{VHOST}(?::{VHOST_PORT})? +{CLIENT_BEHIND_VHOST})??"
    rf'(\S+) +(?:-|\S+(?= +\S+ +\[)) +(?:(\S+|[^\s"][^"]{{0,200}}?) +)?'
    r'\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}[: ][^\]\s"]{1,20}(?: +[^\]\s"]{1,6})?\] +'
    + _QUOTED
    + r" +([0-9]{3}) +([0-9]+|-)(?: +"
    + _QUOTED
    + r" +"
    + _QUOTED
    + r")?(?:\s|\Z)",
    re.ASCII,
)
ALL_ACCESS_NAMES = (
    *ACCESS_NAMES,
    *("client_port", "frontend", "backend", "server", "duration_ms", "termination"),
)
"""All fields: ACCESS_NAMES, and those that only HAProxy has."""
_HAPROXY = LatePattern(
    r"(?P<client>\S+):(?P<client_port>[0-9]+) \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8}\.[0-9]{3}\]"
    r" (?P<frontend>\S+) (?P<backend>[^\s/]+)/(?P<server>\S+)"
    r" (?:-?[0-9]+/){4}\+?(?P<duration_ms>[0-9]+) (?P<status>-?[0-9]+) \+?(?P<bytes>[0-9]+)"
    r" \S+ \S+ (?P<termination>\S{4}) [0-9]+/[0-9]+/[0-9]+/[0-9]+/\+?[0-9]+ [0-9]+/[0-9]+ "
    r'(?:\{[^}]*\} ){0,2}"(?P<request>' + pattern_until('"') + r")",
    re.ASCII,
)
BEFORE_STATUS = '(?:"|/[+]?[0-9]+) *'
"""The text before a status, as an expression: the end of the request, or of HAProxy's times."""
_METHOD = "[A-Za-z_-]*[A-Za-z]"
_REQUEST = re.compile(rf"({_METHOD}) (\S.*?)(?: (HTTP/[0-9.]+))?")
_SPACED_REQUEST = re.compile(rf"({_METHOD}) +(\S.*?)(?:(?<! ) +(HTTP/[0-9.]+))?")
REQUEST_AND_ANSWER = f'"{_METHOD} {pattern_until(chr(34))}" +[0-9]{{3}} +(?:[0-9]+|-)'
"""The request, the status and the size in a line. JavaScript reads it alike, and the page uses it."""
_ESCAPED = re.compile(r'\\(["\\])')


def parse_access(content: str) -> dict[str, str] | None:
    """Return the fields of a line of an access log, or None. A field with `-` is missing."""
    # This test takes a twentieth of the time of the expression.
    if " [" not in content:
        return None
    line = _LINE.match(content)
    if line is None:
        if not _DAY.search(content):
            return None
        line = _ODD_LINE.match(content)
    if line is None:
        return _parse_haproxy(content)
    vhost, port, client, user, request, *others = line.groups()
    values = (vhost, port, client, user, *split_request_line(request), *others)
    found = {
        name: unescape_quotes(value)
        for name, value in zip(ACCESS_NAMES, values, strict=True)
        if value is not None and value != "-"
    }
    if content.find("=", line.end()) < 0:
        return found
    return parse_trailing_pairs(content[line.end() :]) | found


def _parse_haproxy(content: str) -> dict[str, str] | None:
    line = _HAPROXY.match(content)
    if line is None:
        return None
    found = line.groupdict()
    parts = zip(
        ("method", "path", "protocol"), split_request_line(found.pop("request")), strict=True
    )
    found |= {name: unescape_quotes(value) for name, value in parts if value is not None}
    # Behind the quote that ends the request.
    return parse_trailing_pairs(content[line.end() + 1 :]) | found


def split_request_line(request: str) -> tuple[str | None, str | None, str | None]:
    """Split a request line into method, path and protocol, still escaped; three None for another text."""
    parts = (_SPACED_REQUEST if "  " in request else _REQUEST).fullmatch(request)
    return parts.groups() if parts else (None, None, None)  # type: ignore[return-value]


def unescape_quotes(value: str) -> str:
    """Remove the backslashes before quotes and backslashes in a value."""
    return _ESCAPED.sub(r"\1", value) if "\\" in value else value


OF_STATUS = {"4": "warning", "5": "error"}
"""Levels by the first digit of an HTTP status."""
OF_OTHER_STATUS = "info"


def level_of_access_log(status: str | None, severity: int | None = None) -> str:
    """Return the level of a line of an access log: that of its HTTP status, or the header's if it is worse.

    severity: that of a syslog header, or None.
    """
    found = OF_STATUS.get(status[0], OF_OTHER_STATUS) if status else OF_OTHER_STATUS
    return found if severity is None else max(found, BY_SYSLOG[severity], key=RANK.__getitem__)


def expression_in_access_log(name: str, number: str | None) -> str:
    """Return an expression of RE2 that each line with a field contains.

    number: an expression for the integers that the field must have, or None.
    """
    if number and name == "status":
        return f"{BEFORE_STATUS} (?:-|0*(?:{number}))"
    if number and name == "bytes":
        return f"{BEFORE_STATUS} -?[0-9]{{1,3}} +(?:[+]?0*(?:{number}))"
    return r"(?:\] +\"|\.[0-9]{3}\] )"


def expressions_for_statuses(levels: Collection[str]) -> Iterator[str]:
    """Yield an expression for lines with a status that means one of these levels, if any does."""
    if statuses := "".join(one for one, meaning in OF_STATUS.items() if meaning in levels):
        yield f"{BEFORE_STATUS} [{statuses}]"
