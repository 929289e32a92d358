"""Read pickles of plain data, opcode by opcode, without any lookup, call or import (sans-IO).

Python's own unpickler calls any function that the pickle names, and a few bytes can make it take gigabytes.
Here no opcode calls anything, and the size of the pickle limits the memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NoReturn

from logsrv.linelog.framing.bodies.json_made import decode_or_escape

# Deepest nesting; deeper lists and dicts become the text "[]" or "{}".
DEEPEST = 200
# A pickle with a longer integer, in bytes or digits, is refused: Python prints at most 4,300 digits.
_LONGEST_INTEGER = 1000
_MOST_DIGITS = 2400
_LONGEST_LINE = 1 << 20
# The most values and bytes of text that a pickle may become: _GROWTH times its size, and _FEW more.
_GROWTH = 64
_FEW = 10_000
# The same limits for values alone: each takes a third of a microsecond, and hundreds of small pickles may
# come at once.
_GROWTH_OF_VALUES = 8
_FEW_VALUES = 1000
# Keys that are numbers below this stay plain ints: too few to make a dict slow.
_FEW_NUMBERS = 256
_MARK = object()
_ENCODE = object()
_BYTES = object()
# Pickle protocols below 3 write bytes as a call of one of these; any other name is refused.
_NAMES = {
    (b"_codecs", b"encode"): _ENCODE,
    (b"__builtin__", b"bytes"): _BYTES,
    (b"builtins", b"bytes"): _BYTES,
}


class NotPlainError(ValueError):
    """A pickle that is damaged, too large, or contains more than plain data."""


def read_plain_pickle(data: bytes, most: int) -> Any:
    """Return the value of a pickle: None, bool, numbers, text, bytes, lists, tuples and dicts of these.

    most: limit for the number of values plus the bytes of their text. A value counts at every place that
    refers to it: with repeated references a few bytes become gigabytes. A small pickle has a lower limit.
    Raises NotPlainError.
    """
    try:
        value = _PickleReader(data, most).read_value()
    except (IndexError, KeyError, TypeError, ValueError, struct.error) as error:
        raise NotPlainError(str(error) if isinstance(error, NotPlainError) else "damaged") from None
    size = len(data)
    tree = _LimitedCopier(min(most, _FEW + _GROWTH * size), _FEW_VALUES + _GROWTH_OF_VALUES * size)
    return tree.copy_value(value, 0)


class _NumberKey(int):
    """A key with an unpredictable hash: numbers chosen to collide would make a dict take minutes."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(int.__repr__(self))


class _LimitedCopier:
    """A copier of values that resolves shared and cyclic references, within limits."""

    def __init__(self, most: int, values: int) -> None:
        self._room = most
        self._values = values

    def copy_value(self, value: Any, depth: int) -> Any:
        self._room -= 1
        self._values -= 1
        if isinstance(value, (str, bytes)):
            self._room -= len(value)
        if self._room < 0 or self._values < 0:
            raise NotPlainError("it unpacks to too many values or bytes")
        if isinstance(value, (list, tuple)):
            if depth >= DEEPEST:
                return "[]"
            found = [self.copy_value(one, depth + 1) for one in value]
            return tuple(found) if isinstance(value, tuple) else found
        if isinstance(value, dict):
            if depth >= DEEPEST:
                return "{}"
            return {key: self.copy_value(one, depth + 1) for key, one in value.items()}
        if value in (_MARK, _ENCODE, _BYTES):
            _refuse_pickle()
        return value


def _refuse_pickle() -> NoReturn:
    raise NotPlainError("it has more than plain data in it")


