"""The progress of an answer: how much is read, and when it is told with what was found so far.

It is apart from the search because several searches make one answer, and one view has them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeAlias

FIRST = 0.5
"""Seconds from the begin until it is told: most answers are whole by then."""
EVERY = 1.0
"""Seconds between two times that it is told, at least."""
COST = 8
"""So many times as long as it took to tell it, it is not told again."""
BYTES_PER_SECOND = 100_000
"""Of what is told, on average: a large answer is told rarely."""
Send: TypeAlias = Callable[[int, int, str, Any], int]
"""Sends the bytes read, all bytes, since when all lines are counted, and the answer so far; None for
nothing newer. Returns how many bytes were sent.
"""


class ReadProgress:
    """The progress of one answer, of one or several searches.

    read, of: bytes of the store's files: read or skipped, and those that may have lines of the answer.
    later: those of searches that have not begun. answer_of: makes an answer of what was found so far; None
    if only the progress is told.
    """

    answer_of: Callable[[Any], Any] | None = None

    def __init__(self, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self.read = self.of = self.later = 0
        self._send, self._clock = send, clock
        self._next = clock() + FIRST

    @property
    def is_due(self) -> bool:
        """Return whether it is time to tell it."""
        return self._clock() >= self._next

    def tell(self, since: str = "", find: Callable[[], Any] | None = None) -> None:
        """Tell it. find: returns what was found so far, of the lines from `since` on."""
        begin = self._clock()
        answer = None
        try:
            if find is not None and self.answer_of is not None:
                answer = self.answer_of(find())
        except MemoryError:
            # The whole answer may fit: what is found so far is in memory twice.
            self.answer_of = None
        # Lines that come meanwhile are read, too.
        size = self._send(min(self.read, self.of), self.of + self.later, since, answer)
        end = self._clock()
        self._next = end + max(EVERY, COST * (end - begin), size / BYTES_PER_SECOND)
