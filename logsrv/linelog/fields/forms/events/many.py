"""Find CEF and LEEF among many lines; they are rare, so each is parsed by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.forms.events.one import SIGN, may_have_events, parse_event
from logsrv.linelog.fields.stored_line import decode_stored


def lines_with_events(text: bytes, ends: Array) -> Array:
    """Return which lines have what CEF and LEEF begin with. ends: where each line ends."""
    has_event: Array = numpy.zeros(len(ends), bool)
    if not may_have_events(text):
        return has_event
    offsets = []
    at = text.find(SIGN)
    while at >= 0:
        offsets.append(at)
        at = text.find(SIGN, at + 1)
    numbers = numpy.searchsorted(ends, offsets)
    has_event[numbers[numbers < len(ends)]] = True
    return has_event


def events_in(text: bytes, contents: Sequence[bytes]) -> dict[int, dict[str, str]]:
    """Return the fields of the contents that are CEF or LEEF, by index. text: all contents."""
    found: dict[int, dict[str, str]] = {}
    if may_have_events(text):
        for at, content in enumerate(contents):
            if SIGN in content and (event := parse_event(decode_stored(content))):
                found[at] = event[1]
    return found
