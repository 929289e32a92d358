"""Matching: the stored lines for which a query is true.

Most queries have a candidate: a literal or an expression that every matching line contains. One pass over
a megabyte of lines looks for it, and Python tests only the lines that contain it. After a hit the pass goes
on at the next line, so many hits in a line cost no more than one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from logsrv.lazy_names import later_module
from logsrv.linelog.fields.parsed_line import ParsedLine, is_told_by_first_line, level_of
from logsrv.linelog.fields.stored_line import (
    IN_STAMP,
    INHERITED,
    NO_FIRST_LINES,
    TIME_LENGTH,
    Choice,
    FirstLines,
)
from logsrv.linelog.query.candidates import (
    candidate_of_query,
    fixed_width_classes,
    is_exact,
    levels_satisfying,
    pattern_if_only_expression,
)
from logsrv.linelog.query.line_spans import (
    all_line_spans,
    line_spans_at,
    number_of_lines,
    other_line_spans,
)
from logsrv.linelog.query.predicates import Predicate, predicate
from logsrv.linelog.query.query_need import need_of_query
from logsrv.linelog.query.question import (
    EVERYTHING,
    And,
    Compare,
    HasField,
    Node,
    Not,
    leaves,
)
from logsrv.linelog.query.text_search.engine import Search, compile_search
from logsrv.linelog.query.text_search.hits import (
    Hits,
    count_lines_with_hit,
    has_hit_in_message,
    lines_with_hit,
    literal_finder,
    match_start_finder,
    nearest_literal_finder,
)
from logsrv.linelog.query.text_search.literals import (
    AnyOf,
    Need,
    fulfils_need,
    make_caseless_find,
)

if TYPE_CHECKING:
    from logsrv.linelog.fields import level_numbers
    from logsrv.linelog.fields.byte_arrays import Array

    FindOffsets: TypeAlias = Callable[[bytes], Array]
    """text → the candidate's offsets, in order."""
else:
    # To load it takes longer than a search in few lines.
    level_numbers = later_module("logsrv.linelog.fields.level_numbers")


TextPosition: TypeAlias = tuple[int | str, int]
"""A segment's number, or `audit/17` in the store of a rule, and the offset at which a text begins in it."""


# With more than one candidate in 2**10 bytes, RE2 searches the whole text. Testing so many candidates costs
# as much: 1 to 2 ms for 1 MiB.
_RARE_SHIFT = 10
# Bytes. In less text, a search without NumPy takes less time.
_SMALL = 4 << 10
# The number of texts that RE2 then searches as a whole, before candidates are tried again.
_WHOLE_TEXTS = 16
# With more than one candidate of a level in 2**9 bytes, the levels of all lines are found at once.
_LEVELS_SHIFT = 9
# Lines of which NumPy finds the levels as fast as one by one.
_MANY_LEVELS = 100


