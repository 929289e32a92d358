"""The lines that a query finds in a store, as runs of offsets: what an erase overwrites.

Lines that are erased already are left out, so a second erase finds nothing, even one of all lines.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import attrs

from logsrv.linelog.fields.erased_line import is_erased
from logsrv.linelog.fields.stored_line import STAMP
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.question import Node
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.records.found_records import FoundRecords
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.notes.erase_plan import Runs
from logsrv.linelog.store.segment import Form, Position
from logsrv.linelog.store.times import SIZE


@attrs.define
class LinesToErase:
    """Lines to overwrite. lines: the number of those that match. records: of other lines of their records.

    first, last: the smallest and the largest TIME. in_archives: the same of segments whose text is only in
    archives; they are not among these.
    """

    runs: dict[int, Runs] = attrs.field(factory=dict)
    lines: int = 0
    records: int = 0
    first: str = ""
    last: str = ""
    in_archives: LinesToErase | None = None

    @property
    def away(self) -> int:
        """The number of matching lines that are only in archives."""
        return 0 if self.in_archives is None else self.in_archives.lines

    def has(self, position: Position) -> bool:
        """Return whether the line at a position of the store is among them."""
        runs = self.runs.get(position.segment)
        return runs is not None and runs.has(position.offset)

    def add(self, hit: Hit) -> bool:
        """Add a line, in the order of the store; return False if it is erased already."""
        if is_erased(hit.line):
            return False
        number, offset = hit.position
        self.runs.setdefault(number, Runs()).add(offset, offset + len(hit.line) + 1)
        time = hit.line[:SIZE].decode("latin-1")
        if STAMP.match(hit.line):
            self.first, self.last = min(self.first or time, time), max(self.last, time)
        return True


@attrs.frozen
class LinesOfAllStores:
    """The lines to erase for who reads all stores. store: the number of the one in which they are.

    query, scope: of a search that finds them all; query is None if they have other lines of their records.
    """

    found: LinesToErase
    store: int
    query: Node | None
    scope: Scope

    def __call__(self, position: Position) -> bool:
        return position.store == self.store and self.found.has(position.own)


def find_lines(view: View, matcher: Matcher, scope: Scope, *, whole_records: bool) -> LinesToErase:
    """Return the lines to erase. whole_records: whether with all lines of their records."""
    found = LinesToErase(in_archives=(in_archives := LinesToErase()))
    away = {one.number for one in view.segments if one.form is Form.AWAY}
    search = Search(view, matcher, scope)
    hits: list[Hit] = []
    with closing(search):
        for hit in search.hits():
            if whole_records:
                hits.append(hit)
            else:
                those = in_archives if hit.position.segment in away else found
                those.lines += those.add(hit)
    if whole_records:
        _add_records(lambda one: in_archives if one.segment in away else found, view, hits)
    return found


def _add_records(lines_of: Callable[[Position], LinesToErase], view: View, hits: list[Hit]) -> None:
    """Add hits with all lines of their records. Records of several senders are mixed.

    lines_of: returns the lines to which the one at a position belongs.
    """
    matching = {hit.position for hit in hits}
    lines: dict[Position, Hit] = {}
    with closing(StoredLines(view)) as stored:
        for record in FoundRecords(stored).records(iter(hits)):
            lines.update({line.position: line for line in record})
    lines.update({hit.position: hit for hit in hits})
    for _, line in sorted(lines.items()):
        those = lines_of(line.position)
        if those.add(line):
            those.lines += line.position in matching
            those.records += line.position not in matching
