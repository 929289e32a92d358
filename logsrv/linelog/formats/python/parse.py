"""Turn the dict that Python's logging handlers send for a LogRecord into JSON (sans-IO)."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from logging import makeLogRecord
from typing import Any

from logsrv.kit.framing.frames import Framer
from logsrv.linelog.formats.python.plain_pickle import NotPlainError, read_plain_pickle
from logsrv.linelog.lines.bodies import (
    BodyRules,
    Records,
    Reply,
    RequestRefused,
    TooLargeHereError,
)
from logsrv.linelog.lines.json_made import free_name, json_object_line, seconds_as_rfc3339

# A record whose values take more than this many times --max-record is refused. A value counts at every
# place where it occurs.
_GROWTH = 4
# Attributes that every LogRecord has: only _KEPT keep their names; the others are renamed, or not stored.
_OF_EVERY_RECORD = {*vars(makeLogRecord({})), "taskName", "message", "asctime"}
_KEPT = ("pathname", "lineno", "funcName", "process", "thread")
_ESSENTIAL = {"name", "msg", "levelname", "created"}
_STORED = {*_ESSENTIAL, *_KEPT, "args", "exc_text", "message", "stack_info"}
# Every part is bounded: otherwise a long text that is no conversion is searched again and again.
_CONVERSION = re.compile(
    r"%(?:\((?P<key>[^)]{0,99})\))?(?P<flags>[-+ #0]{0,5})(?P<width>\d{0,5})"
    r"(?:\.(?P<precision>\d{0,5}))?[hlL]?"
    r"(?P<kind>[diouxXeEfFgGcrsa%])"
)
_TEXTS: dict[str, Callable[[Any], str]] = {"s": str, "r": repr, "a": ascii}
# A conversion with a larger width or precision is not done: it would make megabytes of a byte.
_WIDEST = 1000


NO_RECORD = "a pickle that is no Python log record"
LARGE_PICKLE = 16 << 10
"""A pickle of more bytes is parsed in a worker."""


def add_pickled_record(pickle: bytes, rules: BodyRules, records: Records) -> Reply:
    """Add the LogRecord in a pickle, as text if it is too long. Raises RequestRefused for other pickles."""
    if rules.here and len(pickle) > LARGE_PICKLE:
        raise TooLargeHereError
    try:
        line = pickled_record_line(pickle, rules.max_record)
    except NotPlainError as error:
        raise RequestRefused(400, f"{NO_RECORD}: {error}", reason="pickle") from None
    records.add(line, structured=len(line) <= rules.max_record)
    return Reply(200)


def pickled_record_line(pickle: bytes, most: int) -> bytes:
    """Return a pickled LogRecord as JSON. Raises NotPlainError for any other pickle.

    most: longest record in bytes, which limits the work; the returned line may be longer.
    """
    record = read_plain_pickle(pickle, _GROWTH * most)
    if not isinstance(record, dict) or not all(isinstance(key, str) for key in record):
        raise NotPlainError("it is no LogRecord")
    # A dict without these is none of Python's: all of its keys are kept. Of a LogRecord the others can be
    # told from those that are stored.
    known = _OF_EVERY_RECORD if record.keys() >= _ESSENTIAL else _STORED
    extras = {key: value for key, value in record.items() if key not in known and value is not None}
    ours = _known_keys(record, _GROWTH * most)
    found = {free_name(key, extras): value for key, value in ours.items()}
    exception = {key: found.pop(key) for key in list(found) if key.lstrip("_") in _LAST}
    return json_object_line({**found, **extras, **exception}, {})


_LAST = ("exception", "stack_info")


def _known_keys(record: dict[str, Any], most: int) -> dict[str, Any]:
    """Return the keys that every record has, except those with None."""
    created = record.get("created")
    number = isinstance(created, (int, float)) and not isinstance(created, bool)
    message, unfitting = _fill_message(record.get("msg"), record.get("args"), most)
    found = {
        "time": seconds_as_rfc3339(created) or created if number else created,  # type: ignore[arg-type]
        "level": record.get("levelname"),
        "logger": record.get("name"),
        "message": record.get("message") if message is None else message,
        "args": unfitting,
        **{key: record.get(key) for key in _KEPT},
        "exception": record.get("exc_text"),
        "stack_info": record.get("stack_info"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _fill_message(message: Any, args: Any, most: int) -> tuple[Any, Any]:
    """Return the message with its arguments filled in, and None; if they do not fit, both unchanged."""
    if not args:
        return message, None
    # A single dict holds the arguments by name, as in Python's logging.
    if isinstance(args, tuple) and len(args) == 1 and isinstance(args[0], dict) and args[0]:
        args = args[0]
    try:
        return fill_in_arguments(
            message if isinstance(message, str) else str(message), args, most
        ), None
    except (ValueError, TypeError, KeyError, OverflowError):
        return message, args


def fill_in_arguments(message: str, args: Any, most: int) -> str:
    """Return `message % args` for plain data. Raises ValueError for more than `most` characters.

    Raises as `%` does if the arguments do not fit.
    """
    named = isinstance(args, dict)
    values = [] if named else list(reversed(args)) if isinstance(args, tuple) else [args]
    parts: list[str] = []
    texts: dict[tuple[Any, str], str] = {}
    at = size = 0
    for found in _CONVERSION.finditer(message):
        text = _convert_argument(found, args if named else None, values, texts)
        parts += message[at : found.start()], text
        size += len(parts[-1])
        at = found.end()
        if size > most:
            raise ValueError("its message would be too long")
    parts.append(message[at:])
    literal = "".join(parts[::2])
    if "%" in literal or values:
        raise TypeError("its arguments do not fit its message")
    return "".join(parts)


def _convert_argument(
    found: re.Match[str],
    named: dict[Any, Any] | None,
    values: list[Any],
    texts: dict[tuple[Any, str], str],
) -> str:
    """Return the text of one conversion. values: the remaining arguments, the next one last.

    texts: a cache of converted arguments, as a message may convert one many times, and show no character.
    """
    kind = found["kind"]
    if kind == "%":
        return "%"
    if int(found["width"] or 0) > _WIDEST or int(found["precision"] or 0) > _WIDEST:
        raise ValueError("its message is wider than any message")
    if found["key"] is not None:
        if named is None:
            raise TypeError("its arguments have no names")
        value = named[found["key"]]
    else:
        if named is None and not values:
            raise TypeError("it has fewer arguments than its message")
        value = values.pop() if named is None else named
    if named is not None and kind in _TEXTS:
        key = found["key"], kind
        if key not in texts:
            texts[key] = _TEXTS[kind](value)
        value, kind = texts[key], "s"
    precision = "" if found["precision"] is None else f".{found['precision']}"
    return f"%{found['flags']}{found['width']}{precision}{kind}" % (value,)


_LENGTH = struct.Struct(">I")


class PickleFramer(Framer):
    """The framer of one connection.

    A pickle longer than `most` bytes is skipped, and the next one is found. A length above `longest` bytes
    cannot be real, and sets `fault`.
    passed_over: number of skipped pickles so far.
    """

    __slots__ = ("_longest", "_to_skip", "passed_over")

    def __init__(self, most: int, longest: int) -> None:
        super().__init__(most)
        self.passed_over = 0
        self._longest = max(most, longest)
        # Bytes still to come of a skipped pickle.
        self._to_skip = 0

    def receive(self, data: bytes) -> list[bytes]:
        if self._to_skip:
            part = data[: self._to_skip]
            self._to_skip -= len(part)
            data = data[len(part) :]
        return super().receive(data) if data else []

    def _cut_frames(self, data: bytes, frames: list[bytes]) -> int:
        at, end = 0, len(data)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, at)
            begin = at + _LENGTH.size
            stop = begin + length
            if length > self._longest:
                self.fault = f"a frame of {length} bytes is longer than {self._longest} bytes"
                return at
            if length > self._most:
                self.passed_over += 1
                self._to_skip = max(0, stop - end)
                at = min(stop, end)
                continue
            if stop > end:
                self._wanted = stop - at
                return at
            frames.append(data[begin:stop])
            at = stop
        self._wanted = _LENGTH.size
        return at
