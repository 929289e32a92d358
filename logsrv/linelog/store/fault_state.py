"""Log messages about a fault that lasts: one when it starts or its reason changes, one when it is over.

A fault that comes and goes all the time is logged seldom, with the number of its occurrences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from twisted.logger import Logger

from logsrv.linelog.store.disk import reason

log = Logger()
T = TypeVar("T")

# `IReactorFromThreads.callFromThread`: calls its first argument in the reactor's thread, soon.
InReactor: TypeAlias = Callable[..., Any]

# At most this number of messages is logged within WITHIN_SECONDS about a fault that comes and goes, such as
# a disk that fails every other time. The other faults are counted.
MOST_SAID = 5
WITHIN_SECONDS = 60.0

SYNCING = ("the store cannot be synced: {why}", "the store can be synced again")


def with_name(tell: InReactor, name: str) -> InReactor:
    """Return a `tell` for one store of several: messages for the log begin with its name."""

    def tell_named(function: Callable[..., object], /, *given: Any, **fields: Any) -> Any:
        if isinstance(getattr(function, "__self__", None), Logger):
            return tell(function, "{of_store}: " + given[0], *given[1:], of_store=name, **fields)
        return tell(function, *given, **fields)

    return tell_named


class FaultState:
    """The state of one kind of fault; belongs to one thread. why: the reason while it lasts, else None.

    errors, successes: the numbers of failed and of successful attempts.
    """

    def __init__(
        self,
        tell: InReactor,
        starts: str,
        over: str,
        *,
        seconds: Callable[[], float],
        **fields: object,
    ) -> None:
        """starts, over: the messages, formatted with {why} and `fields`. seconds: a monotonic clock."""
        self.why: str | None = None
        self.errors = 0
        self.successes = 0
        self._tell = tell
        self._starts = starts
        self._over = over
        self._fields = fields
        self._seconds = seconds
        # _silent: the number of faults not logged. _logged: the number logged since `_window_start`.
        self._is_logged = False
        self._silent = 0
        self._window_start = -WITHIN_SECONDS
        self._logged = 0

    def attempt(
        self,
        step: Callable[..., T],
        *args: object,
        given_up: type[Exception] | tuple[()] = (),
    ) -> T | None:
        """Call `step` and return its result; None if it raises, which is a fault.

        given_up: exceptions that are no fault.
        """
        try:
            done = step(*args)
        except given_up:
            return None
        except Exception as error:
            self.record_failure(reason(error))
            return None
        self.successes += 1
        self.record_success()
        return done

    def record_failure(self, why: str) -> None:
        self.errors += 1
        if why != self.why:
            self._silent += 1
            self.why, self._is_logged = why, False
        if not self._is_logged and self._use_log_allowance():
            more = f"; {self._silent:,} times since this was last said" if self._silent > 1 else ""
            self._is_logged, self._silent = True, 0
            self._tell(log.error, self._starts + more, why=why, **self._fields)

    def _use_log_allowance(self) -> bool:
        now = self._seconds()
        if now - self._window_start >= WITHIN_SECONDS:
            self._window_start, self._logged = now, 0
        self._logged += 1
        return self._logged <= MOST_SAID

    def record_success(self, **fields: object) -> None:
        if self.why is not None:
            self.why = None
            if self._is_logged:
                self._tell(log.info, self._over, **self._fields, **fields)
