"""Make JSON of values from msgpack, protobuf and the like: compact, in the sender's order (sans-IO).

Times become RFC 3339 text in UTC, with the digits that were sent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

import orjson

from logsrv.linelog.lines.clean import is_clean
from logsrv.linelog.lines.json_text import escape_unsafe_json
from logsrv.linelog.lines.rules import next_oversize

# Deeper lists and dicts become the text "[]" or "{}": readers of JSON limit the depth, ours too.
DEEPEST = 200


class HugeNumber(float):
    """A number too large for a float; `digits`: its text."""

    digits: str

    def __new__(cls, digits: str) -> HugeNumber:
        number = super().__new__(cls, digits)
        number.digits = digits
        return number


TextOfOther = Callable[[Any], str]
Value = TypeVar("Value", str, bytes)


def refuse_unknown(value: Any) -> str:
    """Raise TypeError for a value that JSON cannot express; the default of `known` there."""
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def json_object_line(
    record: Mapping[Any, Any], ours: Mapping[str, Any], known: TextOfOther = refuse_unknown
) -> bytes:
    """Return a record as a JSON object on one line: its own keys, then ours.

    A key of ours that the record already has gets underscores in front. Bytes become text, with `\\xNN` for
    those that are not UTF-8. NaN, infinities, and keys that are no text, become text. Integers keep all
    their digits. known: returns text for a value of any other kind, or raises TypeError.
    """
    return _line_by_orjson(record, ours, known) or _line_by_json(record, ours, known)


def _line_by_orjson(
    record: Mapping[Any, Any], ours: Mapping[str, Any], known: TextOfOther
) -> bytes | None:
    """Return the JSON of a usual record with orjson; None if that is not possible."""
    found = {**record, **ours}
    if len(found) != len(record) + len(ours):
        return None
    try:
        line = orjson.dumps(found, known, _ONLY_JSON)
    except TypeError:
        # orjson refuses bytes, keys that are no text, long integers and deep nesting.
        return None
    if b"null" in line and not _all_finite(found):
        return None
    if line.isascii() and b"\x7f" not in line:
        # Copy: orjson's result occupies some 4 KiB more than its length.
        return bytes(memoryview(line))
    return escape_unsafe_json(line.decode()).encode()


def json_object_lines(
    records: Sequence[Mapping[str, Any]], longest: int, known: TextOfOther = refuse_unknown
) -> bytes | None:
    """Return records as lines, each as `json_object_line` makes it, five times as fast as one by one.

    longest: longest line in bytes. Returns None if a line is longer, or if a record is unusual.
    """
    between = [_LF] * (2 * len(records) - 1)
    between[::2] = records
    try:
        text = orjson.dumps(between, known, _ONLY_JSON)
    except TypeError:
        return None
    if b"null" in text and not all(map(_all_finite, records)):
        return None
    # JSON strings contain no raw LF, so the only LFs are those between the records.
    lines = text[1:-1].replace(b",\n,", b"\n") + b"\n"
    if not lines.isascii() or b"\x7f" in lines:
        lines = lines if is_clean(lines) else escape_unsafe_json(lines.decode()).encode()
    return lines if next_oversize(lines, 0, longest) < 0 else None


def _all_finite(value: Any) -> bool:
    """Return whether a value contains no NaN and no infinity, which orjson writes as null."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return all(map(_all_finite, value)) if isinstance(value, (list, tuple)) else True


_WORDS = {None: "null", True: "true", False: "false"}
_LF: Any = orjson.Fragment(b"\n")
# orjson must not convert Python objects by itself.
_ONLY_JSON = (
    orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def _line_by_json(record: Mapping[Any, Any], ours: Mapping[str, Any], known: TextOfOther) -> bytes:
    found = {key_text(key): _json_safe_value(value, 1, known) for key, value in record.items()}
    for name, value in ours.items():
        found[free_name(name, found)] = _json_safe_value(value, 1, known)
    return as_json(found)


def free_name(name: str, taken: Container[Any]) -> str:
    """Return a name with underscores in front until it is not `taken`."""
    while name in taken:
        name = f"_{name}"
    return name


def dict_of_pairs(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value | list[Value]]:
    """Return names and values as a dict; a name that occurs more than once gets a list."""
    found: dict[str, Value | list[Value]] = {}
    for name, value in pairs:
        before = found.get(name)
        if before is None:
            found[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            found[name] = [before, value]
    return found


def as_json(value: Any) -> bytes:
    """Return a value of dicts, lists, text, numbers, truth values and None as JSON on one line."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return escape_unsafe_json(text).encode()


def key_text(key: Any) -> str:
    """Return the JSON key for a key of any kind."""
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return decode_or_escape(key)
    if key is None or isinstance(key, bool):
        return _WORDS[key]
    # The same text as by `as_json`, in a tenth of the time.
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, float) and math.isfinite(key):
        return float.__repr__(key)
    return as_json(_json_safe_value(key, 1, repr)).decode()


def decode_or_escape(data: bytes) -> str:
    """Return bytes as text; those that are not UTF-8 become `\\xNN`."""
    return data.decode("utf-8", "backslashreplace")


def _json_safe_value(value: Any, depth: int, known: TextOfOther) -> Any:
    """Return a value that `as_json` can write."""
    if isinstance(value, bytes):
        return decode_or_escape(value)
    if isinstance(value, HugeNumber):
        return value.digits
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        if depth > DEEPEST:
            return "{}"
        return {
            key_text(key): _json_safe_value(one, depth + 1, known) for key, one in value.items()
        }
    if isinstance(value, (list, tuple)):
        return (
            "[]" if depth > DEEPEST else [_json_safe_value(one, depth + 1, known) for one in value]
        )
    if value is None or isinstance(value, (str, int, float)):
        return value
    return known(value)


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
