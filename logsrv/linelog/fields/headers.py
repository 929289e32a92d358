"""Read chosen fields from many syslog headers of the usual forms in one pass.

Unusual messages, and those with JSON after the header, are returned to the caller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

from logsrv.linelog.fields.header_words import FACILITIES, SEVERITIES, may_be_no_host
from logsrv.linelog.fields.one_pass import OnePassReader
from logsrv.linelog.fields.stored import decode_stored
from logsrv.linelog.fields.syslog_header import NAMES

_NO_OBJECT = rb"(?![ \t\r]*\{)[^\n]*\n"
# The name of a message of a device, which may have another header than its line seems to have.
_has_device = re.compile(rb"%(?<=[ :]%)[A-Z]").search
_MONTHS = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# The parts of the regular expression, each with the name of its group, or "": first RFC 3164, where local
# programs omit the hostname; then RFC 5424.
_PARTS: tuple[tuple[str, bytes], ...] = (
    ("", rb"^<"),
    ("priority", rb"(1[0-8][0-9]|19[01]|0?[0-9]{1,2})"),
    ("", rb">(?:"),
    ("timestamp", rb"(" + _MONTHS + rb" [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2})"),
    ("", rb" (?:"),
    ("hostname", rb"([A-Za-z0-9][A-Za-z0-9._-]*)"),
    ("", rb" )?"),
    ("app", rb'([A-Za-z_/.(][^\s:\[\]=",]{0,127})'),
    ("", rb"(?:\["),
    ("pid", rb"([^\]\s]{0,128})"),
    ("", rb"\]:?|:) " + _NO_OBJECT),
    ("", rb"|[1-9][0-9]{0,2} "),
    ("timestamp", rb"(-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ \n]+)"),
    ("", rb" "),
    ("hostname", rb"([^ \n]+)"),
    ("", rb" "),
    ("app", rb"([^ \n]+)"),
    ("", rb" "),
    ("pid", rb"([^ \n]+)"),
    ("", rb" "),
    ("msgid", rb"([^ \n]+)"),
    ("", rb" (?:- (?:\xef\xbb\xbf)?" + _NO_OBJECT + rb"|\[[^{\n]*\n))|([^\n]*\n)"),
)
_AFTER_TIME = ("hostname", "app", "pid", "timestamp")
_OF_PRIORITY = ("facility", "severity")


class HeaderReader(OnePassReader):
    """A reader of the fields called `names` in syslog headers; some may be fields that headers lack.

    wanted: indices in `names` of the fields that it reads. is_able: false if `names` has `text`, because
    that needs a Record.
    """

    def __init__(self, names: Sequence[str]) -> None:
        inner = [name.removeprefix("fields.").removeprefix("syslog.") for name in names]
        self.wanted = [place for place, name in enumerate(inner) if name in NAMES]
        # The text begins after the whole header, whose end this expression does not find.
        self.can_read = "text" not in inner
        super().__init__(
            _PARTS,
            [
                (
                    place,
                    "priority" if inner[place] in _OF_PRIORITY else inner[place],
                    _make_converter(inner[place]),
                )
                for place in self.wanted
            ],
            # A word that is no host moves the others.
            checked=("hostname", "app") if set(inner) & set(_AFTER_TIME) else (),
            is_odd=may_be_no_host,
        )

    def read(
        self, text: bytes
    ) -> tuple[list[tuple[int, list[str | None]]], list[tuple[int, bytes]]]:
        """Return columns and other lines, as OnePassReader does."""
        columns, others = super().read(text)
        if text.find(b"%") >= 0 and _has_device(text):
            lines = text.split(b"\n")[:-1]
            others += [(number, line) for number, line in enumerate(lines) if _has_device(line)]
        return columns, others


def _make_converter(name: str) -> Callable[..., str | None]:
    if name in _OF_PRIORITY:
        return partial(_priority_field, name)
    return partial(_value_of_either_rfc, b"") if name == "msgid" else _value_of_either_rfc


@lru_cache(maxsize=1000)
def _priority_field(name: str, priority: bytes) -> str | None:
    if not priority:
        return None
    facility, severity = divmod(int(priority), 8)
    return FACILITIES[facility] if name == "facility" else SEVERITIES[severity]


@lru_cache(maxsize=4096)
def _value_of_either_rfc(old: bytes, new: bytes) -> str | None:
    """Return the value from RFC 3164, or from RFC 5424, where `-` means none."""
    value = old or (b"" if new == b"-" else new)
    return decode_stored(value) if value else None
