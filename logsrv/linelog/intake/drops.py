"""Drops: the lines for which one of a listener's queries is true are not stored (sans-IO).

Lines are searched as they would be stored, with their stamp, by the same code as `logsrv search`. First the
block without stamps is searched for the literals that a matching line must contain: a block without them
costs no more. Each line is asked about alone: none has fields of the first line of its record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

from logsrv.linelog.batch import Batch, Block
from logsrv.linelog.intake.filter_options import FilterCounts
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.question import Node
from logsrv.linelog.query.text_search.literals import AllOf, Literal, Need
from logsrv.linelog.query.text_search.numpy_search import offsets_of_literals

_SMALL = 4 << 10
# Bytes of a stamp's end that a candidate may begin with, such as ` ` in ` D/`.
_END_OF_STAMP = 8


class Drops:
    """The queries of a listener."""

    def __init__(self, queries: Sequence[Node], counts: FilterCounts) -> None:
        matchers = [make_matcher(query) for query in queries]
        for matcher in matchers:
            matcher.prepare_for_many()
        self._matchers = matchers
        self._find: Callable[[bytes], Iterable[tuple[int, int]]] = matchers[0].find
        if len(matchers) > 1:
            many = ManyQueries(matchers)
            # A line that matches several queries comes once for each.
            self._find = lambda text: sorted(
                {span for _, spans in many.find(text) for span in spans}
            )
        self._counts = counts
        # True if lines of the last block were dropped: some of the next one probably are, too.
        self._found = False

    def apply(self, batch: Batch, most: int) -> Block | None:
        """Return the lines of a batch that are stored; None if there are none.

        most: bytes that the lines searched at once may have with their stamps.
        """
        block, stamp = batch.block, batch.stamp
        if not self._may_match(block, stamp):
            return block
        if len(block) * (len(stamp) + 1) <= most:
            return self._without_matches(batch)
        kept = []
        for piece in block.pieces(most // (len(stamp) + 1)):
            found = self._without_matches(attrs.evolve(batch, block=piece))
            kept.append(b"" if found is None else bytes(found))
        return Block.of(lines) if (lines := b"".join(kept)) else None

    def _may_match(self, block: Block, stamp: bytes) -> bool:
        """Return whether one of the lines may match. It takes little time if none may."""
        texts = (stamp, block.head, block.body)
        asked = [one for one in self._matchers if one.needs is None or _may_be_in(texts, one.needs)]
        if not asked or self._found or any(one.needs is not None for one in asked):
            return bool(asked)
        # A stamp is half as long as a line, and a search in all lines takes time for each byte.
        short = [b"".join(block.stamped(stamp[-_END_OF_STAMP:]))]
        return any(one.may_match(short) for one in asked)

    def _without_matches(self, batch: Batch) -> Block | None:
        """Return the block of a batch without its matching lines."""
        block, size = batch.block, len(batch.stamp)
        stamped = b"".join(batch.stored())
        spans = [*self._find(stamped)]
        self._found = bool(spans)
        if not spans:
            return block
        lines = bytes(block)
        kept: list[bytes] = []
        # Up to `done` in `stamped` and up to `at` in `lines`, all is decided.
        done = at = 0
        for start, end in spans:
            stop = at + start - done - stamped.count(b"\n", done, start) * size
            kept.append(lines[at:stop])
            at = stop + end + 1 - start - size
            done = end + 1
            self._counts.dropped_bytes += end - start - size
        kept.append(lines[at:])
        self._counts.dropped_lines += len(spans)
        return Block.of(left) if (left := b"".join(kept)) else None


def _may_be_in(texts: Sequence[bytes], need: Need) -> bool:
    """Return whether a line of these texts may contain what is needed."""
    if not isinstance(need, Literal):
        together = all if isinstance(need, AllOf) else any
        return together(_may_be_in(texts, part) for part in need.parts)
    if need.ignore_case:
        return any(
            bool(len(offsets_of_literals(text, (need,))))
            if len(text) > _SMALL
            else need.text in text.lower()
            for text in texts
        )
    return any(need.text in text for text in texts)
