"""Deferreds that fire when lines are safe. Belongs to the reactor's thread."""

from __future__ import annotations

from collections import deque

import attrs
from twisted.internet.defer import Deferred

from logsrv.errors import StoreError


@attrs.frozen
class SyncFailure:
    """A failed sync: the bytes `start` to `end`, counted since `open`, may never reach the medium."""

    start: int
    end: int
    why: str

    def make_error(self) -> StoreError:
        """Return the error for callers that waited for these bytes."""
        return StoreError(f"lines could not be synced to the disk: {self.why}")


@attrs.frozen
class _Waiter:
    """A Deferred for the bytes from `since` to `total`."""

    since: int
    total: int
    done: Deferred[None] = attrs.field(factory=Deferred)


class DurableWaiters:
    """Deferreds in the order of the totals of bytes that they wait for."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiter] = deque()
        self._failure = SyncFailure(0, 0, "")

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, total: int, since: int | None = None) -> Deferred[None]:
        """Return a Deferred that fires when `total` bytes are safe.

        It fails, now or later, if a sync of a byte from `since` to `total` fails. since: None stands for
        the last of these bytes.
        """
        waiter = _Waiter(total - 1 if since is None else since, total)
        if self._failure.start < total and waiter.since < self._failure.end:
            waiter.done.errback(self._failure.make_error())
        else:
            self._waiting.append(waiter)
        return waiter.done

    def fire_reached(self, total: int) -> None:
        """Fire the Deferreds that wait for `total` or less."""
        while self._waiting and self._waiting[0].total <= total:
            self._waiting.popleft().done.callback(None)

    def apply_sync_failure(self, failure: SyncFailure) -> None:
        """Fire the Deferreds for bytes before the failure; fail the Deferreds for bytes in it."""
        self._failure = failure
        self.fire_reached(failure.start)
        hit = [waiter for waiter in self._waiting if waiter.since < failure.end]
        self._waiting = deque(waiter for waiter in self._waiting if waiter.since >= failure.end)
        for waiter in hit:
            waiter.done.errback(failure.make_error())

    def fail_all(self, error: StoreError) -> None:
        """Fail all Deferreds."""
        while self._waiting:
            self._waiting.popleft().done.errback(error)
