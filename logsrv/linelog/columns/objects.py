"""Columns of the values in many JSON objects: those with the same keys are transposed at once.

Decimals keep the text that the sender wrote. It is the shortest one for nearly all; lines that may have
another are found in the text, and parsed by the standard library.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import chain
from types import NoneType
from typing import Any

import numpy
import orjson

from logsrv.linelog.columns.coded import value_of_list
from logsrv.linelog.columns.decimals import lines_with_odd_decimals
from logsrv.linelog.columns.pieces import CONTENT, FieldPieces, code_values, is_utf8
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.json import (
    LONGEST_NAME,
    Object,
    flatten_object,
    json_to_field_value,
    parse_json,
    parse_json_exactly,
)
from logsrv.linelog.fields.values import Scalar, text_of_value

_NUMBERS = frozenset((int, float, bool))
_IN_PLAIN_LISTS = frozenset((str, int, bool, NoneType))
_LONGEST_EXACT = 18
_MANY = 100


class _DecimalText(str):
    """A number as it was written."""

    __slots__ = ()


def _parse_integer(text: str) -> int | _DecimalText:
    return int(text) if len(text) <= _LONGEST_EXACT else _DecimalText(text)


_decode = json.JSONDecoder(parse_int=_parse_integer, parse_float=_DecimalText).decode


def _parse_with_texts(message: bytes) -> Any:
    """Return the object that orjson found, with decimals as texts; None if it is nested too deep."""
    try:
        return _decode(message.decode())
    except RecursionError:
        return None


class ObjectColumns:
    """Adds the values of objects to `pieces`."""

    def __init__(self, pieces: FieldPieces) -> None:
        self._pieces = pieces
        self._odd: set[int] = set()
        self._unsure: set[int] = set()

    def add(self, rows: Array, messages: Sequence[bytes]) -> list[int]:
        """Add messages that begin with `{`; return the indexes of those that are no objects."""
        self._odd.clear()
        self._unsure.clear()
        objects = _parse_objects(messages)
        if any(found is not None for found in objects):
            for at in lines_with_odd_decimals(messages):
                objects[at] = objects[at] and _parse_with_texts(messages[at])
                self._odd.add(int(rows[at]))
        known = [at for at, found in enumerate(objects) if found is not None]
        self._add(rows[known], [objects[at] for at in known])
        unread = {at for at, found in enumerate(objects) if found is None}
        if self._unsure:
            again = numpy.flatnonzero(numpy.isin(rows, [*self._unsure]))
            self._pieces.drop(rows[again])
            unread.update(again.tolist())
        return self._add_exactly(rows, messages, sorted(unread))

    def _add_exactly(
        self, rows: Array, messages: Sequence[bytes], those: Sequence[int]
    ) -> list[int]:
        """Add those messages as a Record reads them; return the indexes of those that are no objects."""
        found = {at: parse_json_exactly(messages[at]) or parse_json(messages[at]) for at in those}
        flat = {at: flatten_object(one) for at, one in found.items() if one is not None}
        self.add_flat(rows[[*flat]], [*flat.values()])
        if any(len(messages[at]) > LONGEST_NAME for at in flat):
            # A longer name is no field.
            self._pieces.complete = False
        return [at for at in those if at not in flat]

    def add_flat(self, rows: Array, objects: Sequence[Object], rank: int = CONTENT) -> None:
        """Add objects whose values are those of a Record, by dotted names."""
        for name, (inner_rows, values) in self._columns(rows, objects, may_nest=False).items():
            if name in self._pieces.skip:
                continue
            at = [place for place, value in enumerate(values) if isinstance(value, list)]
            if at:
                lists = [values[place] for place in at]
                texts = [*map(text_of_list, lists)]
                self._pieces.add(name, inner_rows[at], texts, rank, is_list=True)
                if [*map(value_of_list, texts)] != lists:
                    self._pieces.left_out.add(name)
            at = [place for place, value in enumerate(values) if not isinstance(value, list)]
            texts = [text_of_value(values[place]) for place in at]
            self._pieces.add(name, inner_rows[at], texts, rank)

    def _add(self, rows: Array, objects: Sequence[Object]) -> None:
        # An explicit stack: JSON may be nested deeper than Python can recurse.
        stack = [("", rows, objects)]
        while stack:
            prefix, rows, objects = stack.pop()
            for key, (inner_rows, values) in self._columns(rows, objects).items():
                name = prefix + key
                nested = self._add_values(name, inner_rows, values)
                if nested and len(name) < LONGEST_NAME:
                    stack.append((f"{name}.", *nested))
                elif nested:
                    self._pieces.complete = False

    def _columns(
        self, rows: Array, objects: Sequence[Object], *, may_nest: bool = True
    ) -> dict[str, tuple[Array, Sequence[Any]]]:
        """Return the lines and values of each key, frequent keys first if there are many."""
        codes, shapes = code_values([*map(tuple, objects)])
        order = numpy.argsort(codes, kind="stable")
        ends = numpy.bincount(codes, minlength=len(shapes)).cumsum().tolist()
        found: dict[str, list[tuple[Array, Sequence[Any]]]] = defaultdict(list)
        start = 0
        for shape, end in zip(shapes, ends, strict=True):
            chosen = order[start:end]
            start, those = end, rows[chosen]
            some = objects if len(shapes) == 1 else [objects[at] for at in chosen.tolist()]
            if may_nest and _may_clash(shape):
                self._unsure.update(those.tolist())
            columns = zip(*map(dict.values, some), strict=True)
            for key, values in zip(shape, columns, strict=True):
                found[key].append((those, values))
        joined = {key: _joined(parts) for key, parts in found.items()}
        if len(joined) > _MANY:
            return dict(sorted(joined.items(), key=lambda item: -len(item[1][1])))
        return joined

    def _add_values(
        self, name: str, rows: Array, values: Sequence[Any]
    ) -> tuple[Array, Sequence[Object]] | None:
        """Add the values of a key; return those that are objects, and their lines."""
        kinds = {*map(type, values)}
        nested = _chosen(rows, values, kinds, {dict})
        if name in self._pieces.skip:
            return nested
        if some := _chosen(rows, values, kinds, {str}):
            self._pieces.add(name, *some)
        if some := _chosen(rows, values, kinds, {_DecimalText}):
            self._pieces.add(name, some[0], [*map(str, some[1])])
        if some := _chosen(rows, values, kinds, _NUMBERS):
            if len(kinds) == 1 and float not in kinds:
                self._pieces.add(name, *some, convert=text_of_value)
            else:
                # A third of the time of `repr`, with the same texts but for those with exponents.
                texts = orjson.dumps(some[1])[1:-1].decode().split(",")
                self._unsure.update(some[0][["e" in text for text in texts]].tolist())
                self._pieces.add(name, some[0], texts)
        if some := _chosen(rows, values, kinds, {list}):
            self._add_lists(name, *some)
        return nested

    def _add_lists(self, name: str, rows: Array, lists: Sequence[list[Any]]) -> None:
        for row, value in zip(rows.tolist(), lists, strict=True) if self._odd else ():
            if row in self._odd and not {*map(type, value)} <= _IN_PLAIN_LISTS:
                self._unsure.add(row)
        codes, written = code_values([*map(orjson.dumps, lists)])
        texts = []
        for place, text in enumerate(written):
            found = parse_json_exactly(b'{"":%s}' % text)
            if found is None or b"e+" in text:
                self._unsure.update(rows[codes == place].tolist())
            shown = json_to_field_value(found[""] if found else None)
            texts.append(text_of_list(shown) if isinstance(shown, list) else None)
        self._pieces.add_converted(name, rows, codes, texts, is_list=True)


def _parse_objects(messages: Sequence[bytes]) -> list[Any]:
    """Return the object that orjson finds in each message, or None."""
    try:
        return [*map(orjson.loads, messages)]
    except ValueError:
        return [*map(_parse_object, messages)]


def _parse_object(message: bytes) -> Any:
    try:
        return orjson.loads(message)
    except ValueError:
        return None


def _may_clash(shape: tuple[str, ...]) -> bool:
    """Tell whether `a.b` may be both a key and a nested key."""
    dotted = [key for key in shape if "." in key]
    return any(key[:at] in shape for key in dotted for at in range(len(key)) if key[at] == ".")


def _joined(parts: list[tuple[Array, Sequence[Any]]]) -> tuple[Array, Sequence[Any]]:
    if len(parts) == 1:
        return parts[0]
    rows, values = zip(*parts, strict=True)
    return numpy.concatenate(rows), [*chain.from_iterable(values)]


def _chosen(
    rows: Array, values: Sequence[Any], kinds: set[type], wanted: Collection[type]
) -> tuple[Array, Sequence[Any]] | None:
    """Return the values of these types, and their lines; None if there are none."""
    if kinds.isdisjoint(wanted):
        return None
    if kinds.issubset(wanted):
        return rows, values
    at = [place for place, value in enumerate(values) if type(value) in wanted]
    return rows[at], [values[place] for place in at]


def text_of_list(values: list[Scalar]) -> str:
    """Return the compact JSON of a list, with numbers as they were written."""
    return f"[{','.join(map(_json_of, values))}]"


def _json_of(value: Scalar) -> str:
    if not isinstance(value, str):
        return text_of_value(value)
    return json.dumps(value, ensure_ascii=not is_utf8(value))
