"""The tasks of a service: code that runs beside the peers until the service stops.

A task that fails is logged and counted, and harms nothing else. A stop cancels all tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.rate_limited_log import Failures
from logsrv.kit.protocols._awaiting import (
    CANCELLED,
    as_deferred,
    call_as_deferred,
    call_without_connection,
)
from logsrv.kit.protocols.faults import wrong_value_text


@attrs.define(eq=False, repr=False)
class ServiceTask:
    """A task of a service. name: for the log. done: fires when it has ended, also after an error."""

    name: str
    _coroutine: Any
    cancelled: bool = attrs.field(init=False, default=False)
    done: Deferred[None] = attrs.field(init=False, factory=Deferred)
    _working: Deferred[Any] | None = attrs.field(init=False, default=None)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def cancel(self) -> None:
        """Raise CancelledError where the task awaits something; no effect on one that has ended."""
        self.cancelled = True
        if self._working is not None:
            self._working.cancel()

    def begin_work(self) -> Deferred[Any]:
        """Begin the work; return the Deferred of its end."""
        self._working = as_deferred(self._coroutine, "spawn")
        if self.cancelled:
            # It cancelled itself in its first step.
            self._working.cancel()
        return self._working

    def close_unbegun(self) -> None:
        """Close the coroutine, which never begins: otherwise Python would warn of it."""
        getattr(self._coroutine, "close", lambda: None)()


@attrs.define(eq=False)
class ServiceTasks:
    """The tasks of one service that have not ended."""

    _clock: IReactorTime
    _metrics: Metrics
    _failures: Failures
    _tasks: dict[ServiceTask, None] = attrs.field(factory=dict)
    _begun: bool = False
    _ended: bool = False
    _all_ended: Deferred[None] | None = None

    def __iter__(self) -> Iterator[ServiceTask]:
        return iter(tuple(self._tasks))

    def __len__(self) -> int:
        return len(self._tasks)

    def begin_waiting(self) -> None:
        """Begin the tasks that wait for the reactor: it runs."""
        self._begun, self._ended = True, False
        for task in self:
            self._start_task(task)

    def spawn(self, coroutine: Any, name: str = "") -> ServiceTask:
        """Run a coroutine. Raises TypeError for anything else, RuntimeError after the stop."""
        if iscoroutinefunction(coroutine):
            called = getattr(coroutine, "__qualname__", "it")
            raise TypeError(f"spawn takes a coroutine: spawn({called}(…)), not spawn({called})")
        if not isawaitable(coroutine):
            raise TypeError(f"spawn takes a coroutine, not {wrong_value_text(coroutine)}")
        return self._add_task(ServiceTask(name or function_name(coroutine), coroutine))

    def every(
        self, seconds: float | Callable[[], float], function: Callable[..., Any], *args: Any
    ) -> ServiceTask:
        """Call a function as `RunningService.every` says. Raises RuntimeError after the stop."""
        if iscoroutine(function):
            name = function_name(function)
            function.close()
            raise TypeError(f"every takes a function: every(…, {name}), not every(…, {name}())")
        if not callable(function):
            raise TypeError(f"every takes a function, not {wrong_value_text(function)}")
        checked_interval(seconds() if callable(seconds) else seconds)

        async def call_repeatedly() -> None:
            due = self._clock.seconds()
            while not task.cancelled:
                try:
                    await call_as_deferred(lambda: function(*args))
                except (Exception, *CANCELLED):
                    if task.cancelled:
                        raise
                    self._report_failure(task, Failure())
                if task.cancelled:
                    return
                now = self._clock.seconds()
                pause = checked_interval(seconds() if callable(seconds) else seconds)
                # Missed calls are left out.
                due += pause * ((now - due) // pause + 1)
                await deferLater(self._clock, due - now)

        task = ServiceTask(function_name(function), call_repeatedly())
        return self._add_task(task)

    async def cancel_all(self) -> None:
        """Cancel all tasks, and wait until each has ended."""
        self._ended = True
        self._all_ended = all_ended = Deferred[None]()
        for task in self:
            if self._begun:
                task.cancel()
            else:
                self._forget_task(task)
        if self._tasks:
            await all_ended

    def _add_task(self, task: ServiceTask) -> ServiceTask:
        if self._ended:
            task.close_unbegun()
            raise RuntimeError(f"{task.name} cannot begin: the service has stopped")
        self._tasks[task] = None
        if self._begun:
            self._start_task(task)
        return task

    def _start_task(self, task: ServiceTask) -> None:
        if task.cancelled:
            self._forget_task(task)
            return
        # A task works for the service, also if a peer's handler spawned it: the peer does not wait for it.
        working = call_without_connection(self._clock, task.begin_work)
        working.addErrback(lambda failure: self._report_unless_cancelled(task, failure))
        working.addBoth(lambda _: self._end_task(task))

    def _forget_task(self, task: ServiceTask) -> None:
        task.close_unbegun()
        self._end_task(task)

    def _end_task(self, task: ServiceTask) -> None:
        del self._tasks[task]
        task.done.callback(None)
        if not self._tasks and self._all_ended is not None:
            self._all_ended.callback(None)
            self._all_ended = None

    def _report_unless_cancelled(self, task: ServiceTask, failure: Failure) -> None:
        if not (task.cancelled and failure.check(*CANCELLED)):
            self._report_failure(task, failure)

    def _report_failure(self, task: ServiceTask, failure: Failure) -> None:
        self._metrics.count("tasks_failed_total", task=task.name)
        self._failures.report_failure(f"task {task.name}", "", failure)


def checked_interval(seconds: object) -> float:
    """Return the interval of `every`. Raises TypeError, or ValueError for an impossible one."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"every takes seconds, not {wrong_value_text(seconds)}")
    if not 0 < seconds < float("inf"):
        raise ValueError(f"every takes more than 0 seconds, not {seconds:g}")
    return seconds


def function_name(what: object) -> str:
    """Return the name of a function or coroutine, as in its author's code."""
    name = getattr(what, "__qualname__", None) or type(what).__qualname__
    return str(name).rpartition("<locals>.")[2]
