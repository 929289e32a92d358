"""The one place where a moment becomes text and text a moment (RFC 3339, UTC, microseconds)."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4)
def _whole_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(moment: float) -> str:
    """`moment` (seconds since 1970, UTC) as `2026-11-20T06:18:42.123456Z`.

    Cheap enough for once per chunk: the date is worked out once a second only.
    """
    microseconds = int(moment * 1_000_000)
    return f"{_whole_second(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}Z"


def file_stamp(moment: float) -> str:
    """`moment` as `20261120T061842Z`: the same in a form that any file system takes in a name."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


def parse_rfc3339(text: str) -> float:
    """The inverse of `rfc3339`, in seconds since 1970.

    Raises ValueError for anything that is not an RFC 3339 date and time with a UTC offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"{text!r} is not a date and time with a UTC offset")
    return moment.timestamp()
