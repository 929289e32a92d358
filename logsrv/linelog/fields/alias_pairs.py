"""Read a field of many lines of `key=value` that keep it under another key: `service=shop` for `app`."""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.aliases import ALIASES, IN_LOG_RECORDS
from logsrv.linelog.fields.levels.byte_places import Array, indexes_of_true
from logsrv.linelog.fields.pairs import PairReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Value

# Bytes before an equals sign that are compared first; no key is shorter.
_END = 3
_EQUALS = ord("=")


class AliasReader:
    """A reader of the field called `name`, one of ALIASES."""

    def __init__(self, name: str) -> None:
        self._pairs = [
            (_number_of_end(key), PairReader(key), key in IN_LOG_RECORDS) for key in ALIASES[name]
        ]
        self._ends: Array = numpy.unique([end for end, _, _ in self._pairs]).astype(numpy.uint32)

    def read_into(
        self, stamps: StampedLines, plain: Array, objects: Array, column: list[Value | None]
    ) -> set[int]:
        """Put values into the rows of a column without one; return the rows of lines that need a Record.

        plain: which lines are no objects and begin with no header. objects: which are objects.
        """
        others: set[int] = set()
        present = self._ends_in(stamps.text)
        for end, pairs, is_of_records in self._pairs:
            if end not in present:
                continue
            places, rows = pairs.pair_places(stamps)
            chosen = ~objects[rows]
            chosen &= numpy.array([column[row] is None for row in rows.tolist()], bool)
            readable = chosen & plain[rows] & (not is_of_records)
            others.update(rows[chosen & ~readable].tolist())
            others.update(pairs.read_into(stamps, places[readable], rows[readable], column))
        return others

    def _ends_in(self, text: bytes) -> set[int]:
        """Return the ends of the keys that a text may have."""
        if text.find(b"=") < 0:
            return set()
        raw: Array = numpy.frombuffer(text, numpy.uint8)
        at = indexes_of_true(raw == _EQUALS)
        at = at[at > _END]
        fours: Array = numpy.ndarray((max(0, len(raw) - _END),), "<u4", raw, 0, (1,))
        ends = fours[at - _END - 1] >> numpy.uint32(8)
        found: set[int] = set(ends[numpy.isin(ends, self._ends)].tolist())
        return found


def _number_of_end(key: str) -> int:
    return int.from_bytes(key[-_END:].encode(), "little")
