"""Turns times into text, and text into times (RFC 3339, UTC, microseconds); no other module does this."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FIRST, _LAST = -62135596800, 253402300799
"""The first and the last second that datetime accepts: of the years 1 and 9999."""
_KEPT = 4
_seconds: dict[int, str] = {}


def _utc(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, UTC)


def _whole_second(second: int) -> str:
    # Not strftime: it writes the year 999 with three digits.
    return _utc(min(max(second, _FIRST), _LAST)).isoformat()[:19]


def rfc3339(moment: float) -> str:
    """Return `moment`, in seconds since 1970, as `2026-11-20T06:18:42.123456Z`, which is UTC.

    It is fast enough for each chunk, because it computes the date only once a second. A moment before the
    year 1 or after 9999 gives the first or the last second of these.
    """
    second, microseconds = divmod(int(moment * 1_000_000), 1_000_000)
    text = _seconds.get(second)
    if text is None:
        if len(_seconds) >= _KEPT:
            _seconds.clear()
        text = _seconds[second] = _whole_second(second)
    return f"{text}.{microseconds:06d}Z"


def exact_rfc3339(microseconds: int) -> str:
    """Return a moment, in microseconds since 1970, in the same form as `rfc3339`, which may round the
    moment.
    """
    second, rest = divmod(microseconds, 1_000_000)
    return f"{rfc3339(second)[:20]}{rest:06d}Z"


def file_stamp(moment: float) -> str:
    """Return `moment`, in seconds since 1970, as `20261120T061842Z`, which is safe in a file name on any
    file system.
    """
    return _utc(moment).strftime("%Y%m%dT%H%M%SZ")


def parse_rfc3339(text: str) -> float:
    """Return the seconds since 1970 of an RFC 3339 text.

    Raises ValueError for any text but a date and time with a UTC offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"{text!r} is not a date and time with a UTC offset")
    return moment.timestamp()


def shift_rfc3339(text: str, seconds: float) -> str:
    """Return the time that is `seconds` later than `text`, exact to the microsecond; if there is no such
    time, the first or the last possible one.

    Raises ValueError as `parse_rfc3339` does.
    """
    parse_rfc3339(text)
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return rfc3339(_FIRST if seconds < 0 else _LAST)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
