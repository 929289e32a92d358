"""Masks: `(masked)` instead of each match of an expression, in a whole block at once (sans-IO).

A mask sees the text as it will be stored, without the stamp, and no match goes over a line's end: so a
block gives what each of its lines would give alone. Most blocks have no match, and must cost little. So a
mask first looks for what each match contains: a literal, or a row of few different bytes such as digits,
found with NumPy in a fifth of the time that RE2 takes. Only if neither is known, or if the places with it
are many, the whole block is searched: by RE2, or at once by NumPy if the expression is a chain of runs such
as digits (`byte_chains.py`). RE2 is as fast where few match, if they begin with a literal; where many
match, it is slower with each expression, as Python calls it for each match.

A sender must not make others wait by a line that he has made for an expression. With some, each match may
read the line to its end (see `far_looks.py`). So of these few matches of a line are looked for, and then
all that is left of the line is masked: nothing that may be a match is stored.

In a stored line, a line feed inside a record is `\\x0a`, or `\\n` in JSON. With its letter in front, a
number that stood alone would be a part of a word, and `\\b\\d{16}\\b` would not find it; with the digits of
`\\x00` in front, the last two of `\\d{16}` would be stored. So an expression with `\\b` or a class is also
searched for in the text with backslashes for the letters of escapes; what either finds is masked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from logsrv.linelog.batch import Block
from logsrv.linelog.intake.filter_options import FilterCounts
from logsrv.linelog.intake.replacing import Spans, as_lists, replace_spans
from logsrv.linelog.query.candidates import candidate_of_query
from logsrv.linelog.query.question import Regex
from logsrv.linelog.query.text_search.byte_chains import ByteChain, byte_chain_of
from logsrv.linelog.query.text_search.byte_runs import ByteRun, byte_run_of
from logsrv.linelog.query.text_search.chain_search import find_matches
from logsrv.linelog.query.text_search.engine import (
    TOKEN,
    compile_group_search,
    compile_search,
    group_names,
)
from logsrv.linelog.query.text_search.expression import (
    CompiledExpression,
    compile_expression,
    pattern_in_lines,
)
from logsrv.linelog.query.text_search.far_looks import may_look_far
from logsrv.linelog.query.text_search.literals import Literals, required_literals
from logsrv.linelog.query.text_search.numpy_search import offsets_of_literals

_Lists: TypeAlias = tuple[list[int], list[int]]
_Offsets: TypeAlias = Callable[[bytes], Sequence[int]]
# Bytes. In less text, RE2 is faster than a first look by NumPy.
_SMALL = 4 << 10
# Matches that RE2 finds in the time that NumPy takes in any case.
_MANY = 64
# Bytes of lines that a chain is searched in at once: a read of 256 KiB, and the line that it ends.
_PIECE = 320 << 10
# With more than one candidate in so many bytes, the whole block is searched, and the next `_WHOLE_BLOCKS`:
# 2**10 if RE2 does it, and 2**14 if a chain does, which takes a fifth of the time.
_RARE_SHIFT, _RARE_SHIFT_OF_CHAIN = 10, 14
_WHOLE_BLOCKS = 16
# With more than one unsure match in 2**3, RE2 searches all lines.
_UNSURE_SHIFT = 3
MOST_FAR_LOOKS = 256
"""Matches of a line that may read it to its end."""
# Bytes that they may read of a line together. RE2 needs 20 ms for them.
_MOST_READ = 16 << 20
# An escape that makes one word with what follows it.
_JOINED_ESCAPE = re.compile(rb"\\(?:[bfnrtv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})(?=[0-9A-Za-z_])")


class Mask:
    """A mask of one listener, made of the pattern of its expression. Raises WrongExpression."""

    def __init__(self, pattern: str) -> None:
        expression = compile_expression(pattern)
        in_lines = pattern_in_lines(expression.exact)
        self._search_groups = compile_group_search(in_lines) if group_names(pattern) else None
        self._search = compile_search(in_lines)
        # Letters and digits of an escape may be a part of a match, or make one impossible.
        self._sees_escapes = any(map(_is_class_or_boundary, TOKEN.finditer(expression.exact)))
        self._looks_far = may_look_far(expression.exact)
        is_limited = self._looks_far or self._search_groups is not None
        self._chain = None if is_limited else byte_chain_of(expression.exact)
        # RE2 looks for a text at the beginning of each match as fast as for a byte.
        self._is_chain_faster = self._chain is not None and self._chain.literal is None
        self._rare_shift = _RARE_SHIFT_OF_CHAIN if self._is_chain_faster else _RARE_SHIFT
        self._candidates = _candidate_finder(pattern, expression)
        # Matches for each byte of the last block that was searched whole.
        self._density = 0.0
        # The number of the next blocks that are searched whole, as the last one had many candidates.
        self._blocks_to_search_whole = 0

    def spans(self, text: bytes, start: int, stop: int) -> Spans:
        """Return the parts to mask of text[start:stop], which is whole lines."""
        if self._candidates is None or stop - start < _SMALL:
            return self._spans_in(text, start, stop)
        if self._is_chain_faster and self._density * (1 << self._rare_shift) > 1:
            return self._spans_in(text, start, stop)
        if self._blocks_to_search_whole:
            self._blocks_to_search_whole -= 1
            return self._spans_in(text, start, stop)
        offsets = self._candidates(text)
        if len(offsets) > (stop - start) >> self._rare_shift:
            self._blocks_to_search_whole = _WHOLE_BLOCKS
            return self._spans_in(text, start, stop)
        begins, ends = _no_spans()
        end = start
        for offset in offsets:
            if end <= offset < stop:
                begin = text.rfind(b"\n", start, offset) + 1 or start
                end = text.index(b"\n", offset) + 1
                more_begins, more_ends = as_lists(self._spans_in(text, begin, end))
                begins += more_begins
                ends += more_ends
        return begins, ends

    def _spans_in(self, text: bytes, start: int, stop: int) -> Spans:
        found = self._spans_as_it_is(text, start, stop)
        if self._sees_escapes and text.find(b"\\", start, stop) >= 0:
            lines = text[start:stop]
            apart = _JOINED_ESCAPE.sub(lambda escape: b"\\" * len(escape[0]), lines)
            if apart != lines:
                begins, ends = as_lists(self._spans_as_it_is(apart, 0, len(apart)))
                others = [start + begin for begin in begins], [start + end for end in ends]
                mine = as_lists(found)
                return _joined(mine, others) if mine != others else mine
        return found

    def _spans_as_it_is(self, text: bytes, start: int, stop: int) -> Spans:
        size = stop - start
        if self._chain is None or size < _SMALL:
            return self._spans_by_re2(text, start, stop)
        found: Spans
        if not self._is_chain_faster and size * self._density < _MANY:
            found = self._spans_by_re2(text, start, stop)
        elif size <= _PIECE:
            found = self._spans_by_chain(text, start, stop, self._chain)
        else:
            found = self._spans_of_pieces(text, start, stop, self._chain)
        self._density = len(found[0]) / size
        return found

    def _spans_of_pieces(self, text: bytes, start: int, stop: int, chain: ByteChain) -> Spans:
        begins, ends = _no_spans()
        while start < stop:
            cut = stop
            if stop - start > _PIECE:
                cut = text.rfind(b"\n", start, start + _PIECE) + 1 or text.index(b"\n", start) + 1
            more_begins, more_ends = as_lists(self._spans_by_chain(text, start, cut, chain))
            begins += more_begins
            ends += more_ends
            start = cut
        return begins, ends

    def _spans_by_chain(self, text: bytes, start: int, stop: int, chain: ByteChain) -> Spans:
        """Return the parts of some lines, found by NumPy; RE2 searches those of which it is unsure."""
        # A single line that is so long would take as much memory again for each of its bytes.
        if stop - start > _PIECE or (chain.needs_utf8 and not _can_search(chain, text[start:stop])):
            return self._spans_by_re2(text, start, stop)
        matches = find_matches(chain, memoryview(text)[start:stop])
        if len(matches.unsure) > len(matches.begins) >> _UNSURE_SHIFT:
            # RE2 needs less for all lines at once than for each of so many.
            return self._spans_by_re2(text, start, stop)
        found = matches.begins + start, matches.ends + start
        if not len(matches.unsure):
            return found
        begins, ends = as_lists(found)
        line_end = 0
        for at in sorted((matches.unsure + start).tolist()):
            if at >= line_end:
                line = text.rfind(b"\n", start, at) + 1 or start
                line_end = text.index(b"\n", at) + 1
                first, behind = bisect_left(begins, line), bisect_left(begins, line_end)
                begins[first:behind], ends[first:behind] = self._spans_by_re2(text, line, line_end)
        return begins, ends

    def _spans_by_re2(self, text: bytes, start: int, stop: int) -> _Lists:
        search = self._search
        begins, ends = _no_spans()
        # Far looks in the line that ends at `line_end`, and the bytes that they may still read.
        line_end, looks, left = start, 0, 0
        begin, end = search(text, start, stop)
        while begin >= 0:
            if self._looks_far:
                if begin >= line_end:
                    line_end = text.index(b"\n", begin)
                    looks, left = 0, _MOST_READ
                if looks == MOST_FAR_LOOKS or left <= 0:
                    begins.append(begin)
                    ends.append(line_end)
                    start = line_end
                    begin, end = search(text, start, stop)
                    continue
                looks += 1
                left -= line_end - begin
            # `pattern_of_mask` has refused expressions with an empty match: with one, this would never end.
            if self._search_groups is None:
                begins.append(begin)
                ends.append(end)
            else:
                last = begin
                for first, behind in sorted(self._search_groups(text, begin, stop)[1:]):
                    # A group in another is masked with it.
                    if first >= last and behind > first:
                        begins.append(first)
                        ends.append(behind)
                        last = behind
            start = end
            begin, end = search(text, start, stop)
        return begins, ends


def _is_class_or_boundary(token: re.Match[str]) -> bool:
    """Return whether a part of a pattern matches one of several letters or digits, or is `\\b`."""
    # `[Aa]` is a letter in either case.
    is_class = token.lastgroup == "class" and len(token[0]) > len("[Aa]")
    return (
        is_class
        or token[0] in (r"\b", r"\d", r"\w", ".")
        or token.lastgroup in ("many", "property")
    )


def _no_spans() -> _Lists:
    return [], []


def _can_search(chain: ByteChain, lines: bytes) -> bool:
    """Return whether a chain finds the same as RE2 in some lines, with characters beyond ASCII."""
    if lines.isascii():
        return True
    try:
        return not chain.needs_ascii and bool(lines.decode())
    except UnicodeDecodeError:
        return False


def _joined(spans: _Lists, others: _Lists) -> _Lists:
    """Return the parts that are in either, in order; those that overlap are one."""
    begins, ends = _no_spans()
    some = sorted([*zip(*spans, strict=True), *zip(*others, strict=True)])
    for begin, end in some:
        if ends and begin < ends[-1]:
            ends[-1] = max(end, ends[-1])
        else:
            begins.append(begin)
            ends.append(end)
    return begins, ends


def _candidate_finder(pattern: str, expression: CompiledExpression) -> _Offsets | None:
    """Return the function that finds, in order, a place in each line that may match.

    None if RE2 alone is as fast.
    """
    if expression.begins:
        return None
    literals = candidate_of_query(Regex(pattern))
    if isinstance(literals, tuple):
        return partial(_literal_offsets, literals=literals)
    if (run := byte_run_of(expression.exact)) is not None:
        return partial(_run_offsets, run=run)
    if required := required_literals(expression.need):
        best = max(required, key=lambda one: len(one.text))
        return partial(_literal_offsets, literals=(best,))
    return None


def _run_offsets(text: bytes, run: ByteRun) -> Sequence[int]:
    found: list[int] = run.offsets(text).tolist()
    return found


def _literal_offsets(text: bytes, literals: Literals) -> Sequence[int]:
    found: list[int] = offsets_of_literals(text, literals).tolist()
    return found


class Masks:
    """The masks of a listener, which are applied in their order, each to what the one before has left."""

    def __init__(self, patterns: Sequence[str], counts: FilterCounts) -> None:
        self._masks = [Mask(pattern) for pattern in patterns]
        self._counts = counts

    def apply(self, block: Block) -> Block:
        """Return the block with its parts masked; the same one if there are none."""
        for mask in self._masks:
            head, lines = block.head, None
            if head and len((spans := mask.spans(head, 0, len(head)))[0]):
                head = self._replace(head, 0, len(head), spans)
            if len((spans := mask.spans(block.body, block.start, block.stop))[0]):
                lines = self._replace(block.body, block.start, block.stop, spans)
            if lines is not None:
                block = Block(head, lines, 0, len(lines))
            elif head is not block.head:
                block = Block(head, block.body, block.start, block.stop)
        return block

    def _replace(self, text: bytes, start: int, stop: int, spans: Spans) -> bytes:
        replaced, masked_bytes = replace_spans(text, start, stop, spans)
        self._counts.masked += len(spans[0])
        self._counts.masked_bytes += masked_bytes
        return replaced
