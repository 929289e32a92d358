r"""Expressions that are chains of runs of bytes, of which NumPy finds all matches of a text at once.

`\b\d{16}\b`, `\d{1,3}(\.\d{1,3}){3}`, `password=[^ ]+` and `[\w.+-]+@[\w.-]+\.[a-z]{2,}` are such chains:
each of their steps is a number of bytes of one class. RE2 takes 0.6 µs for a match, as Python calls it for
each; a chain takes a tenth. A step is read without choice: to the end of its run of bytes, as no byte of
the run may begin what follows. One choice is allowed: a step goes on at the last of a few places, such as
the dots in `[\w.-]+\.`.

A chain gives the same as RE2 does in each line alone. Where a match touches another, the next match may
begin in the middle of a run: such lines are left to RE2. Expressions that are no chains are, too.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import Array, indexes_of_true, rows_at
from logsrv.linelog.query.text_search.engine import compile_search
from logsrv.linelog.query.text_search.literals import Literal
from logsrv.linelog.query.text_search.numpy_search import offsets_of_literals
from logsrv.linelog.query.text_search.pattern_fold import fold_pattern

MOST_STEPS = 64
"""A longer chain is left to RE2."""
# The most repetitions of a byte in the literal at the beginning.
_LONGEST_REPEATED = 8
# Different bytes of a step that may begin in the middle of a run.
_RARE = 4
# Bytes that are looked at behind an offset; and so many LFs stand in front of a text and behind it.
_WIDTH = 32
# Above so many bytes of rows for one of the text, finding all runs of the text takes less time.
_ROOM = 4
_LF = ord("\n")
_PADDING = b"\n" * _WIDTH
_WORD = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_OUTSIDE_ASCII = frozenset(range(0x80, 0x100))
# Parts of a class that have some of the characters outside ASCII, and not all.
_SOME_OUTSIDE = re.compile(r"\\[pP]|\\x\{(?:[89a-f][0-9a-f]|[0-9a-f]{3,})\}|[^\x00-\x7f]")


class _Step(NamedTuple):
    """`least` to `most` of the `allowed` bytes; most: None without a limit."""

    allowed: frozenset[int]
    least: int = 1
    most: int | None = 1

    @property
    def is_fixed(self) -> bool:
        return self.least == self.most

    @property
    def counts_characters(self) -> bool:
        """True if a number of bytes is not the same as that number of characters, such as of `é`."""
        return not _OUTSIDE_ASCII.isdisjoint(self.allowed) and (
            len(self.allowed) > 1 and (self.least > 1 or self.most is not None)
        )


_BOUNDARY = _Step(frozenset(), 0, 0)
_Steps = tuple[_Step, ...]


class Matches(NamedTuple):
    """The matches of a text in their order. unsure: offsets in lines that have to be searched by RE2."""

    begins: Array
    ends: Array
    unsure: Array


class ByteChain:
    """A chain that finds its matches. Made by `byte_chain_of`.

    steps: without boundaries. leads, trails: whether it begins and ends at a boundary of a word.
    """

    def __init__(self, steps: _Steps, *, leads: bool, trails: bool) -> None:
        self.steps, self.leads, self.trails = steps, leads, trails
        self.needs_utf8 = any(0x80 in step.allowed for step in steps)
        """True if the chain finds nothing in a text with bytes that are not UTF-8."""
        self.needs_ascii = any(step.counts_characters for step in steps)
        """True if the chain counts bytes where RE2 counts characters: it is only for ASCII."""
        self._tables = [_table_of(step.allowed) for step in steps]
        self._literal, self._literal_steps = _beginning_of(steps)
        self._begins_by_runs = leads or self._next_differs(0)
        self._begins_before = (
            self._begins_by_runs and self._may_go_back(0) and self._next_differs(0)
        )

    @property
    def is_possible(self) -> bool:
        """True if each step is read without choice."""
        first, last = self.steps[0], self.steps[-1]
        if not first.least or (self.leads and not _is_uniform(first.allowed)):
            return False
        if self.trails and not (last.least and _is_uniform(last.allowed)):
            return False
        if not self._begins_by_runs:
            has_start = self._literal is not None or (first.most is None and self._may_go_back(0))
            if not has_start:
                return False
        return all(
            self.steps[index].is_fixed or self._next_differs(index) or self._may_go_back(index)
            for index in range(len(self.steps))
        )

    def _next_differs(self, index: int) -> bool:
        """Return whether no byte of a step may begin what follows it."""
        allowed = self.steps[index].allowed
        for step in self.steps[index + 1 :]:
            if not allowed.isdisjoint(step.allowed):
                return False
            if step.least:
                break
        return True

    def _has_to_go_on(self, index: int) -> bool:
        """Return whether a step of at least one byte follows."""
        return any(step.least for step in self.steps[index + 1 :])

    def _may_go_back(self, index: int) -> bool:
        """Return whether what follows a step begins at few places."""
        if index + 1 >= len(self.steps):
            return False
        following = self.steps[index + 1]
        return following.is_fixed and following.least == 1 and len(following.allowed) <= _RARE

    def find(self, text: bytes) -> Matches:
        """Return the matches in a text, which is whole lines."""
        return _ChainSearch(self, text).find()


def byte_chain_of(exact: str) -> ByteChain | None:
    """Return the chain that an `exact` pattern is, or None if it is none."""
    steps = fold_pattern(exact, values=_steps_of, repeated=_repeated, either=_either)
    if steps is None:
        return None
    leads, trails = steps[:1] == (_BOUNDARY,), steps[-1:] == (_BOUNDARY,)
    steps = steps[leads : len(steps) - trails]
    if not steps or _BOUNDARY in steps or len(steps) > MOST_STEPS:
        return None
    chain = ByteChain(_joined_steps(steps), leads=leads, trails=trails)
    return chain if chain.is_possible else None


def _steps_of(token: re.Match[str]) -> list[_Steps | None]:
    text = token[0]
    if token.lastgroup == "plain":
        return [(_Step(frozenset((byte,))),) for byte in text.encode()]
    if token.lastgroup == "flags":
        return [None]
    if text == r"\b":
        return [(_BOUNDARY,)]
    if text in (r"\B", r"\A", r"\z") or _SOME_OUTSIDE.search(text):
        return [None]
    search = compile_search(text)
    allowed = {byte for byte in range(0x80) if search(bytes((byte,)), 0, 1) == (0, 1)} - {_LF}
    if search("é".encode(), 0, 2) == (0, 2):
        allowed |= _OUTSIDE_ASCII
    return [(_Step(frozenset(allowed)),) if allowed else None]


def _repeated(steps: _Steps | None, token: re.Match[str]) -> _Steps | None:
    text = token[0]
    if steps is None or _BOUNDARY in steps:
        return None
    if token["least"] is None:
        least, most = int(text[0] == "+"), 1 if text[0] == "?" else None
    else:
        least = int(token["least"])
        most = (int(token["most"]) if token["most"] else None) if token["more"] else least
    if least == most:
        is_one = len(steps) == 1 and steps[0].is_fixed
        if is_one:
            return (_Step(steps[0].allowed, steps[0].least * least, steps[0].least * least),)
        return steps * least if len(steps) * least <= MOST_STEPS else None
    # A lazy part ends as soon as it can.
    is_lazy = len(text) > 1 and text[-1] == "?"
    if is_lazy or len(steps) != 1 or (steps[0].least, steps[0].most) != (1, 1):
        return None
    return (_Step(steps[0].allowed, least, most),)


def _either(branches: list[list[_Steps | None]]) -> _Steps | None:
    if len(branches) > 1:
        return None
    found: _Steps = ()
    for steps in branches[0]:
        if steps is None:
            return None
        found += steps
    return found


def _joined_steps(steps: _Steps) -> _Steps:
    """Return the steps with neighbours of the same bytes as one."""
    found: list[_Step] = []
    for step in steps:
        if step.most == 0:
            continue
        if found and found[-1].allowed == step.allowed:
            last = found.pop()
            both_end = last.most is not None and step.most is not None
            most = last.most + step.most if both_end else None  # type: ignore[operator]
            step = _Step(step.allowed, last.least + step.least, most)
        found.append(step)
    return tuple(found)


def _is_uniform(allowed: frozenset[int]) -> bool:
    """Return whether all of these bytes are of words, or none is: so no boundary is between two."""
    return allowed <= _WORD or allowed.isdisjoint(_WORD)


def _beginning_of(steps: _Steps) -> tuple[Literal | None, int]:
    """Return the literal with which each match begins, None for none, and the number of its steps."""
    texts: list[bytes] = []
    ignore_case, number = False, 0
    for step in steps:
        letters = {bytes((byte,)).lower() for byte in step.allowed}
        if not step.is_fixed or len(letters) > 1 or step.least > _LONGEST_REPEATED:
            break
        [letter] = letters
        # A letter in one case alone is no part of a literal that ignores case.
        is_folded = len(step.allowed) == 2
        if (
            letter.isalpha()
            and texts
            and ignore_case != is_folded
            and any(map(bytes.isalpha, texts))
        ):
            break
        ignore_case = ignore_case or is_folded
        texts.append((letter if is_folded else bytes(step.allowed)) * step.least)
        number += 1
    return (Literal(b"".join(texts), ignore_case), number) if texts else (None, 0)


def _table_of(allowed: frozenset[int]) -> Array:
    table: Array = numpy.zeros(256, bool)
    table[list(allowed)] = True
    return table


_IS_WORD = _table_of(_WORD)


class _Runs:
    """The runs of some bytes in a padded text: where each begins and ends, and how far it goes."""

    def __init__(self, text: bytes, codes: Array, allowed: frozenset[int]) -> None:
        self._text, self._codes = text, codes
        self._low, self._size = min(allowed), len(allowed)
        self._is_range = max(allowed) - self._low + 1 == self._size
        self._table = _table_of(allowed).tobytes()

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """The offsets at which runs begin, and those at which they end."""
        if self._is_range:
            # Without the table it takes a seventh of the time.
            known = self._codes - numpy.uint8(self._low) < numpy.uint8(self._size)
        else:
            known = numpy.frombuffer(self._text.translate(self._table), bool)
        changes = indexes_of_true(known[1:] != known[:-1])
        changes += 1
        return changes[::2], changes[1::2]

    def lengths(self, at: Array, most: int | None) -> Array:
        """Return how many of the bytes stand behind each offset, one after the other.

        most: if there are more than so many, any number above it will do.
        """
        width = _width_for(most)
        if len(at) * width > len(self._text) * _ROOM:
            begins, ends = self._runs_at(at)
            found: Array = numpy.where(begins <= at, ends - at, 0)
            return numpy.maximum(found, 0)
        known = self._rows(at, width)
        found = known.argmin(1)
        if len(longer := numpy.flatnonzero(known[:, 0] & (found == 0))):
            found[longer] = width
            if most is None or most >= width:
                found[longer] = self._runs_at(at[longer])[1] - at[longer]
        return found

    def lengths_before(self, at: Array, most: int | None) -> Array:
        """Return the same for the bytes in front of each offset."""
        width = _width_for(most)
        if len(at) * width > len(self._text) * _ROOM:
            begins = self._runs_at(at - 1)[0]
            found: Array = numpy.where(begins < at, at - begins, 0)
            return found
        known = self._rows(at - width, width)[:, ::-1]
        found = known.argmin(1)
        if len(longer := numpy.flatnonzero(known[:, 0] & (found == 0))):
            found[longer] = width
            if most is None or most >= width:
                found[longer] = at[longer] - self._runs_at(at[longer] - 1)[0]
        return found

    def _rows(self, at: Array, width: int) -> Array:
        """Return for each offset which of the next bytes are of the run."""
        rows = rows_at(self._codes, at, width).tobytes().translate(self._table)
        known: Array = numpy.frombuffer(rows, bool).reshape(-1, width)
        return known

    def _runs_at(self, at: Array) -> tuple[Array, Array]:
        """Return the bounds of the first run that ends behind each offset; the end of the text for none."""
        begins, ends = self.bounds
        number = numpy.searchsorted(ends, at, "right")
        if len(number) and number.max() == len(ends):
            begins, ends = (numpy.append(one, len(self._text)) for one in (begins, ends))
        return begins[number], ends[number]


def _width_for(most: int | None) -> int:
    """Return how many bytes are looked at behind an offset; nearly all runs are shorter."""
    return next((width for width in (8, 16) if most is not None and most < width), _WIDTH)


class _ChainSearch:
    """The search of a chain in one text."""

    def __init__(self, chain: ByteChain, text: bytes) -> None:
        self._chain, self._steps = chain, chain.steps
        # Rows of bytes may begin in front of the first line, and end behind the last one.
        self._text = _PADDING + text + _PADDING
        self._codes: Array = numpy.frombuffer(self._text, numpy.uint8)
        self._runs: dict[frozenset[int], _Runs] = {}
        self._suffixes: dict[int, tuple[Array, Array]] = {}

    def find(self) -> Matches:
        begins, at, index, unsure = self._beginnings()
        rows, ends = self._follow(index, at)
        begins = begins[rows]
        touching = begins[1:][begins[1:] <= ends[:-1]]
        if len(touching):
            unsure = numpy.concatenate((unsure, touching))
        return Matches(begins - _WIDTH, ends - _WIDTH, unsure - _WIDTH)

    def _beginnings(self) -> tuple[Array, Array, int, Array]:
        """Return where matches may begin, where they go on, at which step, and what is unsure."""
        chain, first = self._chain, self._steps[0]
        nothing: Array = numpy.zeros(0, numpy.intp)
        if not chain._begins_by_runs and chain._literal is not None:
            begins = offsets_of_literals(self._text, (chain._literal,))
            return begins, begins + len(chain._literal.text), chain._literal_steps, nothing
        if chain._begins_before:
            ends = self._offsets_of(1)
            lengths = self._runs_of(0).lengths_before(ends, first.most)
            those = lengths >= first.least
            if chain.leads and first.most is not None:
                those &= lengths <= first.most
            if not those.all():
                lengths, ends = lengths[those], ends[those]
            if first.most is not None:
                lengths = numpy.minimum(lengths, first.most)
            begins = ends - lengths
            if chain.leads:
                others = self._are_at_boundary(begins)
                begins, ends = begins[others], ends[others]
            return begins, ends, 1, nothing
        begins, ends = self._runs_of(0).bounds
        if first.least > 1:
            those = ends - begins >= first.least
            begins, ends = begins[those], ends[those]
        if chain.leads:
            others = self._are_at_boundary(begins)
            return self._first_step(begins[others], ends[others], nothing)
        if not chain._begins_by_runs:
            # It may read to the end of the run, and goes back from there.
            return begins, begins, 0, nothing
        if first.most is None:
            return begins, ends, 1, nothing
        unsure = nothing
        if not chain.trails and not chain._has_to_go_on(0):
            # There may be several matches in a run.
            unsure = begins[ends - begins > first.most]
        return numpy.maximum(begins, ends - first.most), ends, 1, unsure

    def _are_at_boundary(self, at: Array) -> Array:
        found: Array = _IS_WORD[self._codes[at]] != _IS_WORD[self._codes[at - 1]]
        return found

    def _first_step(
        self, begins: Array, ends: Array, nothing: Array
    ) -> tuple[Array, Array, int, Array]:
        """Return the same behind the first step, which begins with each of these runs."""
        first = self._steps[0]
        if first.most is None and self._chain._next_differs(0):
            return begins, ends, 1, nothing
        if first.is_fixed and len(self._steps) > 1:
            return begins, begins + first.least, 1, nothing
        if first.most is not None and self._chain.trails and len(self._steps) == 1:
            those = ends - begins <= first.most
            return begins[those], ends[those], 1, nothing
        return begins, begins, 0, nothing

    def _follow(self, index: int, at: Array) -> tuple[Array, Array]:
        """Return at which of these offsets the chain goes on from a step to its end, and these ends."""
        rows: Array = numpy.arange(len(at))
        for number in range(index, len(self._steps)):
            if not len(at):
                return rows, at
            step = self._steps[number]
            if step.least == step.most == 1 and self._has_next(number):
                those, ends = self._chain._tables[number][self._codes[at]], at + 1
            elif not step.is_fixed and not self._chain._next_differs(number):
                those, ends = self._go_back(number, at)
                return rows[those], ends[those]
            else:
                those, ends = self._read_run(number, at)
            if not those.all():
                rows, ends = rows[those], ends[those]
            at = ends
        if self._chain.trails:
            those = self._are_at_boundary(at)
            rows, at = rows[those], at[those]
        return rows, at

    def _has_next(self, number: int) -> bool:
        return number + 1 < len(self._steps) or not self._chain.trails

    def _read_run(self, number: int, at: Array) -> tuple[Array, Array]:
        step, chain = self._steps[number], self._chain
        lengths = self._runs_of(number).lengths(at, step.most)
        those = lengths >= step.least
        if step.most is not None:
            is_last = number + 1 == len(self._steps)
            if (is_last and chain.trails) or (not step.is_fixed and chain._has_to_go_on(number)):
                # The run goes on where something else has to.
                those &= lengths <= step.most
            else:
                lengths = numpy.minimum(lengths, step.most)
        return those, at + lengths

    def _go_back(self, number: int, at: Array) -> tuple[Array, Array]:
        """Read a run, then go back to the last place where what follows has a match."""
        step = self._steps[number]
        lengths = self._runs_of(number).lengths(at, step.most)
        if step.most is not None:
            lengths = numpy.minimum(lengths, step.most)
        if number not in self._suffixes:
            known = self._offsets_of(number + 1)
            rows, ends = self._follow(number + 1, known)
            self._suffixes[number] = known[rows], ends
        entries, ends = self._suffixes[number]
        if not len(entries):
            return numpy.zeros(len(at), bool), at
        last = numpy.searchsorted(entries, at + lengths, "right") - 1
        those = (last >= 0) & (entries[last] >= at + step.least) & (lengths >= step.least)
        return those, ends[last]

    def _offsets_of(self, number: int) -> Array:
        """Return the offsets of all bytes of a step."""
        allowed = self._steps[number].allowed
        found = self._codes == min(allowed)
        for byte in sorted(allowed)[1:]:
            found |= self._codes == byte
        return indexes_of_true(found)

    def _runs_of(self, number: int) -> _Runs:
        allowed = self._steps[number].allowed
        if allowed not in self._runs:
            self._runs[allowed] = _Runs(self._text, self._codes, allowed)
        return self._runs[allowed]
