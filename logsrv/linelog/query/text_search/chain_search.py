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
    first_true_of_eight,
    indexes_of_true,
    rows_at,
)
from logsrv.linelog.query.text_search.byte_chains import WORD, ByteChain, table_of
from logsrv.linelog.query.text_search.numpy_search import offsets_of_literals

# Bytes that are looked at behind an offset; and so many LFs stand in front of a text and behind it.
_WIDTH = 32
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


def find_matches(chain: ByteChain, text: bytes) -> Matches:
    """Return the matches of a chain in a text, which is whole lines."""
    return _ChainSearch(chain, text).find()


class _Runs:
    """The runs of some bytes in a padded text: where each begins and ends, and how far it goes."""

    def __init__(self, text: bytes, codes: Array, allowed: frozenset[int]) -> None:
        self._text, self._codes = text, codes
        self._low, self._size = min(allowed), len(allowed)
        self._is_range = max(allowed) - self._low + 1 == self._size
        self._table = table_of(allowed).tobytes()

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
            those = ends - begins >= least
            if not those.all():
                begins, ends = begins[those], ends[those]
        return begins, ends

    def _bounds_by_eights(self) -> tuple[Array, Array]:
        """Return the bounds of the runs that have eight bytes at a multiple of eight.

        Most lines have many short runs of digits, and finding these takes most of the time.
        """
        known = self._known
        eights: Array = known[: len(known) // 8 * 8].view("<u8") == _EIGHT_TRUE
        at = indexes_of_true(eights) * 8
        is_first, is_last = numpy.ones(len(at), bool), numpy.ones(len(at), bool)
        numpy.not_equal(at[1:], at[:-1] + 8, is_first[1:])
        is_last[:-1] = is_first[1:]
        begins, ends = at[is_first], at[is_last] + 8
        others = ~known
        begins -= first_true_of_eight(rows_at(others, begins - 8, 8)[:, ::-1])
        ends += first_true_of_eight(rows_at(others, ends, 8))
        return begins, ends

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
        if not chain.begins_by_runs and chain.literal is not None:
            begins = offsets_of_literals(self._text, (chain.literal,))
            return begins, begins + len(chain.literal.text), chain.literal_steps, nothing
        if chain.begins_before:
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
                those = self._are_at_boundary(begins)
                begins, ends = begins[those], ends[those]
            return begins, ends, 1, nothing
        begins, ends = self._runs_of(0).bounds_of_longer(first.least)
        if chain.leads:
            those = self._are_at_boundary(begins)
            return self._first_step(begins[those], ends[those], nothing)
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

    def _are_at_boundary(self, at: Array) -> Array:
        found: Array = _IS_WORD[self._codes[at]] != _IS_WORD[self._codes[at - 1]]
        return found

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
                those, ends = self._chain.tables[number][self._codes[at]], at + 1
            elif not step.is_fixed and not self._chain.next_differs(number):
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
