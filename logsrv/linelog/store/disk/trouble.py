"""A trouble that lasts, in the log: once when it starts or has another reason, and when it is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from twisted.logger import Logger

from logsrv.linelog.store.disk.disk import reason

log = Logger()
T = TypeVar("T")

# `IReactorFromThreads.callFromThread`: calls its first argument in the reactor's thread, soon.
InReactor: TypeAlias = Callable[..., Any]

SYNCING = ("the store cannot be synced: {why}", "the store can be synced again")


class Trouble:
    """Trouble of one kind; belongs to one thread. why: the reason while it lasts, else None.

    errors, successes: how often something failed, and how many attempts did not.
    """

    def __init__(self, tell: InReactor, starts: str, over: str, **fields: object) -> None:
        """`starts`, with {why}, and `over` are what is logged, with `fields`."""
        self.why: str | None = None
        self.errors = 0
        self.successes = 0
        self._tell = tell
        self._starts = starts
        self._over = over
        self._fields = fields

    def attempt(
        self,
        step: Callable[..., T],
        *args: object,
        given_up: type[Exception] | tuple[()] = (),
    ) -> T | None:
        """Return what `step` returns; None if it raises. Nothing is said of one that is `given_up`."""
        try:
            done = step(*args)
        except given_up:
            return None
        except Exception as error:
            self.failed(reason(error))
            return None
        self.successes += 1
        self.works()
        return done

    def failed(self, why: str) -> None:
        self.errors += 1
        if why != self.why:
            self.why = why
            self._tell(log.error, self._starts, why=why, **self._fields)

    def works(self, **fields: object) -> None:
        if self.why is not None:
            self.why = None
            self._tell(log.info, self._over, **self._fields, **fields)
