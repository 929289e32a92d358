"""The words of syslog headers as senders write them: times, names of hosts, tags, levels."""

from __future__ import annotations

import re
from functools import lru_cache

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.linelog.fields import zone_names
from logsrv.linelog.fields.forms.events.one import begins_event

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news"),
    *("uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
FACILITY = rb"(?:" + "|".join(FACILITIES).encode() + rb"|security)"
"""A facility, also under its former name."""
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")

LEVEL = rb"(?:emerg|emergency|panic|alert|crit|critical|err|error|warn|warning|notice|info|debug)"
MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_YEAR = rb"(?:19|20)[0-9]{2}"
_CLOCK = rb"[0-9]{2}:[0-9]{2}:[0-9]{2}"
ZONE = (
    rb"(?:(?:UTC|GMT)[+-][0-9]{1,2}(?::?[0-9]{2})?|"
    + zone_names.NAME
    + rb"|"
    + zone_names.HOURS
    + rb"(?:"
    + zone_names.QUARTERS
    + rb")?)"
)
"""A zone behind a time."""
NO_HOST = (
    rb"(?:(?:" + ZONE + rb"|" + _YEAR + rb")[ :]|(?:(?:[lL]ast|[pP]revious|[aA]bove) )?[mM]essage "
    rb"(?:'[^']{0,200}' )?(?:repeated|repeats|buffered) |Message forwarded from |From "
    rb"|(?:" + FACILITY + rb"\.)?" + LEVEL + rb" )"
)
"""The beginning of a text behind a time that is no name of a host."""

OLD_TIME = (
    rb"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:" + _YEAR + rb" )?" + MONTH + rb" [ 0-9]?[0-9](?: "
    + _YEAR + rb")? " + _CLOCK + rb"(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2}| [AP]M)?"
)  # fmt: skip
"""A time as in RFC 3164, perhaps with its weekday, year or fraction."""
_ISO_TIME = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T" + _CLOCK + rb"[^ ]*?"
_AFTER_TIME = (
    rb"(?: " + ZONE + rb"(?=[ :]))?(?: " + _YEAR + rb"(?=[ :]))?(?: " + ZONE + rb"(?=[ :]))?"
)
TIME = LatePattern(rb"((?:" + OLD_TIME + rb"|" + _ISO_TIME + rb")" + _AFTER_TIME + rb"):? +")
_NO_HOST = LatePattern(NO_HOST)
_WORD_OF_OTHERS = LatePattern(
    rb"[0-9]+|[AP]M|[lL]ast|[pP]revious|[aA]bove|[mM]essage|From|"
    + ZONE
    + rb"|(?:[a-z0-7]+\.)?"
    + LEVEL
)
HOST = LatePattern(rb"([0-9A-Za-z_\x80-\xff][^\s:\[\]=\"]*(?::[^\s\[\]=\"]*[^\s\[\]=\":])?) +")
TAG = LatePattern(
    rb"((?:[A-Za-z_/.(]|[0-9][0-9.-]*[A-Za-z_]|%+[A-Za-z0-9])[^\s:\[\]=\"]{0,127})"
    rb"(?:\[([^\]\s]{0,128})\]:?|:)(?: |\Z)"
)
# macOS has tags of several words: `Microsoft Word[14463]:`.
TAG_OF_WORDS = LatePattern(
    rb"([A-Za-z_][^\s:\[\]=\"]{0,63}(?: [A-Z0-9(][^\s:\[\]=\"]{0,63}){1,4})\[([0-9]{1,10})\]:?(?: |\Z)"
)


def match_host_behind_colon(message: bytes, at: int) -> re.Match[bytes] | None:
    """Return the match of a host's name behind a time that ends with a colon, or None.

    There the text begins, unless a tag with a PID follows the name.
    """
    host = match_host(message, at)
    tag = TAG.match(message, host.end()) if host else None
    return host if tag and tag[2] else None


def match_host(message: bytes, at: int) -> re.Match[bytes] | None:
    """Return the match of a host's name at this offset, or None for another word."""
    host = HOST.match(message, at)
    if host is None or (may_be_no_host(host[1]) and _NO_HOST.match(message, at)):
        return None
    if begins_event(message, at):
        return None
    return host


@lru_cache(maxsize=4096)
def may_be_no_host(word: bytes) -> bool:
    """Tell whether a word may be no name of a host; what follows it decides."""
    return _WORD_OF_OTHERS.fullmatch(word.rstrip(b":")) is not None
