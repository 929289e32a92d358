"""The fields of a segment: which get a column, which go to the map, and which only the text has.

Engines ignore the case of names. So of two names that differ in nothing else, one goes to the map.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy
import pyarrow.compute as pc

from logsrv.linelog.columns.groups import HALF, MOST_COLUMNS, GroupField, are_ids
from logsrv.linelog.columns.layout import FIXED, MAP
from logsrv.linelog.columns.number_ways import preferred_way, ways_of_texts
from logsrv.linelog.columns.spool import Spool
from logsrv.linelog.fields.byte_arrays import Array

MOST_IN_MAP = 1000
_LONGEST_NAME = 200
# The part of the size of the compressed text that columns may take, by an estimate: texts compress to half.
_MOST_PART, _COMPRESSED = 0.33, 0.5
_LEAST_ROOM = 64 << 10
# Bytes of a column in a row group besides its values, and those of a value in the map besides it.
_OF_COLUMN, _IN_MAP = 400, 2.5
# A field that fewer of the lines have is compressed in the temporary file.
_SPARSE = 16


class FieldSummary:
    """A field in all row groups so far.

    is_left_out: whether it is not kept. lines: those that have it. most_texts: the most different ones in a
    row group. cost: an estimate of the bytes that its column takes. ways: in which all of its texts are
    written as numbers. groups: its position in the temporary file by row group.
    """

    def __init__(self) -> None:
        self.is_left_out = self.has_lists = self._has_brackets = False
        self.lines = self.most_texts = 0
        self.cost = 0.0
        self.ways: frozenset[str] | None = None
        self.groups: dict[int, slice] = {}

    def add_group(self, number: int, lines: int, field: GroupField, spool: Spool) -> None:
        """Add the field of a row group of so many lines. Raises OSError."""
        found = field.merged(lines)
        texts = found.column.dictionary
        if self.ways is None or self.ways:
            ways = ways_of_texts(texts)
            self.ways = ways if self.ways is None else self.ways & ways
        if not self.ways and are_ids(field.present, texts, HALF):
            self.leave_out()
            return
        self.lines += field.present
        self.most_texts = max(self.most_texts, len(texts))
        self.has_lists |= found.has_lists
        self._has_brackets |= found.has_brackets
        self.groups[number] = spool.write(found.column, is_sparse=field.present * _SPARSE < lines)
        size = pc.sum(pc.binary_length(texts)).as_py()
        self.cost += size * _COMPRESSED + _entropy(found.counts) / 8

    @property
    def is_usable(self) -> bool:
        """True if it is kept, and not some of its texts that begin with LIST are lists, and some not."""
        return not (self.is_left_out or (self.has_lists and self._has_brackets))

    @property
    def way(self) -> str | None:
        """The way in which all texts are written as numbers; None if they are stored as texts."""
        return preferred_way(self.ways or frozenset())

    def leave_out(self) -> None:
        """Forget the field: only the text has it."""
        self.is_left_out = True
        self.groups.clear()


def _entropy(counts: Array) -> float:
    """Return the bits that all codes take, if each takes as many as its frequency needs."""
    counts = counts[counts > 0]
    return float((counts * numpy.log2(counts.sum() / counts)).sum())


class ChosenFields(NamedTuple):
    """The fields with a column of their own, those in the map, and the names that only the text tells.

    FIXED have a column in any case.
    """

    columns: dict[str, FieldSummary]
    in_map: dict[str, FieldSummary]
    left_out: list[str]


def choose_fields(fields: Mapping[str, FieldSummary], compressed: int) -> ChosenFields:
    """Choose from all fields of a segment whose compressed text has so many bytes."""
    columns = {name: fields.get(name) or FieldSummary() for name in FIXED[2:]}
    in_map: dict[str, FieldSummary] = {}
    taken = {one.casefold() for one in (*FIXED, MAP)}
    usable = [(name, one) for name, one in fields.items() if one.is_usable and name not in columns]
    room = max(compressed * _MOST_PART, _LEAST_ROOM) - sum(one.cost for one in columns.values())
    # Names break ties: the same text has the same columns in the same order.
    for name, one in sorted(usable, key=lambda item: (item[1].cost, item[0])):
        if one.cost > room:
            usable.remove((name, one))
        else:
            room -= one.cost
    for name, one in sorted(usable, key=lambda item: (-item[1].lines, item[0])):
        of_column, of_map = len(one.groups) * _OF_COLUMN, one.lines * _IN_MAP
        is_distinct = _is_usual(name) and name.casefold() not in taken
        if len(columns) < MOST_COLUMNS and is_distinct and of_column <= max(room, one.cost):
            room -= of_column
            taken.add(name.casefold())
            columns[name] = one
        elif len(in_map) < MOST_IN_MAP and of_map <= room:
            room -= of_map
            in_map[name] = one
    left_out = [name for name, one in fields.items() if name not in columns or not one.is_usable]
    return ChosenFields(columns, in_map, sorted(left_out))


def _is_usual(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()
