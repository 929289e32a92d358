"""Batches for a target: the lines of a store from a position on, all or only those that match a query."""

from __future__ import annotations

from collections.abc import Callable

from logsrv.errors import StoreError
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.durable import DurableFollower
from logsrv.linelog.ship.targets.target import LineBatch
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import Position

PIECES = 16
"""The pieces of 1 MiB that are searched for lines before other work gets its turn."""


class LineBatches:
    """Batches of lines from `position` on, of text that is on the medium.

    query: None for all lines. gap: called with the amount of text that was removed or damaged, and the
    positions before and after it. most_lines, most_bytes: limits of a batch; a longer line is a batch by
    itself. may_have_more: whether more batches may be ready now.

    Raises QueryError for an invalid query.
    """

    def __init__(
        self,
        view: View,
        position: Position,
        query: str | None,
        gap: Callable[[MissingText, Position, Position], object],
        *,
        most_lines: int,
        most_bytes: int,
    ) -> None:
        self._matcher = make_matcher(EVERYTHING if query is None else parse(query))
        self._follower = DurableFollower(view, position)
        self._read_to = position
        self._gap = gap
        self.may_have_more = False
        self.most_lines = most_lines
        self.most_bytes = most_bytes

    @property
    def store_needed_from(self) -> Position:
        """The position from which on the store is needed: after an open segment, which stays readable."""
        return self._follower.needed_from

    @property
    def unreported_missing(self) -> MissingText:
        """The amount of text that is gone at the position, and that `gap` was not called for yet."""
        return self._follower.missing

    def close(self) -> None:
        self._follower.close()

    def read_batches(self) -> list[LineBatch]:
        """Return the next batches; none if there are none at present.

        A batch without lines means that no line up to its end matches. Raises OSError and StoreError.
        """
        found: list[LineBatch] = []
        lines: list[bytes] = []
        size, begin = 0, self._read_to
        end = begin
        self.may_have_more = False
        for _ in range(PIECES):
            try:
                news = self._follower.read_durable()
            except (OSError, StoreError):
                if self._read_to == begin:
                    raise
                # Send the text that was read so far; if the error persists, the next call raises it.
                self.may_have_more = True
                break
            if news is None:
                break
            if news.missing:
                self._gap(news.missing, self._read_to, news.position)
            self._read_to = self._follower.position
            (number, offset), text = news.position, news.text
            first_lines = news.first_lines(self._matcher.inherits)
            for start, stop in self._matcher.find(text, news.position, first_lines):
                size += stop - start + 1
                if lines and (len(lines) == self.most_lines or size > self.most_bytes):
                    found.append(LineBatch(lines, end))
                    lines, size = [], stop - start + 1
                lines.append(text[start:stop])
                end = Position(number, offset + stop + 1)
            end = self._read_to
            if found:
                self.may_have_more = True
                break
        else:
            self.may_have_more = True
        if lines or (end != begin and not found):
            found.append(LineBatch(lines, end))
        return found
