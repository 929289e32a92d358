"""TIMEs of stored lines: the smallest and the largest tell a search which text is too old or too new.

Lines may be out of the order of their TIMEs, because a clock may be set back. So a reader relies only on
the smallest and the largest TIME. A search compares the first 27 bytes of each line as text, even if they
are no TIME (`read/search.py`); so do these functions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from logsrv.kit.text.time import parse_rfc3339

SIZE = len("2026-11-20T06:18:42.123456Z")
SHAPE = b"0000-00-00T00:00:00.000000Z"
"""A TIME, with 0 for any digit."""
_DIGITS = bytes.maketrans(b"123456789", b"000000000")


class Times(NamedTuple):
    """The smallest and the largest TIME of some lines, unchanged; None if no line has one.

    sure: whether every line is between the two, compared as text.
    """

    smallest: str | None
    largest: str | None
    sure: bool

    def may_reach(self, since: str, until: str) -> bool:
        """Return whether a line may have a TIME from `since` on and before `until`; "" means no limit."""
        if not self.sure or self.smallest is None or self.largest is None:
            return True
        return self.largest >= since and (not until or self.smallest < until)

    def surely_within(self, since: str, until: str) -> bool:
        """Return whether every line certainly has a TIME from `since` on and before `until`."""
        if not self.sure or self.smallest is None or self.largest is None:
            return False
        return self.smallest >= since and (not until or self.largest < until)


NONE = Times(None, None, True)
"""The times of no lines."""

UNKNOWN = Times(None, None, False)


def combine_times(parts: Iterable[Times]) -> Times:
    """Return the times of a text. parts: the times of its parts."""
    found = list(parts)
    return Times(
        min((one.smallest for one in found if one.smallest is not None), default=None),
        max((one.largest for one in found if one.largest is not None), default=None),
        all(one.sure for one in found),
    )


def times_of(text: bytes) -> Times:
    """Return the times of the lines of a text."""
    if not text:
        return NONE
    lines = text.removesuffix(b"\n").split(b"\n")
    smallest, largest = time_of(min(lines)), time_of(max(lines))
    if smallest is not None and largest is not None:
        return Times(smallest, largest, True)
    heads = sorted({line[:SIZE] for line in lines})
    return Times(_first_time(heads), _first_time(reversed(heads)), False)


def _first_time(heads: Iterable[bytes]) -> str | None:
    return next((time for head in heads if (time := time_of(head)) is not None), None)


def digits_to_zeros(text: bytes) -> bytes:
    """Return a text with each digit replaced by 0."""
    return text.translate(_DIGITS)


def time_of(line: bytes) -> str | None:
    """Return the TIME at the beginning of a stored line; None if there is none."""
    head = line[:SIZE]
    if digits_to_zeros(head) != SHAPE:
        return None
    text = head.decode()
    try:
        parse_rfc3339(text)
    except ValueError:
        return None
    return text


def time_text(line: bytes) -> str | None:
    """Return the TIME at the beginning of `line`, unchanged; None if there is none."""
    text = line[:64].split(b" ", 1)[0].decode("ascii", "replace")
    try:
        parse_rfc3339(text)
    except ValueError:
        return None
    return text


def first_moment(fd: int) -> float:
    """Return the TIME of the first line in Unix seconds; if it has none, the time of the last write."""
    try:
        text = time_text(os.pread(fd, 64, 0))
    except OSError:
        text = None
    return parse_rfc3339(text) if text else os.fstat(fd).st_mtime