class _PickleReader:
    """A stack machine whose instructions only make values."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data = data
        # Bytes that may still be made of text: a pickle can convert the same text again and again.
        self._room = most
        self._at = 0
        self._stack: list[Any] = []
        # The keys are numbers as text: chosen numbers that collide would make a dict take minutes.
        self._memo: dict[str, Any] = {}

    def read_value(self) -> Any:
        steps = _STEPS
        while True:
            code = self._data[self._at]
            self._at += 1
            if code == _STOP:
                return self._stack.pop()
            step = steps.get(code)
            if step is None:
                _refuse_pickle()
            step(self)

    def take_bytes(self, size: int) -> bytes:
        """Return the next bytes; raises NotPlainError if there are fewer."""
        end = self._at + size
        if end > len(self._data):
            raise NotPlainError("it ends in the middle of a value")
        found = self._data[self._at : end]
        self._at = end
        return found

    def take_counted_bytes(self, width: int) -> bytes:
        """Return bytes that follow their length, which has `width` bytes."""
        return self.take_bytes(int.from_bytes(self.take_bytes(width), "little"))

    def take_line(self) -> bytes:
        """Return the bytes before the next LF. Raises ValueError without one in 1 MiB."""
        end = self._data.index(b"\n", self._at, self._at + _LONGEST_LINE)
        found = self._data[self._at : end]
        self._at = end + 1
        return found

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def pop(self) -> Any:
        return self._stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Remove the last mark and the values above it; return the values."""
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
            if at < 0:
                _refuse_pickle()
        found = self._stack[at + 1 :]
        del self._stack[at:]
        return found

    def top_of_type(self, kind: type) -> Any:
        """Return the value on top of the stack. Raises NotPlainError if it is of another kind."""
        value = self._stack[-1]
        return value if type(value) is kind else _refuse_pickle()

    def memoize_as(self, number: int) -> None:
        self._memo[str(number)] = self._stack[-1]

    def memoize_next(self) -> None:
        self.memoize_as(len(self._memo))

    def push_from_memo(self, number: int) -> None:
        self.push(self._memo[str(number)])

    def push_counted_integer(self, width: int) -> None:
        """Push an integer that follows its length, which has `width` bytes."""
        size = int.from_bytes(self.take_bytes(width), "little")
        if size > _LONGEST_INTEGER:
            raise NotPlainError("it has an integer of too many digits")
        self.push(int.from_bytes(self.take_bytes(size), "little", signed=True))

    def push_integer_line(self) -> None:
        line = self.take_line().removesuffix(b"L")
        if len(line) > _MOST_DIGITS:
            raise NotPlainError("it has an integer of too many digits")
        self.push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line))

    def items(self, pairs: list[Any]) -> None:
        """Put alternating keys and values into the dict on top."""
        found = self.top_of_type(dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) is int and not 0 <= key < _FEW_NUMBERS:
                key = _NumberKey(key)
            elif not (isinstance(key, (str, bytes, int)) or key is None):
                raise NotPlainError("it has a key that is neither text nor a number")
            found[key] = value

    def put_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.items([key, value])

    def push_dict_since_mark(self) -> None:
        pairs = self.pop_to_mark()
        self.push({})
        self.items(pairs)

    def append(self) -> None:
        value = self.pop()
        self.top_of_type(list).append(value)

    def extend(self) -> None:
        values = self.pop_to_mark()
        self.top_of_type(list).extend(values)

    def push_tuple_of_last(self, number: int) -> None:
        """Replace the `number` values on top with a tuple of them."""
        found = tuple(self.pop() for _ in range(number))
        self.push(found[::-1])

    def push_global_name(self) -> None:
        found = _NAMES.get((self.take_line(), self.take_line()))
        self.push(_refuse_pickle() if found is None else found)

    def push_bytes_of_call(self) -> None:
        """Push the bytes that a call of `_codecs.encode` or `bytes` would return, without the call."""
        values, name = self.pop(), self.pop()
        if name is _ENCODE and type(values) is tuple and values[1:] == ("latin1",):
            text = values[0] if type(values[0]) is str else _refuse_pickle()
            self._room -= len(text)
            if self._room < 0:
                raise NotPlainError("it unpacks to too many values or bytes")
            self.push(text.encode("latin-1"))
        elif name is _BYTES and values == ():
            self.push(b"")
        else:
            _refuse_pickle()


