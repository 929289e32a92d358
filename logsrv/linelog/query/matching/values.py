"""Queries that compare one field with a value, such as `status=500`: the field is read once for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence

import numpy

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.record import ALWAYS
from logsrv.linelog.fields.values import elements_of_value
from logsrv.linelog.query.language.tree import Node
from logsrv.linelog.query.matching.piece import TextPiece
from logsrv.linelog.query.matching.predicates import WantedValues, equal_values_by_field

FEW = 5
"""Up to this many queries of one field search by themselves; for more, the field is read once for all."""
# For each value of a field, the queries that ask for it are cached; beyond this many values the cache is
# emptied.
_MOST_KNOWN = 10_000


def fields_compared_often(nodes: Sequence[Node]) -> dict[str, list[tuple[int, str]]]:
    """Return the fields that more than FEW queries compare with `=`: (query's index, value) of each."""
    return {
        field: queries
        for field, queries in equal_values_by_field(nodes).items()
        if field not in ALWAYS and len(queries) > FEW
    }


class FieldQueries:
    """The queries that compare one field. queries: (the query's number, the value that it asks for)."""

    def __init__(self, field: str, queries: Sequence[tuple[int, str]]) -> None:
        self._all = [place for place, _ in queries]
        self._reader = FieldReader([field])
        self._wanted = WantedValues(queries)
        self._known: dict[str, tuple[int, ...]] = {}

    def find(
        self, piece: TextPiece, among: Container[int] | None = None
    ) -> Iterator[tuple[int, Array]]:
        """Yield each query that matches, and the numbers of its lines in the piece, in order."""
        if among is not None and not any(place in among for place in self._all):
            return
        [column] = self._reader.read(piece.stamps)
        lines: dict[int, list[int]] = defaultdict(list)
        for line, value in enumerate(column):
            if type(value) is str:
                wanting: Sequence[int] = self._queries_for_value(value)
            elif value is None:
                continue
            else:
                items = elements_of_value(value)
                wanting = sorted(
                    {place for item in items for place in self._wanted.queries_asking_for(item)}
                )
            for place in wanting:
                lines[place].append(line)
        for place, found in lines.items():
            if among is None or place in among:
                yield place, numpy.array(found, numpy.intp)

    def _queries_for_value(self, value: str) -> tuple[int, ...]:
        """Return the queries that ask for a value."""
        known = self._known.get(value)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[value] = tuple(self._wanted.queries_asking_for(value))
        return known
