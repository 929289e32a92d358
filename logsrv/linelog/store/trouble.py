"""A trouble that lasts, in the log: once when it starts or has another reason, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.logger import Logger

log = Logger()

# `IReactorFromThreads.callFromThread`: calls its first argument in the reactor's thread, soon.
InReactor: TypeAlias = Callable[..., Any]

SYNCING = ("the store cannot be synced: {why}", "the store can be synced again")


class Trouble:
    """Trouble of one kind; belongs to one thread. why: the reason while it lasts, else None."""

    def __init__(self, tell: InReactor, starts: str, over: str, **fields: object) -> None:
        """`starts`, with {why}, and `over` are what is logged, with `fields`."""
        self.why: str | None = None
        self._tell = tell
        self._starts = starts
        self._over = over
        self._fields = fields

    def failed(self, why: str) -> None:
        if why != self.why:
            self.why = why
            self._tell(log.error, self._starts, why=why, **self._fields)

    def works(self, **fields: object) -> None:
        if self.why is not None:
            self.why = None
            self._tell(log.info, self._over, **self._fields, **fields)
