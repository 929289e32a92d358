"""Columns of the values in many JSON objects: those with the same keys are transposed at once.

Decimals keep the text that the sender wrote. It is the shortest one for nearly all; lines that may have
another are found in the text, and parsed by the standard library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from itertools import chain, compress
from operator import methodcaller
from types import NoneType
from typing import Any, NamedTuple

import attrs
import numpy
import orjson

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import value_of_list
from logsrv.linelog.fields.forms.json.decimals import lines_with_odd_decimals, numbers_of_key
from logsrv.linelog.fields.forms.json.one import flatten_object, parse_json
from logsrv.linelog.fields.forms.pieces import CONTENT, Convert, FieldPieces, is_utf8
from logsrv.linelog.fields.forms.wanted_names import keys_leading_to
from logsrv.linelog.fields.json_values import (
    LONGEST_NAME,
    Object,
    json_to_field_value,
    parse_json_exactly,
)
from logsrv.linelog.fields.values import Scalar, WrittenFloat, text_of_value

_TEXTS: frozenset[type] = frozenset((str, NoneType))
_NUMBERS: frozenset[type] = frozenset((int, float, bool))
_IN_PLAIN_LISTS = frozenset((str, int, bool, NoneType))
_NO_VALUES: frozenset[type] = frozenset((dict, NoneType))
_NO_SCALARS: frozenset[type] = frozenset((list, NoneType))
# A large number: `1e+20`, or by older versions of orjson `1e20`. Texts may have it too.
_has_exponent = re.compile(rb"[0-9]e[-+0-9]").search
_MANY = 100
# The objects of so many lines stay in the cache of a CPU while their values are taken out.
_AT_ONCE = 100


@attrs.define
class _Values:
    """The values of a name: in each part some lines, and a value for each.

    kinds: the types of all. keys: those under which the values are in their objects.
    """

    parts: list[tuple[Array, Sequence[Any]]] = attrs.Factory(list)
    kinds: set[type] = attrs.Factory(set)
    keys: set[str] = attrs.Factory(set)

    def joined(self) -> tuple[Array, Sequence[Any]]:
        if len(self.parts) > 1:
            rows, values = zip(*self.parts, strict=True)
            self.parts = [(numpy.concatenate(rows), [*chain.from_iterable(values)])]
        return self.parts[0]

    def find_decimals(self, text: bytes) -> None:
        """Replace numbers with decimals by their texts, if these can be found in that of all objects."""
        if float in self.kinds and self.kinds <= _NUMBERS and len(self.keys) == 1:
            rows, values = self.joined()
            texts = numbers_of_key(text, *self.keys)
            if len(texts) == len(values):
                self.parts, self.kinds = [(numpy.sort(rows), texts)], {str}

    def drop(self, lines: Array) -> None:
        rows, values = self.joined()
        kept = ~numpy.isin(rows, lines)
        left = [*compress(values, kept.tolist())]
        self.parts, self.kinds = [(rows[kept], left)], {*map(type, left)}


class ObjectColumns:
    """Adds the values of objects to `pieces`."""

    def __init__(self, pieces: FieldPieces) -> None:
        self._pieces = pieces
        self._found: dict[str, _Values] = {}
        self._unsure: set[int] = set()

    def add(self, rows: Array, messages: Sequence[bytes]) -> list[int]:
        """Add messages that begin with `{`; return the indexes of those that are no objects."""
        if (rows[1:] < rows[:-1]).any():
            # Behind headers of several forms. Decimals are found in a text in the order of the lines.
            order = numpy.argsort(rows)
            unread = self.add(rows[order], [messages[at] for at in order.tolist()])
            return [int(order[at]) for at in unread]
        self._found, self._unsure = {}, set()
        unread = []
        for start in range(0, len(messages), _AT_ONCE):
            some, objects = rows[start : start + _AT_ONCE], messages[start : start + _AT_ONCE]
            parsed = _parse_objects(objects)
            if None in parsed:
                known = [at for at, found in enumerate(parsed) if found is not None]
                unread += [start + at for at, found in enumerate(parsed) if found is None]
                some, parsed = some[known], [parsed[at] for at in known]
            self._gather(some, parsed)
        if any(_may_have_decimals(values) for values in self._found.values()):
            self._read_odd_decimals(rows, messages, {*unread})
        made = [
            _Made(name, *one) for name, values in self._found.items() for one in self._texts(values)
        ]
        if self._unsure:
            again = numpy.flatnonzero(numpy.isin(rows, [*self._unsure]))
            made = [one.without(rows[again]) for one in made]
            unread = sorted({*unread, *again.tolist()})
        if len(made) > _MANY:
            made.sort(key=lambda one: -len(one.rows))
        for one in made:
            self._pieces.add(
                one.name,
                one.rows,
                one.values,
                convert=one.convert,
                is_list=one.convert is _list_texts,
            )
        return self._add_exactly(rows, messages, unread)

    def _read_odd_decimals(
        self, rows: Array, messages: Sequence[bytes], unread: Collection[int]
    ) -> None:
        """Read lines with odd decimals again, with their texts."""
        text = b"\n".join(messages)
        for values in self._found.values():
            values.find_decimals(text)
        if not any(map(_may_have_decimals, self._found.values())):
            return
        odd = [at for at in lines_with_odd_decimals(messages) if at not in unread]
        if not odd:
            return
        for values in self._found.values():
            values.drop(rows[odd])
        # In lists, numbers are no texts.
        parsed = {
            at: found
            for at in odd
            if b"[" not in messages[at] and (found := parse_json_exactly(messages[at])) is not None
        }
        self._unsure.update(rows[[at for at in odd if at not in parsed]].tolist())
        self._gather(rows[[*parsed]], [*parsed.values()])

    def _add_exactly(
        self, rows: Array, messages: Sequence[bytes], those: Sequence[int]
    ) -> list[int]:
        """Add messages as a ParsedLine reads them; return the indexes of those that are no objects."""
        found = {at: parse_json_exactly(messages[at]) or parse_json(messages[at]) for at in those}
        flat = {at: flatten_object(one) for at, one in found.items() if one is not None}
        self.add_flat(rows[[*flat]], [*flat.values()])
        if any(len(messages[at]) > LONGEST_NAME for at in flat):
            # A longer name is no field.
            self._pieces.complete = False
        return [at for at in those if at not in flat]

    def add_flat(self, rows: Array, objects: Sequence[Object], rank: int = CONTENT) -> None:
        """Add objects whose values are those of a ParsedLine, by dotted names."""
        self._found = {}
        self._gather(rows, objects, may_nest=False)
        for name, found in self._found.items():
            inner_rows, values = found.joined()
            at = [index for index, value in enumerate(values) if isinstance(value, list)]
            if at:
                lists = [values[index] for index in at]
                texts = [*map(text_of_list, lists)]
                self._pieces.add(name, inner_rows[at], texts, rank, is_list=True)
                if [*map(value_of_list, texts)] != lists:
                    self._pieces.left_out.add(name)
            at = [index for index, value in enumerate(values) if type(value) not in _NO_SCALARS]
            texts = [text_of_value(values[index]) for index in at]
            self._pieces.add(name, inner_rows[at], texts, rank)

    def _gather(self, rows: Array, objects: Sequence[Object], *, may_nest: bool = True) -> None:
        """Put the values of objects into `_found`, those of objects in them too."""
        # An explicit stack: JSON may be nested deeper than Python can recurse.
        stack = [("", rows, objects)]
        while stack:
            prefix, rows, objects = stack.pop()
            if len(prefix) > LONGEST_NAME:
                self._pieces.complete = False
                continue
            by_shape = self._by_shape if self._pieces.wanted is None else self._of_wanted
            for those, columns in by_shape(prefix, rows, objects, may_nest):
                for key, values in columns:
                    name = prefix + key
                    kinds = {*map(type, values)}
                    if dict in kinds:
                        stack.append((f"{name}.", *_chosen(those, values, kinds, {dict})))
                    if self._pieces.wants(name) and not kinds <= _NO_VALUES:
                        found = self._found.get(name) or self._found.setdefault(name, _Values())
                        found.parts.append((those, values))
                        found.kinds |= kinds
                        found.keys.add(key)

    def _by_shape(
        self, _: str, rows: Array, objects: Sequence[Object], may_nest: bool
    ) -> Iterator[tuple[Array, Iterable[tuple[str, Sequence[Any]]]]]:
        """Yield all values by key, those of objects with the same keys at once, and their lines."""
        for shape, those, some in _by_shape(rows, objects):
            if may_nest and _may_clash(shape):
                self._unsure.update(those.tolist())
            yield those, zip(shape, zip(*map(dict.values, some), strict=True), strict=True)

    def _of_wanted(
        self, prefix: str, rows: Array, objects: Sequence[Object], may_nest: bool
    ) -> Iterator[tuple[Array, Iterable[tuple[str, Sequence[Any]]]]]:
        """Yield the values of the keys that may lead to a wanted field."""
        assert self._pieces.wanted
        names, in_objects, *_ = self._pieces.wanted
        keys: Iterable[str] = keys_leading_to(in_objects, prefix) if may_nest else names
        if len(names) > 1:
            keys = frozenset().union(*map(frozenset(keys).intersection, objects))
        for key in keys if may_nest else ():
            if "." in key:
                clashing = (key in each and _may_clash(tuple(each)) for each in objects)
                self._unsure.update(compress(rows.tolist(), clashing))
        yield rows, ((key, [*map(methodcaller("get", key), objects)]) for key in keys)

    def _texts(self, found: _Values) -> Iterator[tuple[Array, Sequence[Any], Convert | None]]:
        """Yield values to be coded, those of each type by themselves; note the lines with unsure ones."""
        rows, values = found.joined()
        kinds = found.kinds
        if str in kinds:
            yield *_chosen(rows, values, kinds, _TEXTS), None
        if WrittenFloat in kinds:
            some = _chosen(rows, values, kinds, {WrittenFloat})
            yield some[0], _number_texts(some[1]), None
        if kinds & _NUMBERS:
            some = _chosen(rows, values, kinds, _NUMBERS)
            if len(kinds & _NUMBERS) == 1 and float not in kinds:
                yield *some, _number_texts
            else:
                try:
                    # A third of the time of `repr`, with the same texts but for those with exponents.
                    texts = orjson.dumps(some[1])[1:-1].decode().split(",")
                except TypeError:
                    # An integer of more than 64 bits.
                    self._unsure.update(some[0].tolist())
                else:
                    self._note(some[0], texts, {text for text in texts if "e" in text})
                    yield some[0], texts, None
        if list in kinds:
            some = _chosen(rows, values, kinds, {list})
            written = [*map(_written_list, some[1])]
            self._note(some[0], written, set(filter(_has_exponent, written)))
            yield some[0], written, _list_texts

    def _note(self, rows: Array, texts: Sequence[Any], unsure: Collection[Any]) -> None:
        if unsure:
            self._unsure.update(rows[[text in unsure for text in texts]].tolist())


class _Made(NamedTuple):
    name: str
    rows: Array
    values: Sequence[Any]
    convert: Convert | None

    def without(self, lines: Array) -> _Made:
        kept = ~numpy.isin(self.rows, lines)
        return self._replace(rows=self.rows[kept], values=[*compress(self.values, kept.tolist())])


def _by_shape(
    rows: Array, objects: Sequence[Object]
) -> Iterator[tuple[tuple[str, ...], Array, Sequence[Object]]]:
    """Yield the objects with the same keys in the same order, and their lines."""
    shapes = [*map(tuple, objects)]
    different = {*shapes}
    if len(different) == 1:
        yield shapes[0], rows, objects
        return
    indexes: dict[tuple[str, ...], list[int]] = {shape: [] for shape in shapes}
    for index, shape in enumerate(shapes):
        indexes[shape].append(index)
    for shape, those in indexes.items():
        yield shape, rows[those], [objects[index] for index in those]


def _may_have_decimals(found: _Values) -> bool:
    if float in found.kinds or list not in found.kinds:
        return float in found.kinds
    lists = (value for _, values in found.parts for value in values if type(value) is list)
    return not {*map(type, chain.from_iterable(lists))} <= _IN_PLAIN_LISTS


def _written_list(value: list[Any]) -> bytes:
    """Return the JSON of a list; a number with an exponent, which is unsure, if it is nested too deep."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return b"0e0"


def _number_texts(values: Sequence[Scalar]) -> list[str]:
    return [*map(text_of_value, values)]


def _list_texts(written: Sequence[bytes]) -> list[str | None]:
    return [*map(_list_text, written)]


def _list_text(written: bytes) -> str | None:
    found = parse_json_exactly(b'{"":%s}' % written)
    value = json_to_field_value(found[""] if found else None)
    return text_of_list(value) if isinstance(value, list) else None


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


def _chosen(
    rows: Array, values: Sequence[Any], kinds: Set[type], wanted: Set[type]
) -> tuple[Array, Sequence[Any]]:
    """Return the values of these types, and their lines. kinds: the types of all values."""
    if kinds <= wanted:
        return rows, values
    kept = [kind in wanted for kind in map(type, values)]
    return rows[kept], [*compress(values, kept)]


def text_of_list(values: list[Scalar]) -> str:
    """Return the compact JSON of a list, with numbers as they were written."""
    return f"[{','.join(map(_json_of, values))}]"


def _json_of(value: Scalar) -> str:
    if not isinstance(value, str):
        return text_of_value(value)
    return json.dumps(value, ensure_ascii=not is_utf8(value))
