"""Waiting until lines are safe. Belongs to the reactor's thread."""

from __future__ import annotations

from collections import deque

import attrs
from twisted.internet.defer import Deferred

from logsrv.errors import StoreError


@attrs.frozen
class SyncFailure:
    """Bytes `start` to `end`, counted from the start of the store, may never reach the medium."""

    start: int
    end: int
    why: str

    def error(self) -> StoreError:
        """Return what to tell who waited for these bytes."""
        return StoreError(f"lines could not be synced to the disk: {self.why}")


class Waiters:
    """Deferreds by the total of bytes they wait for, which grows from one to the next."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Deferred[None]]] = deque()
        self._failure = SyncFailure(0, 0, "")

    def add(self, total: int) -> Deferred[None]:
        """Return a Deferred that waits for `total`; one that has failed already if its sync did."""
        waiting: Deferred[None] = Deferred()
        if self._failure.start < total <= self._failure.end:
            waiting.errback(self._failure.error())
        else:
            self._waiting.append((total, waiting))
        return waiting

    def reached(self, total: int) -> None:
        """Fire what waits for `total` or less."""
        while self._waiting and self._waiting[0][0] <= total:
            self._waiting.popleft()[1].callback(None)

    def failed(self, failure: SyncFailure) -> None:
        """Fire what had been reached before the failure, and fail what it hit."""
        self._failure = failure
        self.reached(failure.start)
        while self._waiting and self._waiting[0][0] <= failure.end:
            self._waiting.popleft()[1].errback(failure.error())

    def give_up(self, error: StoreError) -> None:
        """Fail all."""
        while self._waiting:
            self._waiting.popleft()[1].errback(error)
