"""Parse the lines of servers: access logs, sshd's logins, PostgreSQL's durations.

Access logs are those of nginx and Apache, common and combined, and of HAProxy (`option httplog`). Behind
their known fields, pairs `key=value` are fields too; other text is ignored.
"""

from __future__ import annotations

import re

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.logfmt import parse_trailing_pairs
from logsrv.linelog.fields.values import Value

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
STATUS_CLASS = "status_class"
"""The field with the class of `status`, such as `4xx`, in lines that have no field of this name."""
_STATUS = re.compile(r"[1-5][0-9]{2}", re.ASCII)
_REQUEST = re.compile(r"([A-Za-z_-]*[A-Za-z]) (\S.*?)(?: (HTTP/[0-9.]+))?")
_SPACED_REQUEST = re.compile(r"([A-Za-z_-]*[A-Za-z]) +(\S.*?)(?:(?<! ) +(HTTP/[0-9.]+))?")
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


def class_of_status(status: Value | None) -> str | None:
    """Return the class of an HTTP status: `4xx` for 404; None for any other value."""
    text = str(status)
    return f"{text[0]}xx" if _STATUS.fullmatch(text) else None


def unescape_quotes(value: str) -> str:
    """Remove the backslashes before quotes and backslashes in a value."""
    return _ESCAPED.sub(r"\1", value) if "\\" in value else value


_IP = r"(?P<client>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]+(?:%\w+)?)"
_PORT = r" port (?P<client_port>[0-9]{1,5})\b"
LOGIN_WORDS = ("Failed", "Accepted", "Postponed")
LOGIN = rf"\w+ \S+ for (?:invalid user )?(?P<user>.*) from {_IP}{_PORT}"
"""A message of sshd about a login, which begins with one of LOGIN_WORDS."""
# The name of the user matches as much as possible: an attacker may choose `x from 1.2.3.4 port 5`.
_LOGIN = LatePattern(LOGIN, re.ASCII)
_INVALID = LatePattern(rf"\w+ user (?P<user>.*) from {_IP}(?:{_PORT})?\Z", re.ASCII)
# All parts are bounded, so that no line takes quadratic time.
_END = LatePattern(
    r"[A-Za-z ]{1,40}? (?:(?:authenticating |invalid )?user (?P<user>.{0,256}) (?=\S+ port [0-9]))?"
    rf"{_IP}(?:{_PORT})?",
    re.ASCII,
)
_SSHD = {
    **dict.fromkeys(LOGIN_WORDS, _LOGIN),
    "Invalid": _INVALID,
    **dict.fromkeys(("Connection", "Disconnected", "Disconnecting", "Received"), _END),
}
SSHD_NAMES = ("client", "client_port", "user")
"""The fields of sshd's messages."""
SSHD_WORDS = tuple(_SSHD)
"""The first words of sshd's messages."""
DURATION = "LOG:  duration: "
"""The text before a duration of PostgreSQL."""
_DURATION = LatePattern(DURATION + r"([0-9.]+ ms)\b")


def parse_program_message(content: str, app: str | None) -> dict[str, str]:
    """Return the fields in a message of sshd or PostgreSQL; none for another message.

    app: from the syslog header, None without a header. Then the words alone identify sshd.
    """
    shape = _SSHD.get(content.partition(" ")[0])
    if shape is not None and (app is None or app.startswith("sshd")):
        found = shape.match(content)
        return {name: value for name, value in found.groupdict().items() if value} if found else {}
    took = _DURATION.search(content) if DURATION in content else None
    return {"duration": took[1]} if took else {}
