"""Many queries in one pass over a text. A query that cannot match any line in it costs nothing.

The pass looks for the triggers of all queries at once: literals of which each matching line has at least
one. A query tests only the lines with a trigger of its own; each line is parsed once for all queries. If
many queries compare the same field, that field is read once for all of them (`values.py`). A thousand words
take 1.0 µs a line, one by one 88 µs. A query without
a trigger, such as `NOT debug` or `level>=error`, searches the text by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence

import attrs
import numpy

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.matching.match import Matcher, Place
from logsrv.linelog.query.matching.piece import TextPiece, pieces_of_text
from logsrv.linelog.query.matching.triggers import (
    Trigger,
    shortest_literal_size,
    trigger_choices,
    triggers_suffice,
)
from logsrv.linelog.query.matching.values import FieldQueries, fields_compared_often
from logsrv.linelog.query.matching.windows import LiteralWindows

MOST_CHOICES = 8
"""The most trigger sets of a query such as `one two three …`; a line with these is tested for the rest."""


@attrs.frozen(eq=False)
class _QueryPlan:
    """The plan by which a query finds its lines in a piece.

    number: the query's number. needed: sets of trigger numbers; a matching line has one of each set.
    exact: whether every line that has one of each set matches.
    """

    number: int
    needed: list[tuple[int, ...]]
    exact: bool


class ManyQueries:
    """Queries that search a text together. A query's number is its index in `matchers`."""

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self._matchers = matchers
        numbers: dict[Trigger, int] = {}
        self._plans_of: dict[int, list[_QueryPlan]] = defaultdict(list)
        self._alone: list[int] = []
        fields = fields_compared_often([one.node for one in matchers])
        self._fields = [FieldQueries(field, queries) for field, queries in fields.items()]
        of_fields = {number for queries in fields.values() for number, _ in queries}
        choices = [trigger_choices(one.node) for one in matchers]
        shared = Counter(one for some in choices for triggers in some for one in set(triggers))
        for number, matcher in enumerate(matchers):
            if number in of_fields:
                continue
            if not choices[number]:
                self._alone.append(number)
                continue
            # Triggers that few queries share come first. With a thousand queries `error app1`, `error app2`
            # and so on, a line with `error` must not be tested for all of them.
            some = sorted(
                choices[number],
                key=lambda triggers: (
                    max(shared[one] for one in triggers),
                    -shortest_literal_size(triggers),
                ),
            )
            needed = [
                tuple(numbers.setdefault(one, len(numbers)) for one in triggers)
                for triggers in some[:MOST_CHOICES]
            ]
            exact = len(some) <= MOST_CHOICES and triggers_suffice(matcher.node)
            plan = _QueryPlan(number, needed, exact)
            for trigger in needed[0]:
                self._plans_of[trigger].append(plan)
        self._anywhere: Array = numpy.array([one.anywhere for one in numbers], bool)
        self._windows = LiteralWindows([one.literal for one in numbers]) if numbers else None

    def find(
        self, text: bytes, place: Place | None = None, *, among: Container[int] | None = None
    ) -> Iterator[tuple[int, Sequence[tuple[int, int]]]]:
        """Yield a query's number and its matching lines of `text`: start and end, without LF.

        text: whole lines. A query with matches comes once or several times, its lines in order; queries
        come in no order. place: the position of `text` in the store. among: queries to ask; None for all.
        """
        for number in self._alone:
            if among is not None and number not in among:
                continue
            if found := list(self._matchers[number].find(text, place)):
                yield number, found
        for piece in pieces_of_text(text) if self._windows is not None or self._fields else ():
            if self._windows is not None:
                yield from self._find_in_piece(piece, self._windows, place, among)
            for field in self._fields:
                for number, lines in field.find(piece, among):
                    yield number, piece.spans(lines)

    def _find_in_piece(
        self,
        piece: TextPiece,
        windows: LiteralWindows,
        place: Place | None,
        among: Container[int] | None,
    ) -> Iterator[tuple[int, Sequence[tuple[int, int]]]]:
        records: dict[int, Record] = {}
        for plan, lines in self._possible_queries(piece, windows):
            if among is not None and plan.number not in among:
                continue
            if not plan.exact:
                lines = self._lines_that_match(plan.number, piece, lines, place, records)
            if len(lines):
                yield plan.number, piece.spans(lines)

    def _possible_queries(
        self, piece: TextPiece, windows: LiteralWindows
    ) -> Iterator[tuple[_QueryPlan, Array]]:
        """Yield each query whose triggers are in a piece, and the lines with one trigger of each set."""
        found = self._lines_of_triggers(piece, windows)
        plans = dict.fromkeys(plan for trigger in found for plan in self._plans_of[trigger])
        for plan in plans:
            lines: Array | None = None
            for triggers in plan.needed:
                these = [found[one] for one in triggers if one in found]
                if not these:
                    break
                either = these[0] if len(these) == 1 else numpy.unique(numpy.concatenate(these))
                lines = either if lines is None else lines[_mask_of_contained(lines, either)]
            else:
                assert lines is not None
                yield plan, lines

    def _lines_of_triggers(self, piece: TextPiece, windows: LiteralWindows) -> dict[int, Array]:
        """Return, by the number of each trigger in the piece, the lines that have it."""
        places, which = windows.find(piece)
        lines = piece.line_numbers_at(places)
        said = (places >= piece.messages[lines]) | self._anywhere[which]
        pairs = numpy.unique(which[said] * len(piece.ends) + lines[said])
        which, lines = numpy.divmod(pairs, len(piece.ends))
        bounds = numpy.append(numpy.flatnonzero(numpy.diff(which, prepend=-1)), len(which))
        return {
            int(which[begin]): lines[begin:end]
            for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        }

    def _lines_that_match(
        self,
        number: int,
        piece: TextPiece,
        lines: Array,
        place: Place | None,
        records: dict[int, Record],
    ) -> Array:
        """Return those of `lines` for which query `number` is true. records: parsed lines of the piece."""
        test = self._matchers[number].predicate()
        found = []
        for line, (start, end) in zip(lines.tolist(), piece.spans(lines), strict=True):
            record = records.get(line)
            if record is None:
                position = f"{place[0]}:{place[1] + start}" if place else None
                record = records[line] = Record(piece.text[start:end], position)
            if test(record):
                found.append(line)
        return numpy.array(found, numpy.intp)


def _mask_of_contained(some: Array, others: Array) -> Array:
    """Return for each number of `some` whether `others` contains it; both are sorted."""
    at = numpy.searchsorted(others, some)
    at[at == len(others)] = 0
    found: Array = others[at] == some
    return found
