"""Read pickles of plain data, opcode by opcode, without any lookup, call or import (sans-IO).

Python's own unpickler calls any function that the pickle names, and a few bytes can make it take gigabytes.
Here no opcode calls anything, and the size of the pickle limits the memory.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from io import BytesIO
from typing import Any, NoReturn

from logsrv.linelog.lines.json_made import decode_or_escape

# Deepest nesting; deeper lists and dicts become the text "[]" or "{}".
DEEPEST = 200
# A pickle with an integer of more bits is refused: Python prints at most 4,300 digits.
_LONGEST_INTEGER = 8000
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
    (b"_codecs\n", b"encode\n"): _ENCODE,
    (b"__builtin__\n", b"bytes\n"): _BYTES,
    (b"builtins\n", b"bytes\n"): _BYTES,
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
    except (IndexError, KeyError, TypeError, ValueError) as error:
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
        self._data = BytesIO(data)
        # Bytes that may still be made of text: a pickle can convert the same text again and again.
        self._room = most
        self.stack: list[Any] = []
        # The keys are numbers as text: chosen numbers that collide would make a dict take minutes.
        self._memo: dict[str, Any] = {}

    def read_value(self) -> Any:
        data = self._data
        while (code := data.read(1)) != b".":
            if not code:
                raise ValueError("no end")
            read, step = _OPCODES.get(code) or _refuse_pickle()
            step(self, read(data))
        return self.stack.pop()

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop_to_mark(self) -> list[Any]:
        """Remove the last mark and the values above it; return the values."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                _refuse_pickle()
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def top_of_type(self, kind: type) -> Any:
        """Return the value on top of the stack. Raises NotPlainError if it is of another kind."""
        value = self.stack[-1]
        return value if type(value) is kind else _refuse_pickle()

    def memoize(self, number: int | None) -> None:
        """Note the value on top under a number; None: under the next one."""
        self._memo[str(len(self._memo) if number is None else number)] = self.stack[-1]

    def push_from_memo(self, number: int) -> None:
        self.push(self._memo[str(number)])

    def push_integer(self, number: int) -> None:
        if number.bit_length() > _LONGEST_INTEGER:
            raise NotPlainError("it has an integer of too many digits")
        self.push(number)

    def push_bytes_as_text(self, text: str) -> None:
        """Push bytes, of which pickletools makes a character each, as text."""
        self.push(decode_or_escape(text.encode("latin-1")))

    def items(self, pairs: list[Any]) -> None:
        """Put alternating keys and values into the dict on top."""
        found = self.top_of_type(dict)
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) is int and not 0 <= key < _FEW_NUMBERS:
                key = _NumberKey(key)
            elif not (isinstance(key, (str, bytes, int)) or key is None):
                raise NotPlainError("it has a key that is neither text nor a number")
            found[key] = value

    def put_item(self, _: None) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self.items([key, value])

    def push_dict_since_mark(self, _: None) -> None:
        pairs = self.pop_to_mark()
        self.push({})
        self.items(pairs)

    def extend(self, values: list[Any]) -> None:
        self.top_of_type(list).extend(values)

    def push_tuple_of_last(self, number: int) -> None:
        """Replace the `number` values on top with a tuple of them."""
        found = tuple(self.stack.pop() for _ in range(number))
        self.push(found[::-1])

    def push_global_name(self, _: None) -> None:
        found = _NAMES.get((self._data.readline(), self._data.readline()))
        self.push(_refuse_pickle() if found is None else found)

    def push_bytes_of_call(self, _: None) -> None:
        """Push the bytes that a call of `_codecs.encode` or `bytes` would return, without the call."""
        values, name = self.stack.pop(), self.stack.pop()
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


# By the names of the opcodes that make plain data: what each does with its argument.
_STEPS: dict[str, Callable[[_PickleReader, Any], object]] = {
    **dict.fromkeys(("PROTO", "FRAME"), lambda reader, _: None),
    **dict.fromkeys(
        ("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4"),
        _PickleReader.push_integer,
    ),
    **dict.fromkeys(
        ("FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        _PickleReader.push,
    ),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _PickleReader.push_bytes_as_text),
    **dict.fromkeys(
        ("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        lambda reader, data: reader.push(bytes(data)),
    ),
    "NONE": lambda reader, _: reader.push(None),
    "NEWTRUE": lambda reader, _: reader.push(True),
    "NEWFALSE": lambda reader, _: reader.push(False),
    "MARK": lambda reader, _: reader.push(_MARK),
    "POP": lambda reader, _: reader.stack.pop(),
    "POP_MARK": lambda reader, _: reader.pop_to_mark(),
    "DUP": lambda reader, _: reader.push(reader.stack[-1]),
    "EMPTY_TUPLE": lambda reader, _: reader.push(()),
    "TUPLE": lambda reader, _: reader.push(tuple(reader.pop_to_mark())),
    "TUPLE1": lambda reader, _: reader.push_tuple_of_last(1),
    "TUPLE2": lambda reader, _: reader.push_tuple_of_last(2),
    "TUPLE3": lambda reader, _: reader.push_tuple_of_last(3),
    "EMPTY_LIST": lambda reader, _: reader.push([]),
    "LIST": lambda reader, _: reader.push(reader.pop_to_mark()),
    "APPEND": lambda reader, _: reader.extend([reader.stack.pop()]),
    "APPENDS": lambda reader, _: reader.extend(reader.pop_to_mark()),
    "EMPTY_DICT": lambda reader, _: reader.push({}),
    "DICT": _PickleReader.push_dict_since_mark,
    "SETITEM": _PickleReader.put_item,
    "SETITEMS": lambda reader, _: reader.items(reader.pop_to_mark()),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _PickleReader.memoize),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _PickleReader.push_from_memo),
    "GLOBAL": _PickleReader.push_global_name,
    "REDUCE": _PickleReader.push_bytes_of_call,
}
# By code: the function that reads the argument, and the step. GLOBAL reads its names itself, because
# pickletools would warn of escapes in them.
_OPCODES = {
    opcode.code.encode("latin-1"): (
        opcode.arg.reader if opcode.arg and opcode.name != "GLOBAL" else lambda data: None,
        _STEPS[opcode.name],
    )
    for opcode in pickletools.opcodes
    if opcode.name in _STEPS
}
