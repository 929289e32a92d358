"""Events that wait for a client, and in their place the number of those that did not fit. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from logsrv.linelog.http.events import missed_event


class Event(Protocol):
    """An event; many clients share one."""

    @property
    def data(self) -> bytes: ...


class Outbox:
    """A queue of at most `most` events, in order, with the gaps between them."""

    def __init__(self, most: int) -> None:
        self._most = most
        # A number is that of events that are left out there.
        self._waiting: deque[Event | bytes | int] = deque()

    @property
    def room(self) -> int:
        """The number of events that it still takes."""
        return max(0, self._most - len(self._waiting))

    def add(self, events: Iterable[Event]) -> None:
        """Put events at the end; there has to be room."""
        self._waiting.extend(events)

    def tell(self, event: bytes) -> None:
        """Put an event at the end that is not to be left out."""
        self._waiting.append(event)

    def leave_out(self, number: int) -> None:
        """Count events that would have stood here."""
        if number and self._waiting and isinstance(self._waiting[-1], int):
            self._waiting[-1] += number
        elif number:
            self._waiting.append(number)

    def take(self, size: int) -> bytes:
        """Remove the first events, about `size` bytes or all, and return them; b"" if there are none."""
        pieces = []
        taken = 0
        while self._waiting and taken < size:
            event = self._waiting.popleft()
            if isinstance(event, int):
                pieces.append(missed_event(event))
            else:
                pieces.append(event if isinstance(event, bytes) else event.data)
            taken += len(pieces[-1])
        return b"".join(pieces)
