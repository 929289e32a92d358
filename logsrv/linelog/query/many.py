"""Many queries in one pass over a text. A query that cannot match any line in it costs nothing.

The pass looks for the triggers of all queries at once: literals of which each matching line has at least
one. A query tests only the lines with a trigger of its own; each line is parsed once for all queries. If
many queries compare the same field, that field is read once for all of them. A thousand words take 1.0 µs a
line, one by one 88 µs. A query without a trigger, such as `NOT debug` or `level>=error`, searches the text
by itself.

A query may have several sets of triggers, and any one of them is enough: `error app17` has one for each
word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import attrs
import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.parsed_line import ALWAYS, ParsedLine
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stored_line import IN_STAMP, NO_FIRST_LINES, FirstLines
from logsrv.linelog.fields.values import elements_of_value
from logsrv.linelog.query.candidates import candidate_of_query
from logsrv.linelog.query.literal_windows import LiteralWindows, TextPiece, pieces_of_text
from logsrv.linelog.query.match import Matcher, TextPosition
from logsrv.linelog.query.predicates import WantedValues, equal_values_by_field
from logsrv.linelog.query.query_need import need_of_query
from logsrv.linelog.query.question import (
    And,
    Compare,
    HasField,
    Node,
    Or,
    Term,
)
from logsrv.linelog.query.text_search.literals import AllOf, AnyOf, Inherited, Literal, Need

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
        self.inherits = any(one.inherits for one in matchers)
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
        self,
        text: bytes,
        text_position: TextPosition | None = None,
        first_lines: FirstLines = NO_FIRST_LINES,
        *,
        among: Container[int] | None = None,
    ) -> Iterator[tuple[int, Sequence[tuple[int, int]]]]:
        """Yield a query's number and its matching lines of `text`: start and end, without LF.

        text: whole lines. A query with matches comes once or several times, its lines in order; queries
        come in no order. text_position: of `text` in the store. first_lines: of the continuation lines.
        among: queries to ask; None for all.
        """
        for number in self._alone:
            if among is not None and number not in among:
                continue
            if found := list(self._matchers[number].find(text, text_position, first_lines)):
                yield number, found
        for piece in (
            pieces_of_text(text, first_lines) if self._windows is not None or self._fields else ()
        ):
            if self._windows is not None:
                yield from self._find_in_piece(piece, self._windows, text_position, among)
            for field in self._fields:
                for number, lines in field.find(piece, among):
                    yield number, piece.spans(lines)

    def _find_in_piece(
        self,
        piece: TextPiece,
        windows: LiteralWindows,
        text_position: TextPosition | None,
        among: Container[int] | None,
    ) -> Iterator[tuple[int, Sequence[tuple[int, int]]]]:
        records: dict[int, ParsedLine] = {}
        for plan, lines in self._possible_queries(piece, windows):
            if among is not None and plan.number not in among:
                continue
            if not plan.exact:
                lines = self._lines_that_match(plan.number, piece, lines, text_position, records)
            if len(lines):
                yield plan.number, piece.spans(lines)

    def _possible_queries(
        self, piece: TextPiece, windows: LiteralWindows
    ) -> Iterator[tuple[_QueryPlan, Array]]:
        """Yield each query whose triggers are in a piece, and the lines with one trigger of each set."""
        own = self._lines_of_triggers(piece, windows)
        inherited = self._with_continuations(piece, windows, own)
        plans = dict.fromkeys(plan for trigger in inherited for plan in self._plans_of[trigger])
        for plan in plans:
            found = inherited if self._matchers[plan.number].inherits else own
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

    def _with_continuations(
        self, piece: TextPiece, windows: LiteralWindows, own: dict[int, Array]
    ) -> dict[int, Array]:
        """Return the lines of triggers with the continuation lines whose first lines have them."""
        if not self.inherits or not piece.stamps.first_lines:
            return own
        rows, codes, first_lines, _ = piece.stamps.going_on()
        text = b"\n".join([*first_lines, b""])
        of_first = TextPiece(text, 0, len(text))
        found = dict(own)
        for trigger, lines in self._lines_of_triggers(of_first, windows).items():
            more = rows[numpy.isin(codes, lines)]
            known = own.get(trigger)
            found[trigger] = more if known is None else numpy.union1d(known, more)
        return found

    def _lines_of_triggers(self, piece: TextPiece, windows: LiteralWindows) -> dict[int, Array]:
        """Return, by the number of each trigger in the piece, the lines that have it."""
        offsets, which = windows.find(piece)
        lines = piece.line_numbers_at(offsets)
        said = (offsets >= piece.messages[lines]) | self._anywhere[which]
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
        text_position: TextPosition | None,
        records: dict[int, ParsedLine],
    ) -> Array:
        """Return those of `lines` for which query `number` is true. records: parsed lines of the piece."""
        test = self._matchers[number].predicate()
        matching = []
        for line, (start, end) in zip(lines.tolist(), piece.spans(lines), strict=True):
            record = records.get(line)
            if record is None:
                position = (
                    f"{text_position[0]}:{text_position[1] + start}" if text_position else None
                )
                first_line = piece.stamps.first_line(line)
                record = records[line] = ParsedLine(piece.text[start:end], position, first_line)
            if test(record):
                matching.append(line)
        return numpy.array(matching, numpy.intp)


def _mask_of_contained(some: Array, others: Array) -> Array:
    """Return for each number of `some` whether `others` contains it; both are sorted."""
    at = numpy.searchsorted(others, some)
    at[at == len(others)] = 0
    found: Array = others[at] == some
    return found


class Trigger(NamedTuple):
    """A literal in the message of a line, or with `anywhere` also in its stamp."""

    literal: Literal
    anywhere: bool = False


Triggers: TypeAlias = tuple[Trigger, ...]


def triggers_suffice(node: Node) -> bool:
    """Return whether exactly the lines with one trigger of each set in their message match."""
    return (
        all(map(_is_any_of_terms, node.parts)) if isinstance(node, And) else _is_any_of_terms(node)
    )


def _is_any_of_terms(node: Node) -> bool:
    if isinstance(node, Term):
        return bool(node.text) and "\n" not in node.text
    return isinstance(node, Or) and all(map(_is_any_of_terms, node.parts))


def trigger_choices(node: Node) -> list[Triggers]:
    """Return the sets of triggers to choose from; an empty list if any line may match."""
    if isinstance(node, And):
        return [choice for part in node.parts for choice in trigger_choices(part)]
    if isinstance(node, Or):
        parts = [
            max(trigger_choices(part), key=shortest_literal_size, default=None)
            for part in node.parts
        ]
        known = [part for part in parts if part is not None]
        return [_joined_triggers(known)] if len(known) == len(parts) else []
    if isinstance(node, (Compare, HasField)) and node.field in IN_STAMP:
        found = candidate_of_query(node)
        if isinstance(found, tuple):
            return [tuple(Trigger(one, anywhere=True) for one in found)]
        return []
    return _choices_of_need(need_of_query(node))


def shortest_literal_size(triggers: Triggers) -> int:
    """Return the size of the shortest literal in bytes: the longer, the rarer is a chance hit."""
    # Escapes are short, but rare.
    return min(
        (len(one.literal.text) for one in triggers if not one.literal.text.startswith(b"\\u")),
        default=0,
    )


def _choices_of_need(need: Need | None) -> list[Triggers]:
    if isinstance(need, Literal):
        return [(Trigger(need),)]
    if isinstance(need, Inherited):
        return _choices_of_need(need.parts[0])
    if isinstance(need, AllOf):
        return [choice for part in need.parts for choice in _choices_of_need(part)]
    if isinstance(need, AnyOf):
        return [
            _joined_triggers(
                [max(_choices_of_need(part), key=shortest_literal_size) for part in need.parts]
            )
        ]
    return []


def _joined_triggers(parts: list[Triggers]) -> Triggers:
    return tuple(dict.fromkeys(one for part in parts for one in part))


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
        self._all = [number for number, _ in queries]
        self._reader = FieldReader([field])
        self._wanted = WantedValues(queries)
        self._known: dict[str, tuple[int, ...]] = {}

    def find(
        self, piece: TextPiece, among: Container[int] | None = None
    ) -> Iterator[tuple[int, Array]]:
        """Yield each query that matches, and the numbers of its lines in the piece, in order."""
        if among is not None and not any(number in among for number in self._all):
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
                    {number for item in items for number in self._wanted.queries_asking_for(item)}
                )
            for number in wanting:
                lines[number].append(line)
        for number, numbers in lines.items():
            if among is None or number in among:
                yield number, numpy.array(numbers, numpy.intp)

    def _queries_for_value(self, value: str) -> tuple[int, ...]:
        """Return the queries that ask for a value."""
        known = self._known.get(value)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[value] = tuple(self._wanted.queries_asking_for(value))
        return known
