"""Write the times of senders as RFC 3339 text in UTC, with the digits that were sent (sans-IO)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

NANOSECONDS = 10**9
# Without an offset, which its text must not have.
_EPOCH = datetime(1970, 1, 1)


def seconds_as_rfc3339(seconds: float) -> str | None:
    """Return a time in seconds since 1970 as text; None if `datetime` cannot represent it.

    An integer gets no fraction, a float the digits with which Python writes it.
    """
    if isinstance(seconds, int):
        return _rfc3339_text(seconds, "")
    if not math.isfinite(seconds):
        return None
    whole = math.floor(seconds)
    digits = f"{Decimal(repr(seconds)) - whole:f}".partition(".")[2]
    return _rfc3339_text(whole, f".{digits.rstrip('0') or '0'}")


def nanoseconds_as_rfc3339(seconds: int, nanoseconds: int) -> str | None:
    """Return a time in seconds since 1970 plus nanoseconds as text, with nine digits of fraction.

    None if `datetime` cannot represent it.
    """
    if not 0 <= nanoseconds < NANOSECONDS:
        carried, nanoseconds = divmod(nanoseconds, NANOSECONDS)
        seconds += carried
    second = _rfc3339_second(seconds)
    return None if second is None else f"{second}.{nanoseconds:09d}Z"


def _rfc3339_text(seconds: int, fraction: str) -> str | None:
    second = _rfc3339_second(seconds)
    return None if second is None else f"{second}{fraction}Z"


@lru_cache(maxsize=256)
def _rfc3339_second(seconds: int) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).isoformat()
    except OverflowError:
        return None
