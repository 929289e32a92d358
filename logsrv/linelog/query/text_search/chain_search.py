"""Finds all matches of a chain in a text at once, with NumPy.

It is apart from byte_chains.py: that knows which expressions are chains, and this where the runs of bytes
are. What `byte_chain_of` has refused must not come here: a step with a choice would give a wrong match.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_arrays import (
    Array,
    first_true_of_words,
    indexes_of_true,
    rows_at,
)
from logsrv.linelog.query.text_search.byte_chains import WORD, ByteChain, table_of
from logsrv.linelog.query.text_search.numpy_search import offsets_of_literals

# Bytes that are looked at behind an offset; and so many LFs stand in front of a text and behind it.
_WIDTH, _EIGHT = 32, 8
# Above so many bytes of rows for one of the text, finding all runs of the text takes less time.
_ROOM = 4
_PADDING = b"\n" * _WIDTH
# A run of so many bytes has eight at a multiple of eight.
_HAS_EIGHT = 15
_EIGHT_TRUE = numpy.ones(8, bool).view("<u8")[0]
_IS_WORD = table_of(WORD)


class Matches(NamedTuple):
    """The matches of a text in their order. unsure: offsets in lines that have to be searched by RE2."""

    begins: Array
    ends: Array
    unsure: Array


def find_matches(chain: ByteChain, text: bytes | memoryview) -> Matches:
    """Return the matches of a chain in a text, which is whole lines."""
    return _ChainSearch(chain, text).find()


class _Runs:
    """The runs of some bytes in a padded text: where each begins and ends, and how far it goes."""

    def __init__(self, text: bytes, codes: Array, allowed: frozenset[int]) -> None:
        self._text, self._codes = text, codes
        self._low, self._size = min(allowed), len(allowed)
        self._is_range = max(allowed) - self._low + 1 == self._size
        self._table = table_of(allowed).tobytes()
        self._others = (~table_of(allowed)).tobytes()

    @cached_property
    def _known(self) -> Array:
        """For each byte of the text, whether it is of the runs."""
        if self._is_range:
            # It takes a seventh of the time that the table would take.
            known: Array = self._codes - numpy.uint8(self._low) < numpy.uint8(self._size)
            return known
        return numpy.frombuffer(self._text.translate(self._table), bool)

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """The offsets at which runs begin, and those at which they end."""
        known = self._known
        changes = indexes_of_true(known[1:] != known[:-1])
        changes += 1
        return changes[::2], changes[1::2]

    def bounds_of_longer(self, least: int) -> tuple[Array, Array]:
        """Return the bounds of the runs of at least so many bytes."""
        begins, ends = self._bounds_by_eights() if least >= _HAS_EIGHT else self.bounds
        if least > 1:
            return _those_of(ends - begins >= least, begins, ends)
        return begins, ends

    def _bounds_by_eights(self) -> tuple[Array, Array]:
        """Return the bounds of the runs that have eight bytes at a multiple of eight.

        Most lines have many short runs of digits, and finding these takes most of the time.
        """
        known = self._known
        words: Array = known[: len(known) // 8 * 8].view("<u8")
        at = numpy.flatnonzero(words == _EIGHT_TRUE)
        is_first, is_last = numpy.ones(len(at), bool), numpy.ones(len(at), bool)
        numpy.not_equal(at[1:], at[:-1] + 1, is_first[1:])
        is_last[:-1] = is_first[1:]
        firsts, lasts = at[is_first], at[is_last]
        # The words beside them have the rest of the run.
        before, behind = ~words[firsts - 1] & _EIGHT_TRUE, ~words[lasts + 1] & _EIGHT_TRUE
        begins = firsts * 8 - first_true_of_words(before.byteswap())
        return begins, lasts * 8 + 8 + first_true_of_words(behind)

    def lengths(self, at: Array, most: int | None) -> Array:
        """Return how many of the bytes stand behind each offset, one after the other.

        most: if there are more than so many, any number above it will do.
        """
        if len(at) * _EIGHT > len(self._text) * _ROOM:
            begins, ends = self._runs_at(at)
            found: Array = numpy.where(begins <= at, ends - at, 0)
            return numpy.maximum(found, 0)
        found, longer = self._near_lengths(at, most)
        if longer is not None:
            found[longer] = self._runs_at(at[longer])[1] - at[longer]
        return found

    def lengths_before(self, at: Array, most: int | None) -> Array:
        """Return the same for the bytes in front of each offset."""
        if len(at) * _EIGHT > len(self._text) * _ROOM:
            begins = self._runs_at(at - 1)[0]
            found: Array = numpy.where(begins < at, at - begins, 0)
            return found
        found, longer = self._near_lengths(at, most, before=True)
        if longer is not None:
            found[longer] = at[longer] - self._runs_at(at[longer] - 1)[0]
        return found

    def _near_lengths(
        self, at: Array, most: int | None, *, before: bool = False
    ) -> tuple[Array, Array | None]:
        """Return these lengths, and the numbers of those that go beyond what is looked at, if they may.

        Eight bytes are looked at, then eight more of the runs that have all of them: most runs are short.
        """
        others = self._others_at(at - _EIGHT).byteswap() if before else self._others_at(at)
        found = first_true_of_words(others)
        longer: Array = numpy.flatnonzero(others == 0)
        for distance in range(_EIGHT, _WIDTH, _EIGHT):
            if not len(longer):
                return found, None
            if most is not None and most < distance:
                found[longer] = distance
                return found, None
            if before:
                others = self._others_at(at[longer] - distance - _EIGHT).byteswap()
            else:
                others = self._others_at(at[longer] + distance)
            found[longer] = first_true_of_words(others) + distance
            longer = longer[others == 0]
        return found, longer if len(longer) else None

    def _others_at(self, at: Array) -> Array:
        """Return for each offset a word of the next eight bytes: 1 for those that are not of the run."""
        rows = rows_at(self._codes, at, _EIGHT)
        if self._is_range:
            are_others: Array = rows - numpy.uint8(self._low) >= numpy.uint8(self._size)
            return are_others.view("<u8")[:, 0]
        return numpy.frombuffer(rows.tobytes().translate(self._others), "<u8")

    def _runs_at(self, at: Array) -> tuple[Array, Array]:
        """Return the bounds of the first run that ends behind each offset; the end of the text for none."""
        begins, ends = self.bounds
        number = numpy.searchsorted(ends, at, "right")
        if len(number) and number.max() == len(ends):
            begins, ends = (numpy.append(one, len(self._text)) for one in (begins, ends))
        return begins[number], ends[number]


def _those_of(are_left: Array, one: Array, other: Array) -> tuple[Array, Array]:
    """Return both arrays with the values that are left. Mostly all are, and no copy is made."""
    return (one, other) if are_left.all() else (one[are_left], other[are_left])


class _ChainSearch:
    """The search of a chain in one text."""

    def __init__(self, chain: ByteChain, text: bytes | memoryview) -> None:
        self._chain, self._steps = chain, chain.steps
        # Rows of bytes may begin in front of the first line, and end behind the last one.
        self._text = b"".join((_PADDING, text, _PADDING))
        self._codes: Array = numpy.frombuffer(self._text, numpy.uint8)
        self._runs: dict[frozenset[int], _Runs] = {}
        self._suffixes: dict[int, tuple[Array, Array]] = {}

    def find(self) -> Matches:
        begins, at, index, unsure = self._beginnings()
        rows, ends = self._follow(index, at)
        if len(rows) < len(begins):
            begins = begins[rows]
        touching = begins[1:][begins[1:] <= ends[:-1]]
        if len(touching):
            unsure = numpy.concatenate((unsure, touching))
        return Matches(begins - _WIDTH, ends - _WIDTH, unsure - _WIDTH)

    def _beginnings(self) -> tuple[Array, Array, int, Array]:
        """Return where matches may begin, where they go on, at which step, and what is unsure."""
        chain, first = self._chain, self._steps[0]
        nothing: Array = numpy.zeros(0, numpy.intp)
        if not chain.begins_by_runs and chain.literal is not None:
            begins = offsets_of_literals(self._text, (chain.literal,))
            return begins, begins + len(chain.literal.text), chain.literal_steps, nothing
        if chain.begins_before:
            ends = self._offsets_of(1)
            lengths = self._runs_of(0).lengths_before(ends, first.most)
            those = lengths >= first.least
            if chain.leads and first.most is not None:
                those &= lengths <= first.most
            lengths, ends = _those_of(those, lengths, ends)
            if first.most is not None:
                lengths = numpy.minimum(lengths, first.most)
            begins = ends - lengths
            begins, ends = self._at_boundaries(begins, ends)
            return begins, ends, 1, nothing
        begins, ends = self._runs_of(0).bounds_of_longer(first.least)
        if chain.leads:
            begins, ends = self._at_boundaries(begins, ends)
            return self._first_step(begins, ends, nothing)
        if not chain.begins_by_runs:
            # It may read to the end of the run, and goes back from there.
            return begins, begins, 0, nothing
        if first.most is None:
            return begins, ends, 1, nothing
        unsure = nothing
        if not chain.trails and not chain.has_to_go_on(0):
            # There may be several matches in a run.
            unsure = begins[ends - begins > first.most]
        return numpy.maximum(begins, ends - first.most), ends, 1, unsure

    def _at_boundaries(self, begins: Array, ends: Array) -> tuple[Array, Array]:
        """Return those of these runs of the first step that begin where the chain may."""
        if not self._chain.leads:
            return begins, ends
        # The bytes of the step are all of words, or none is.
        those = _IS_WORD[self._codes[begins - 1]] != (self._steps[0].allowed <= WORD)
        return _those_of(those, begins, ends)

    def _first_step(
        self, begins: Array, ends: Array, nothing: Array
    ) -> tuple[Array, Array, int, Array]:
        """Return the same behind the first step, which begins with each of these runs."""
        first = self._steps[0]
        if first.most is None and self._chain.next_differs(0):
            return begins, ends, 1, nothing
        if first.is_fixed and len(self._steps) > 1:
            return begins, begins + first.least, 1, nothing
        if first.most is not None and self._chain.trails and len(self._steps) == 1:
            begins, ends = _those_of(ends - begins <= first.most, begins, ends)
            return begins, ends, 1, nothing
        return begins, begins, 0, nothing

    def _follow(self, index: int, at: Array) -> tuple[Array, Array]:
        """Return at which of these offsets the chain goes on from a step to its end, and these ends."""
        rows: Array = numpy.arange(len(at))
        for number in range(index, len(self._steps)):
            if not len(at):
                return rows, at
            step = self._steps[number]
            if step.least == step.most == 1 and self._has_next(number):
                those, ends = self._chain.tables[number][self._codes[at]], at + 1
            elif not step.is_fixed and not self._chain.next_differs(number):
                those, ends = self._go_back(number, at)
                return rows[those], ends[those]
            else:
                those, ends = self._read_run(number, at)
            rows, at = _those_of(those, rows, ends)
        if self._chain.trails:
            those = _IS_WORD[self._codes[at]] != (self._steps[-1].allowed <= WORD)
            rows, at = _those_of(those, rows, at)
        return rows, at

    def _has_next(self, number: int) -> bool:
        return number + 1 < len(self._steps) or not self._chain.trails

    def _read_run(self, number: int, at: Array) -> tuple[Array, Array]:
        step, chain = self._steps[number], self._chain
        lengths = self._runs_of(number).lengths(at, step.most)
        those = lengths >= step.least
        if step.most is not None:
            is_last = number + 1 == len(self._steps)
            if (is_last and chain.trails) or (not step.is_fixed and chain.has_to_go_on(number)):
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
