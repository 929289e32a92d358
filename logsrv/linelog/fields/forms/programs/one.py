"""Parse a message of sshd or of PostgreSQL."""

from __future__ import annotations

import re

from logsrv.kit.text.late_pattern import LatePattern

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
