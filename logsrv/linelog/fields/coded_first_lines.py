"""The first lines of records for many continuation lines at once, as arrays, and as a mapping for a few.

A text of stack traces has hundreds of continuation lines for each first line: a dict of them takes longer
to make than all else that is asked of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from logsrv.linelog.fields.byte_arrays import Array


class CodedFirstLines(Mapping[int, bytes]):
    """First lines, by where the continuation lines begin in the text.

    starts: these offsets, ascending. codes: for each of them the number of its first line in `lines`.
    begins: where each of `lines` begins in the text; less than 0 for one that stands before it, or of which
    that is not known.
    """

    def __init__(self, starts: Array, codes: Array, lines: list[bytes], begins: Array) -> None:
        self.starts = starts
        self.codes = codes
        self.lines = lines
        self.begins = begins

    @cached_property
    def _by_start(self) -> dict[int, bytes]:
        of_starts = map(self.lines.__getitem__, self.codes.tolist())
        return dict(zip(self.starts.tolist(), of_starts, strict=True))

    def __getitem__(self, start: int) -> bytes:
        return self._by_start[start]

    def get(self, start: int, default: Any = None) -> Any:
        # Mapping.get raises and catches an error for each line that begins a record.
        return self._by_start.get(start, default)

    def __iter__(self) -> Iterator[int]:
        return iter(self._by_start)

    def __len__(self) -> int:
        return len(self.starts)


class GoingOn(NamedTuple):
    """Lines that go on with records.

    rows: their numbers. codes, first_lines, begins: as those of CodedFirstLines.
    """

    rows: Array
    codes: Array
    first_lines: list[bytes]
    begins: Array
