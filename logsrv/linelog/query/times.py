"""Typed moments: `2026-11-20 06:00`, `yesterday`, `30m` and `1 hour ago`, `@1795155522`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from logsrv.kit.text.words import shown
from logsrv.linelog.steps.step_words import parse_months
from logsrv.linelog.steps.steps import Steps

SOME_DAY = 1_795_132_800.0
"""2026-11-20: for a time that is only checked; its meaning depends on when it is asked."""
_AGO = re.compile(
    r"(?:now *- *|-)?(?P<number>[0-9]{1,12})(?P<unit>[smhdw])"
    r"|(?P<words>[0-9]{1,12}) +(?P<word>second|minute|hour|day|week)s? +ago",
    re.ASCII,
)
_SINCE_1970 = re.compile(r"@([0-9]{1,12}(?:\.[0-9]{1,9})?)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_STEPS = {"ms": 0.001, **_SECONDS}
_STEP = re.compile(r"([0-9.]{0,12})(ms|[smhdw])", re.ASCII)
_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
_ZONE = r"(?P<zone>[Zz]|[+-][0-9]{2}:?[0-9]{2})?"
_MOMENT = re.compile(
    r"(?:(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"|(?P<day>today|yesterday)(?: *- *(?P<number>[0-9]{1,5})(?P<unit>[dw]))?)?"
    rf"(?:(?P<between>[Tt]| +|\A){_CLOCK} ?{_ZONE})?",
    re.ASCII,
)


def parse_moment(text: str, now: float, utc: bool) -> float:
    """Return the moment that `text` means, in seconds since 1970.

    now: the present, in seconds since 1970. utc: whether times without a zone are UTC, not local time.
    Raises ValueError with a sentence for the user.
    """
    text = text.strip()
    if text == "now":
        return now
    try:
        seconds = _seconds_since_1970(text, now)
        if seconds is not None:
            datetime.fromtimestamp(seconds, UTC)
            return seconds
        parts = _MOMENT.fullmatch(text) if text else None
        if parts is not None:
            return _moment_of_parts(parts, now, utc)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{shown(text)} is a time that does not exist") from None
    raise ValueError(
        f"{shown(text)} is not a time; write 2026-11-20T06:00:00Z, 2026-11-20, 2026-11-20 06:00, 06:00, "
        "today, today - 7d, yesterday, now, how long ago (90s, 30m, 2h, 7d, 1w, 1 hour ago), or seconds "
        "since 1970 (@1795155522)"
    )


def _seconds_since_1970(text: str, now: float) -> float | None:
    """Return the moment of a text such as `2h`, `1 hour ago` or `@1795155522`; None for another text."""
    if ago := _AGO.fullmatch(text):
        unit = ago["unit"] or ago["word"][0]
        return now - int(ago["number"] or ago["words"]) * _SECONDS[unit]
    since = _SINCE_1970.fullmatch(text)
    return float(since[1]) if since else None


def _moment_of_parts(parts: re.Match[str], now: float, utc: bool) -> float:
    zone: tzinfo | None = UTC if utc else None
    if parts["zone"]:
        zone = datetime.strptime(parts["zone"].upper(), "%z").tzinfo
    today = datetime.fromtimestamp(now, zone).date()
    day = date.fromisoformat(parts["date"]) if parts["date"] else today
    if parts["day"] == "yesterday":
        day -= timedelta(days=1)
    if parts["number"]:
        day -= timedelta(days=int(parts["number"]) * (7 if parts["unit"] == "w" else 1))
    leap = parts["second"] == "60"
    clock = time(
        int(parts["hour"] or 0),
        int(parts["minute"] or 0),
        59 if leap else int(parts["second"] or 0),
        int((parts["part"] or "0").ljust(6, "0")[:6]),
        zone,
    )
    # Without a zone this is local time. If clocks set back show a time twice, it is the first.
    return datetime.combine(day, clock).timestamp() + leap


def check_shift(shift: float | None, every: Steps | None) -> None:
    """Raise ValueError with a sentence if rows of such steps cannot be compared with earlier ones."""
    if shift and every and every.is_auto:
        raise ValueError("compare needs the length of its steps, not auto: every 1h compare 1d")
    if shift and every and every.months:
        raise ValueError(
            "months differ in length: compare steps of weeks or days, every 1w compare 4w"
        )
    if shift and every and round(shift * 1e6) % every.size:
        raise ValueError(
            "the time after compare must be a multiple of the time after every: every 1h compare 1d"
        )


def parse_step(text: str) -> float:
    """Return a step of time such as `30s`, `5m` or `d` in seconds. Raises ValueError with a sentence."""
    parts = _STEP.fullmatch(text)
    try:
        step = float(parts[1] or "1") * _STEPS[parts[2]] if parts else 0.0
    except ValueError:
        step = 0.0
    if not 0.001 <= step < 1e10:
        raise ValueError(f"{shown(text)} is not a step of time such as 10s, 5m, 1h or 1d")
    return step


def parse_steps(text: str) -> Steps:
    """Return the steps of `every`: as of `parse_step`, of months (`1mo`, `1y`), or `auto`.

    Raises ValueError with a sentence.
    """
    try:
        return parse_months(text) or Steps(parse_step(text))
    except ValueError:
        raise ValueError(
            f"{shown(text)} is not a step of time such as 10s, 5m, 1h, 1d, 1w, 1mo or auto"
        ) from None
