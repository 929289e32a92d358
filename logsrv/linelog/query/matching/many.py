"""Many queries in one pass over a text: those that nothing in it could match cost nothing.

The triggers of all queries are looked for at once. A query is asked only about lines that have one of
its own; those lines are parsed once for all queries. Where many want a value of the same field, that is
read once for them (`values.py`). A query without a trigger, such as `NOT debug` or `level>=error`, goes
over the text by itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence

import attrs
import numpy

from logsrv.linelog.fields.levels.byte_places import Array
from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.matching.match import Matcher, Place
from logsrv.linelog.query.matching.piece import TextPiece, pieces
from logsrv.linelog.query.matching.triggers import Trigger, choices_of, is_exact, worth
from logsrv.linelog.query.matching.values import FieldValues, by_field
from logsrv.linelog.query.matching.windows import Windows

MOST_CHOICES = 8
"""Words of `one two three …` that are looked for; the others are tested in the lines that have these."""


@attrs.frozen(eq=False)
class _Plan:
    """The way in which a query is answered in a piece.

    number: the query's. needed: sets of numbers of triggers; a line has one of each set. exact: a line
    that has them matches.
    """

    number: int
    needed: list[tuple[int, ...]]
    exact: bool


class ManyQueries:
    """Queries that are put to a text together. Each is known by its number, from 0."""

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self._matchers = matchers
        numbers: dict[Trigger, int] = {}
        self._plans_of: dict[int, list[_Plan]] = defaultdict(list)
        self._alone: list[int] = []
        fields = by_field([one.node for one in matchers])
        self._fields = [FieldValues(field, queries) for field, queries in fields.items()]
        of_fields = {number for queries in fields.values() for number, _ in queries}
        choices = [choices_of(one.node) for one in matchers]
        shared = Counter(one for some in choices for triggers in some for one in set(triggers))
        for number, matcher in enumerate(matchers):
            if number in of_fields:
                continue
            if not choices[number]:
                self._alone.append(number)
                continue
            # A thousand queries may be `error app1`, `error app2` and so on; then a line with `error` must
            # not have a thousand of them in question.
            some = sorted(
                choices[number],
                key=lambda triggers: (max(shared[one] for one in triggers), -worth(triggers)),
            )
            needed = [
                tuple(numbers.setdefault(one, len(numbers)) for one in triggers)
                for triggers in some[:MOST_CHOICES]
            ]
            exact = len(some) <= MOST_CHOICES and is_exact(matcher.node)
            plan = _Plan(number, needed, exact)
            for trigger in needed[0]:
                self._plans_of[trigger].append(plan)
        self._anywhere: Array = numpy.array([one.anywhere for one in numbers], bool)
        self._windows = Windows([one.literal for one in numbers]) if numbers else None

    @property
    def alone(self) -> int:
        """Return how many of the queries go over the text by themselves."""
        return len(self._alone)

    def find(
        self, text: bytes, place: Place | None = None, *, among: Container[int] | None = None
    ) -> Iterator[tuple[int, Sequence[tuple[int, int]]]]:
        """Yield queries and lines of `text`, whole lines, that match: start and end, without LF.

        A query that matches comes once or several times, its lines in order; of the queries there is
        no order. place: where `text` stands in the store. among: the queries that are asked; all if None.
        """
        for number in self._alone:
            if among is not None and number not in among:
                continue
            if found := list(self._matchers[number].find(text, place)):
                yield number, found
        for piece in pieces(text) if self._windows is not None or self._fields else ():
            if self._windows is not None:
                yield from self._found(piece, self._windows, place, among)
            for field in self._fields:
                for number, lines in field.find(piece, among):
                    yield number, piece.spans(lines)

    def _found(
        self,
        piece: TextPiece,
        windows: Windows,
        place: Place | None,
        among: Container[int] | None,
    ) -> Iterator[tuple[int, Sequence[tuple[int, int]]]]:
        records: dict[int, Record] = {}
        for plan, lines in self._in_question(piece, windows):
            if among is not None and plan.number not in among:
                continue
            if not plan.exact:
                lines = self._tested(plan.number, piece, lines, place, records)
            if len(lines):
                yield plan.number, piece.spans(lines)

    def _in_question(self, piece: TextPiece, windows: Windows) -> Iterator[tuple[_Plan, Array]]:
        """Yield the queries whose triggers are in a piece, and the lines in which they are."""
        found = self._lines_of_triggers(piece, windows)
        plans = dict.fromkeys(plan for trigger in found for plan in self._plans_of[trigger])
        for plan in plans:
            lines: Array | None = None
            for triggers in plan.needed:
                these = [found[one] for one in triggers if one in found]
                if not these:
                    break
                either = these[0] if len(these) == 1 else numpy.unique(numpy.concatenate(these))
                lines = either if lines is None else lines[_contained(lines, either)]
            else:
                assert lines is not None
                yield plan, lines

    def _lines_of_triggers(self, piece: TextPiece, windows: Windows) -> dict[int, Array]:
        """Return the lines of a piece in which a trigger is, for each trigger that is in some."""
        places, which = windows.find(piece)
        lines = piece.lines_of(places)
        said = (places >= piece.messages[lines]) | self._anywhere[which]
        pairs = numpy.unique(which[said] * len(piece.ends) + lines[said])
        which, lines = numpy.divmod(pairs, len(piece.ends))
        bounds = numpy.append(numpy.flatnonzero(numpy.diff(which, prepend=-1)), len(which))
        return {
            int(which[begin]): lines[begin:end]
            for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        }

    def _tested(
        self,
        number: int,
        piece: TextPiece,
        lines: Array,
        place: Place | None,
        records: dict[int, Record],
    ) -> Array:
        """Return those of the lines for which a query is true. records: of the piece, by their lines."""
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


def _contained(some: Array, others: Array) -> Array:
    """Return which of these numbers are among others; both are in order."""
    at = numpy.searchsorted(others, some)
    at[at == len(others)] = 0
    found: Array = others[at] == some
    return found
