"""A query asked of a record of several lines, such as a log line and the stack trace below it.

A condition is true for a record if it is true for one of its lines. The level is that of the record: its
first line that has one says it for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from logsrv.linelog.fields.continuations.parts import join_parts
from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import IN_STAMP
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.query.predicates import all_true, any_true, is_false, predicate
from logsrv.linelog.query.query_need import need_of_query
from logsrv.linelog.query.question import (
    EVERYTHING,
    And,
    Compare,
    HasField,
    Node,
    Not,
    Or,
    Term,
)
from logsrv.linelog.query.text_search.literals import AllOf, Inherited, Literal, Need

RecordTest: TypeAlias = Callable[[Sequence[ParsedLine]], bool]
"""The lines of a record, in order → whether the query is true for it."""


# The parts of a line that a container's runtime has cut, and more.
_CUT = Or((Term("stdout P"), Term("stderr P")))


class RecordQuery:
    """A query that is asked of records.

    whole: its matcher, for single lines. candidates: finds at least one line of each record for which the
    query is true, and more.
    """

    def __init__(self, node: Node) -> None:
        self.whole = make_matcher(node)
        found = candidates_in_records(node)
        self.candidates: Matcher = self.whole if found == node else make_matcher(found)
        self.matches: RecordTest = record_test(node)


def candidates_in_records(node: Node) -> Node:
    """Return a query for lines: each record for which `node` is true has a line for which it is true."""
    if isinstance(node, Not):
        return EVERYTHING
    if isinstance(node, Or):
        parts = tuple(map(candidates_in_records, node.parts))
        return EVERYTHING if EVERYTHING in parts else Or(parts)
    if isinstance(node, And) and node.parts:
        # Its parts may be true for different lines.
        return max(map(candidates_in_records, node.parts), key=_rarity)
    if isinstance(node, (Compare, HasField)) and node.field not in (*IN_STAMP, "message"):
        # The parts of an object have no level and no fields; the whole has them.
        texts = _certain_texts(need_of_query(node))
        return Or((node, And((Or(tuple(map(Term, texts))), _CUT)) if texts else _CUT))
    return node


def _certain_texts(need: Need | None) -> list[str]:
    """Return texts of which one stands in each line with a need; none if that is unsure.

    A text that is itself cut is not found so; without a text, a word index would rule out no line.
    """
    if isinstance(need, Literal):
        return [need.text.decode()]
    if isinstance(need, Inherited):
        return _certain_texts(need.parts[0])
    if isinstance(need, AllOf):
        return max(map(_certain_texts, need.parts), key=_shortest)
    each = [_certain_texts(part) for part in need.parts] if need else []
    return [text for texts in each for text in texts] if all(each) else []


def _shortest(texts: list[str]) -> int:
    return min(map(len, texts), default=0)


def _rarity(node: Node) -> int:
    """Return the key by which lines are expected to be rare: the longest text that each of them has."""
    if node == EVERYTHING:
        return -1
    return _length_of_need(need_of_query(node))


def _length_of_need(need: Need | None) -> int:
    if need is None:
        return 0
    if isinstance(need, Literal):
        return len(need.text)
    if isinstance(need, Inherited):
        return _length_of_need(need.parts[0])
    each = [_length_of_need(part) for part in need.parts]
    return max(each) if isinstance(need, AllOf) else min(each)


def record_test(node: Node) -> RecordTest:
    """Return the function that tells whether `node` is true for the lines of a record.

    What a container's runtime has cut in parts is also looked at as a whole.
    """
    test = _lines_test(node)
    return lambda lines: test(_with_wholes(lines))


def level_of_lines(lines: Sequence[ParsedLine]) -> str | None:
    """Return the level of a record: that of its first line that has one, as `record_test` sees it."""
    return _line_with_level(_with_wholes(lines)).level


def _with_wholes(lines: Sequence[ParsedLine]) -> Sequence[ParsedLine]:
    whole = join_parts(lines) if len(lines) > 1 else lines
    return lines if len(whole) == len(lines) else [*whole, *lines]


def _lines_test(node: Node) -> RecordTest:
    if isinstance(node, And):
        return all_true([_lines_test(part) for part in node.parts])
    if isinstance(node, Or):
        return any_true([_lines_test(part) for part in node.parts])
    if isinstance(node, Not):
        return is_false(_lines_test(node.part))
    test_line = predicate(node)
    if isinstance(node, (Compare, HasField)) and node.field == "level":
        return lambda lines: test_line(_line_with_level(lines))
    return lambda lines: any(map(test_line, lines))


def _line_with_level(lines: Sequence[ParsedLine]) -> ParsedLine:
    return next((line for line in lines if line.level is not None), lines[0])