class Matcher:
    """A query that searches lines.

    node: its tree. needs: literals that every matching line contains, or None if none are certain.
    inherits: whether it asks for a field that a continuation line has from the first line of its record;
    then whoever searches a text has to say these lines (`fields/continuations/first_lines.py`).
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.needs: Need | None = need_of_query(node)
        inherited = _inherited_fields(node)
        self.inherits = any(inherited)
        # If the query asks for nothing else.
        self._inherited = frozenset(inherited if all(inherited) else ())
        self._own_need = _need_of_own_text(node) if self.inherits else None
        self._test: Predicate | None = None
        self._candidate = candidate_of_query(node)
        self._exact = is_exact(node, self._candidate)
        self._pattern = None if self._exact else pattern_if_only_expression(node, self._candidate)
        self._negated = Matcher(node.part) if isinstance(node, Not) else None
        self._find_offsets: FindOffsets | None = None
        self._count_by_offsets: Callable[[bytes], int] | None = None
        self._search: Search | None = None
        self._levels = _wanted_levels(node)
        # The number of the next texts of which the levels of all lines are found.
        self._texts_of_levels = 0
        self._last: tuple[bytes, dict[int, int]] | None = None
        self._at_once = 0

    def prepare_for_many(self) -> None:
        """Prepare for a search over many texts: load NumPy, which takes longer than a short search."""
        if self._negated is not None:
            self._negated.prepare_for_many()
        literals = self._candidate
        if isinstance(literals, tuple) and not any(b"\n" in one.text for one in literals):
            # Loaded now, before the processes of a search are forked: each would load it for itself.
            from logsrv.linelog.query.text_search.numpy_search import (
                FixedWidthSearch,
                count_messages_with_hit,
                offsets_of_literals,
            )

            find_offsets: FindOffsets = partial(offsets_of_literals, literals=literals)
            if (
                self._pattern is not None
                and (fixed := fixed_width_classes(self.node, literals)) is not None
            ):
                find_offsets = FixedWidthSearch(*fixed).match_offsets
                self._exact, self._pattern = True, None
            self._find_offsets = find_offsets
            self._count_by_offsets = lambda text: count_messages_with_hit(text, find_offsets(text))

    def matches(
        self, line: bytes, position: str | None = None, first_line: bytes | None = None
    ) -> bool:
        """Return whether the query is true for `line`, a stored line without LF."""
        return self.predicate()(ParsedLine(line, position, first_line))

    def predicate(self) -> Predicate:
        """Return the function that tells whether the query is true for a record."""
        if self._test is None:
            self._test = predicate(self.node)
        return self._test

    def find(
        self,
        text: bytes,
        text_position: TextPosition | None = None,
        first_lines: FirstLines = NO_FIRST_LINES,
    ) -> Iterator[tuple[int, int]]:
        """Yield start and end, without LF, of each matching line of `text`, which is whole lines.

        text_position: of `text` in the store, for queries that ask for `position`. first_lines: of its
        continuation lines, if the query `inherits`.
        """
        if self.node == EVERYTHING:
            yield from all_line_spans(text)
            return
        if self._exact:
            yield from self.candidate_lines(text, in_message=True)
            return
        if self._negated is not None and text_position is None:
            yield from other_line_spans(text, self._negated.find(text, None, first_lines))
            return
        if self._pattern is not None:
            found, start = self._pattern_lines(text)
            yield from found
            yield from lines_with_hit(
                match_start_finder(self._compiled_once(self._pattern)),
                text,
                start,
                in_message=True,
            )
            return

        has_continuations = self.inherits and bool(first_lines)
        if self._levels and not has_continuations and len(text) >= _SMALL and text.endswith(b"\n"):
            yield from self._lines_of_levels(text, self._levels)
            return

        test, record = self.predicate(), ParsedLine
        lines: Iterable[tuple[int, int]]
        if has_continuations:
            lines = self._with_continuations(text, first_lines)
        else:
            lines = self.candidate_lines(text)
        told: dict[bytes, bool] = {}
        # The last line that begins a record: mostly the first line of those that follow.
        begun, is_begun_match = b"", False
        for start, end in lines:
            line, first_line = text[start:end], first_lines.get(start)
            if first_line is not None and self._is_told(line, first_line):
                if first_line not in told:
                    told[first_line] = (
                        is_begun_match
                        if first_line == begun
                        else test(record(line, None, first_line))
                    )
                is_match = told[first_line]
            else:
                position = (
                    f"{text_position[0]}:{text_position[1] + start}" if text_position else None
                )
                is_match = test(record(line, position, first_line))
                if first_line is None:
                    begun, is_begun_match = line, is_match
            if is_match:
                yield start, end

    def _lines_of_levels(self, text: bytes, wanted: frozenset[str]) -> Iterable[tuple[int, int]]:
        """Return start and end of each line that has one of some levels by itself."""
        lines = []
        if not self._texts_of_levels:
            most = len(text) >> _LEVELS_SHIFT
            lines = [*islice(self.candidate_lines(text), most + 1)]
            if len(lines) > most:
                self._texts_of_levels = _WHOLE_TEXTS
            elif len(lines) < _MANY_LEVELS:
                return [line for line in lines if level_of(text[slice(*line)]) in wanted]
        if self._texts_of_levels:
            self._texts_of_levels -= 1
            lines = [*all_line_spans(text)]
        else:
            text = b"".join([text[start : end + 1] for start, end in lines])
        numbers = {
            number for number, level in enumerate(level_numbers.OF_NUMBERS) if level in wanted
        }
        levels = level_numbers.level_numbers(text).tolist()
        return [line for line, level in zip(lines, levels, strict=True) if level in numbers]

    def may_match(self, texts: Iterable[bytes]) -> bool:
        """Return whether a line of these texts may match, by its message and what stands before it.

        True also if that cannot be told without a whole stamp.
        """
        if not isinstance(self._candidate, str) or _asks_for_stamp(self.node):
            return True
        search = self._compiled_once(self._candidate)
        return any(search(text, 0, len(text))[0] >= 0 for text in texts)

    @property
    def choose_first_lines(self) -> Choice | None:
        """The choice of first lines with which a line may match otherwise than without; None for all.

        Only for a field of which a line's own value goes before that of its record.
        """
        if not isinstance(self.node, Compare) or self.node.field not in INHERITED - {"level"}:
            return None
        return self._candidate_starts if self._candidate is not None else None

    def _candidate_starts(self, text: bytes) -> Collection[int]:
        """Return where the lines with a candidate begin. `find` in the same text follows."""
        ends = dict(self.candidate_lines(text))
        self._last = text, ends
        return ends.keys()

    def _candidate_ends(self, text: bytes) -> dict[int, int]:
        """Return the end of each line with a candidate by its start, as just found if they were."""
        last, self._last = self._last, None
        return last[1] if last and last[0] is text else dict(self.candidate_lines(text))

    def _that_may_tell(self, first_lines: FirstLines) -> FirstLines:
        """Return the first lines without those that have no candidate: they make no line match."""
        if self._candidate is None:
            return first_lines
        # All are searched at once: a call for each takes longer.
        text = b"\n".join(set(first_lines.values()))
        telling = {text[start:end] for start, end in self.candidate_lines(text)}
        return {start: line for start, line in first_lines.items() if line in telling}

    def _is_told(self, line: bytes, first_line: bytes) -> bool:
        """Return whether the query is true for a line if it is for all such lines of its record."""
        return bool(self._inherited) and is_told_by_first_line(line, first_line, self._inherited)

    def _with_continuations(self, text: bytes, first_lines: FirstLines) -> list[tuple[int, int]]:
        """Return the lines with a candidate, and all continuation lines that may match, in order."""
        ends = self._candidate_ends(text)
        for start in self._that_may_tell(first_lines):
            if start not in ends:
                end = text.find(b"\n", start)
                end = len(text) if end < 0 else end
                if self._may_match(text, start, end):
                    ends[start] = end
        return sorted(ends.items())

    def _may_match(self, text: bytes, start: int, end: int) -> bool:
        """Return whether a line may match by its own text, whatever it has from its first line."""
        return self._own_need is None or fulfils_need(text[start:end], self._own_need)

    def matching_lines(
        self,
        text: bytes,
        text_position: TextPosition | None = None,
        first_lines: FirstLines = NO_FIRST_LINES,
    ) -> bytes:
        """Return the matching lines of `text`, which is whole lines, each with its LF."""
        if self.node == EVERYTHING:
            return text if text.endswith(b"\n") or not text else text + b"\n"
        found = b"".join(
            [text[start : end + 1] for start, end in self.find(text, text_position, first_lines)]
        )
        return found if found.endswith(b"\n") or not found else found + b"\n"

    def count(
        self,
        text: bytes,
        text_position: TextPosition | None = None,
        first_lines: FirstLines = NO_FIRST_LINES,
    ) -> int:
        """Return the number of matching lines in `text`, which is whole lines."""
        if self.node == EVERYTHING:
            return number_of_lines(text)
        if self._negated is not None and text_position is None:
            return number_of_lines(text) - self._negated.count(text, None, first_lines)
        if self._exact:
            return self._exact_count(text)
        if self._pattern is not None:
            found, start = self._pattern_lines(text)
            return len(found) + count_lines_with_hit(
                match_start_finder(self._compiled_once(self._pattern)), text, start
            )
        return sum(1 for _ in self.find(text, text_position, first_lines))

    def _candidate_finder(self, text: bytes) -> Hits:
        """Return the function that finds the candidate in `text`."""
        found = self._candidate
        assert found is not None
        if not isinstance(found, str):
            finds = [
                (make_caseless_find(text, one.text) if one.ignore_case else text.find, one.text)
                for one in found
            ]
            return nearest_literal_finder(finds) if len(finds) > 1 else literal_finder(*finds[0])
        return match_start_finder(self._compiled_once(found))

    def _compiled_once(self, pattern: str) -> Search:
        if self._search is None:
            self._search = compile_search(pattern)
        return self._search

    def candidate_lines(
        self, text: bytes, *, in_message: bool = False
    ) -> Iterator[tuple[int, int]]:
        """Yield start and end of each line that contains a candidate, in its message or in its stamp.

        in_message: whether a candidate must be in the message. For an exact query these are the matches.
        """
        if self._candidate is None:
            yield from all_line_spans(text)
            return
        if self._find_offsets is not None and (self._exact or len(text) >= _SMALL):
            yield from line_spans_at(text, self._find_offsets(text).tolist(), in_message=in_message)
            return
        yield from lines_with_hit(self._candidate_finder(text), text, in_message=in_message)

    def _pattern_lines(self, text: bytes) -> tuple[list[tuple[int, int]], int]:
        """Return the lines whose message matches `_pattern`, and the offset up to which all are found.

        If candidates are frequent, RE2 is faster on the whole text than on each candidate's line. Then the
        caller searches from that offset on with RE2 alone, as in the next `_WHOLE_TEXTS` texts.
        """
        assert self._pattern is not None
        if self._at_once:
            self._at_once -= 1
            return [], 0
        search = self._compiled_once(self._pattern)
        hits, find = match_start_finder(search), text.find
        spans: list[tuple[int, int]] = []
        left = len(text) >> _RARE_SHIFT
        for start, end in self.candidate_lines(text):
            if not left:
                self._at_once = _WHOLE_TEXTS
                return spans, start
            left -= 1
            at = search(text, start, end)[0]
            if at >= 0 and (
                find(b" ", start + TIME_LENGTH, at) >= 0
                or has_hit_in_message(text, start, at, end, hits)
            ):
                spans.append((start, end))
        return spans, len(text)

    def _exact_count(self, text: bytes) -> int:
        """Return the number of lines with a candidate in their message. It avoids a slow generator."""
        if self._count_by_offsets is not None:
            return self._count_by_offsets(text)
        return count_lines_with_hit(self._candidate_finder(text), text)


def _inherited_fields(node: Node) -> list[str]:
    """Return of each condition the field that a line may have from its record, "" for another."""
    return [
        leaf.field if isinstance(leaf, Compare | HasField) and leaf.field in INHERITED else ""
        for leaf in leaves(node)
    ]


def _need_of_own_text(node: Node) -> Need | None:
    """Return what a line contains in any case, whatever it has from its first line; None: not certain."""
    parts = node.parts if isinstance(node, And) else (node,)
    own = [
        found
        for part in parts
        if not any(_inherited_fields(part)) and isinstance(found := candidate_of_query(part), tuple)
    ]
    longest = max(own, key=lambda one: min(len(literal.text) for literal in one), default=None)
    return AnyOf(longest) if longest else None


def _asks_for_stamp(node: Node) -> bool:
    return any(getattr(leaf, "field", "") in IN_STAMP for leaf in leaves(node))


def _wanted_levels(node: Node) -> frozenset[str] | None:
    """Return the levels that a query asks for, if it asks for nothing else."""
    if isinstance(node, Compare) and node.field == "level":
        return levels_satisfying(node.op, node.value) or None
    return None


def make_matcher(node: Node) -> Matcher:
    """Return the matcher of `node`."""
    return Matcher(node)
