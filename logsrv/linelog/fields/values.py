"""The values of fields: their types, their text, and their numbers."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeAlias

from logsrv.linelog.fields.stored_line import to_stored_bytes

if TYPE_CHECKING:
    from decimal import Decimal

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | list[Scalar]
Number: TypeAlias = "int | float | Decimal"

EXACT = 2**53
"""Integers up to here are doubles without loss."""
# An integer with more digits becomes no `int`: Python refuses to convert more than 4,300, because that
# takes quadratic time.
LONGEST_INTEGER = 4000
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)


class WrittenFloat(float):
    """A float that keeps its original text: `1.10` equals 1.1, and contains the text `10`."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenFloat:
        self = super().__new__(cls, text)
        self.text = text
        return self


def number_of_value(value: Scalar) -> Number | None:
    """Return the number that `value` is, or that its text is, or None; integers of any length are exact.

    Booleans, NaN and infinities count as None.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, WrittenFloat):
        return number_of_text(value.text)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return number_of_text(value)


def number_of_text(text: str) -> Number | None:
    """Return the number that the whole of `text` is, or None. Beyond EXACT it is not rounded."""
    # Most texts are no numbers.
    if not text or text[0] not in "0123456789+-.":
        return None
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= LONGEST_INTEGER else _exact_decimal(text)
    if _DECIMAL.fullmatch(text):
        found = float(text)
        if -EXACT < found < EXACT:
            return found
        return _exact_decimal(text) if math.isfinite(found) else None
    return None


def _exact_decimal(text: str) -> Decimal:
    from decimal import Decimal  # 1 ms, which only such a number needs

    return Decimal(text)


def text_of_value(value: Scalar) -> str:
    """Return `value` as text, with the original text of a number if it is known."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, WrittenFloat):
        return value.text
    return str(value)


def displayable_text(text: str) -> str:
    """Return text for display: bytes that are not UTF-8, lone surrogates in `text`, become `\\xNN`."""
    if text.isascii():
        return text
    return to_stored_bytes(text).decode("utf-8", "backslashreplace")


def elements_of_value(value: Value) -> list[Scalar]:
    """Return the values of a list, or a single value in a list."""
    return value if isinstance(value, list) else [value]


STATUS_CLASS = "status_class"
"""The field with the class of `status`, such as `4xx`, in lines that have no field of this name."""
_STATUS = re.compile(r"[1-5][0-9]{2}", re.ASCII)


def class_of_status(status: Value | None) -> str | None:
    """Return the class of an HTTP status: `4xx` for 404; None for any other value."""
    text = str(status)
    return f"{text[0]}xx" if _STATUS.fullmatch(text) else None
