"""Times and sizes with units, `39ms`, `1m30s`, `1.5 GiB`, become amounts that can be compared."""

from __future__ import annotations

import re
from typing import NamedTuple

from logsrv.linelog.fields.values import Number, Scalar, number_of_text

NONE, TIME, SIZE = "", "s", "B"
"""Kinds of amounts: a plain number, a time in nanoseconds, a size in bytes."""

_LONGEST = 64
_SECOND = 10**9
_TIMES = {
    "ns": 1,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ms": 10**6,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
    "d": 86_400 * _SECOND,
}
# `Mb` is missing: it is a megabit.
_SIZES = {"B": 1} | {
    spelling: base**power
    for power, letter in enumerate("kmgtpe", 1)
    for base, end in ((1000, "B"), (1024, "iB"))
    for spelling in (letter + end, letter.upper() + end, letter + end.lower())
}
_UNITS = {name: (TIME, scale) for name, scale in _TIMES.items()} | {
    name: (SIZE, scale) for name, scale in _SIZES.items()
}
_PART = (
    r" ?([0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20}) ?("
    + "|".join(sorted(_UNITS, key=len, reverse=True))
    + ")"
)
# The scale of a number without a unit: seconds for a time, bytes for a size.
_SCALES = {NONE: 1, TIME: _SECOND, SIZE: 1}
_IN_NAMES = {
    **dict.fromkeys(("ns", "nanos", "nanoseconds"), (TIME, 1)),
    **dict.fromkeys(("us", "micros", "microseconds"), (TIME, 10**3)),
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), (TIME, 10**6)),
    **dict.fromkeys(("s", "sec", "secs", "seconds"), (TIME, _SECOND)),
    **dict.fromkeys(("min", "minutes"), (TIME, 60 * _SECOND)),
    **{name: (SIZE, _SIZES[name]) for name in ("kb", "mb", "gb", "kib", "mib", "gib")},
    "bytes": (SIZE, 1),
}
# The units of names, as values have them.
_WORDS = ("ns", "us", "ms", "s", "m", "B", "kB", "MB", "GB", "KiB", "MiB", "GiB")
# Not the end of a word with other letters: `maïs` has no seconds.
_LAST_WORD = r"(?:(?<![a-z\x80-\U0010ffff])[a-z]+|[A-Z]+|[A-Z][a-z]+|[KMG]iB)\Z"


class Amount(NamedTuple):
    """An amount. unit: its kind, NONE, TIME or SIZE."""

    unit: str
    number: Number


def parse_amount(value: Scalar) -> Amount | None:
    """Return the amount of a text with a unit, or None for any other value."""
    if not isinstance(value, str) or not value or value[0] not in "0123456789+-.":
        return None
    total: int | float = 0
    unit, at = NONE, int(value[0] in "+-")
    while at < len(value) <= _LONGEST:
        found = re.compile(_PART).match(value, at)
        if found is None:
            return None
        before, (unit, scale) = unit, _UNITS[found[2]]
        # Only a time may have several parts: `1m30s`.
        if before and not before == unit == TIME:
            return None
        total += _scale_text(found[1], scale)
        at = found.end()
    return Amount(unit, -total if value[0] == "-" else total) if unit else None


def is_number_or_amount(text: str) -> bool:
    """Return whether a text is a number, with or without a unit: another text can be equal to it."""
    return number_of_text(text) is not None or parse_amount(text) is not None


def numbers_by_unit(field: str, value: str) -> dict[str, Number]:
    """Return `value` as a number for each kind of amount that a field may have; empty if it is no number.

    A number without a unit has the unit that the field's name ends with, else it is seconds or bytes.
    """
    unit, scale = unit_of_field_name(field)
    if (plain := number_of_text(value)) is not None:
        scales = {unit: scale} if unit else _SCALES
        return {one: _multiply_rounded(plain, size) for one, size in scales.items()} | {NONE: plain}
    if (found := parse_amount(value)) is None:
        return {}
    plain = number_in_field_unit(field, value)
    return {found.unit: found.number} | ({} if plain is None else {NONE: plain})


def number_in_field_unit(field: str, value: Scalar) -> Number | None:
    """Return a text with a unit as a plain number in the field's own unit: `39ms` is 0.039 (seconds).

    None if the text has no unit, or the field's name ends with a unit of another kind.
    """
    unit, scale = unit_of_field_name(field)
    found = parse_amount(value)
    if found is None or unit not in (NONE, found.unit):
        return None
    scale = scale if unit else _SCALES[found.unit]
    whole, rest = divmod(found.number, scale)
    return whole if not rest else found.number / scale  # type: ignore[operator]


def unit_of_field_name(field: str) -> tuple[str, int]:
    """Return the kind and the size of the unit at the end of a field's name: `took_ms`, `tookMs`, `ms`.

    The size is in nanoseconds or bytes. Without a unit: NONE and 1.
    """
    found = re.search(_LAST_WORD, field)
    return _IN_NAMES.get(found[0].lower(), (NONE, 1)) if found else (NONE, 1)


def unit_word(field: str) -> str:
    """Return the unit at the end of a field's name as a value has it, such as `ms`; "" without one."""
    unit, scale = unit_of_field_name(field)
    return next((word for word in _WORDS if _UNITS[word] == (unit, scale)), "")


def _multiply_rounded(number: Number, scale: int) -> Number:
    # Rounded: 0.039 seconds are exactly 39 ms.
    return round(number * scale, 3) if isinstance(number, float) else number * scale


def _scale_text(text: str, scale: int) -> int | float:
    whole, _, fraction = text.partition(".")
    number = int(whole + fraction) * scale
    # One division, of integers: so `1.1s` is exactly 1100 ms.
    return number if not fraction else number / 10 ** len(fraction)