def _decode_utf8(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _number_step(format: str) -> Callable[[_PickleReader], None]:
    shape = struct.Struct(format)
    return lambda reader: reader.push(shape.unpack(reader.take_bytes(shape.size))[0])


def _constant_step(value: Any) -> Callable[[_PickleReader], None]:
    return lambda reader: reader.push(value)


def _counted_step(width: int, make: Callable[[bytes], Any]) -> Callable[[_PickleReader], None]:
    return lambda reader: reader.push(make(reader.take_counted_bytes(width)))


def _little_endian(data: bytes) -> int:
    return int.from_bytes(data, "little")


_STOP = ord(".")
# The opcodes of pickle protocols 0 to 5 that make plain data.
_STEPS: dict[int, Callable[[_PickleReader], Any]] = {
    0x80: lambda reader: reader.take_bytes(1),  # PROTO
    0x95: lambda reader: reader.take_bytes(8),  # FRAME
    ord("("): _constant_step(_MARK),
    ord("0"): lambda reader: reader.pop(),
    ord("1"): lambda reader: reader.pop_to_mark(),
    ord("2"): lambda reader: reader.push(reader._stack[-1]),
    ord("N"): _constant_step(None),
    0x88: _constant_step(True),
    0x89: _constant_step(False),
    ord("I"): _PickleReader.push_integer_line,
    ord("L"): _PickleReader.push_integer_line,
    ord("J"): _number_step("<i"),
    ord("K"): _number_step("<B"),
    ord("M"): _number_step("<H"),
    0x8A: lambda reader: reader.push_counted_integer(1),
    0x8B: lambda reader: reader.push_counted_integer(4),
    ord("F"): lambda reader: reader.push(float(reader.take_line())),
    ord("G"): _number_step(">d"),
    ord("T"): _counted_step(4, decode_or_escape),
    ord("U"): _counted_step(1, decode_or_escape),
    ord("V"): lambda reader: reader.push(reader.take_line().decode("raw-unicode-escape")),
    ord("X"): _counted_step(4, _decode_utf8),
    0x8C: _counted_step(1, _decode_utf8),
    0x8D: _counted_step(8, _decode_utf8),
    ord("B"): _counted_step(4, bytes),
    ord("C"): _counted_step(1, bytes),
    0x8E: _counted_step(8, bytes),
    0x96: _counted_step(8, bytes),
    ord(")"): _constant_step(()),
    ord("t"): lambda reader: reader.push(tuple(reader.pop_to_mark())),
    0x85: lambda reader: reader.push_tuple_of_last(1),
    0x86: lambda reader: reader.push_tuple_of_last(2),
    0x87: lambda reader: reader.push_tuple_of_last(3),
    ord("]"): lambda reader: reader.push([]),
    ord("l"): lambda reader: reader.push(reader.pop_to_mark()),
    ord("a"): _PickleReader.append,
    ord("e"): _PickleReader.extend,
    ord("}"): lambda reader: reader.push({}),
    ord("d"): _PickleReader.push_dict_since_mark,
    ord("s"): _PickleReader.put_item,
    ord("u"): lambda reader: reader.items(reader.pop_to_mark()),
    ord("p"): lambda reader: reader.memoize_as(int(reader.take_line())),
    ord("q"): lambda reader: reader.memoize_as(reader.take_bytes(1)[0]),
    ord("r"): lambda reader: reader.memoize_as(_little_endian(reader.take_bytes(4))),
    0x94: _PickleReader.memoize_next,
    ord("g"): lambda reader: reader.push_from_memo(int(reader.take_line())),
    ord("h"): lambda reader: reader.push_from_memo(reader.take_bytes(1)[0]),
    ord("j"): lambda reader: reader.push_from_memo(_little_endian(reader.take_bytes(4))),
    ord("c"): _PickleReader.push_global_name,
    ord("R"): _PickleReader.push_bytes_of_call,
}
