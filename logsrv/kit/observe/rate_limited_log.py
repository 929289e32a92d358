"""Limits the log lines about frequent events: the first event is logged, then one line a minute with the
number of events.

So are errors in a plugin's code: each is counted, the first of each location logged with its traceback.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure

QUIET_SECONDS = 60.0
REMEMBERED = 1024
OTHERS = "others"
log = Logger()
REMEMBERED_LOCATIONS = 256
ASYNCIO = os.path.dirname(asyncio.__file__)
# The beginnings of asyncio's errors to code that needs its event loop, which does not run.
NO_LOOP = (
    "no running event loop",
    "There is no current event loop",
    "await wasn't used with future",
    # Queue.get, Event.wait and other waits of asyncio raise this.
    "'NoneType' object has no attribute 'create_future'",
)
# The program of the child process of `logsrv run`; its second argument is the plugin's file.
RUN_CHILD = "logsrv/cli/serving.py"
LIMITS = "a limit of time is timeout= of a read, or deadline"


@attrs.frozen
class LoggedEvent:
    """An event to be logged now.

    subject: the subject of the event, or OTHERS. number: the number of events that it stands for. first:
    true if none about this subject was logged before, as far as is remembered.
    """

    subject: str
    number: int
    first: bool


class RateLimitedLog:
    """Decides which events are logged: for each subject one event a minute, with the number of events since
    the last logged one.

    It remembers `remembered` subjects; all further ones share the subject OTHERS. clock: returns seconds
    that only grow.
    """

    def __init__(self, clock: Callable[[], float], remembered: int = REMEMBERED) -> None:
        self._clock = clock
        self._remembered = remembered
        # For each subject: [the time when it was logged last, events since then]; the oldest time first.
        self._subjects: dict[str, list[float]] = {}

    def count_event(self, subject: str) -> LoggedEvent | None:
        """Count an event. Return the event to log, or None if nothing is to be logged now."""
        now = self._clock()
        if subject not in self._subjects and len(self._subjects) >= self._remembered:
            self._forget_old_subjects(now)
            if len(self._subjects) >= self._remembered:
                subject = OTHERS
        entry = self._subjects.get(subject)
        if entry is None:
            self._subjects[subject] = [now, 0]
            return LoggedEvent(subject, 1, first=True)
        entry[1] += 1
        if now - entry[0] < QUIET_SECONDS:
            return None
        # Moved to the end, to keep the dictionary in the order of these times.
        del self._subjects[subject]
        self._subjects[subject] = [now, 0]
        return LoggedEvent(subject, int(entry[1]), first=False)

    def log_unless_recent(
        self,
        emit: Callable[..., object],
        subject: str,
        format: str,
        /,
        *,
        counted: str | None = None,
        **fields: object,
    ) -> None:
        """Count an event, and log it with `emit` if no event about the same subject was logged in the last
        minute.

        format: of the event, with {subject}, {number} and `fields` in it. counted: the word for what the
        number counts, "" for events; then every event but the first about a subject ends with the number.
        """
        noted = self.count_event(subject)
        if noted is not None:
            if counted is not None and not noted.first:
                format += f"; {' '.join(['{number}', *counted.split()])} since this was last logged"
            emit(format, subject=noted.subject, number=noted.number, **fields)

    def _forget_old_subjects(self, now: float) -> None:
        # Without a copy of all of them: a flood of new subjects asks for each event.
        while self._subjects:
            oldest = next(iter(self._subjects))
            if now - self._subjects[oldest][0] < QUIET_SECONDS:
                break
            del self._subjects[oldest]


class Failures:
    """Logs the first failure at each location in the code, then once a minute the number of further
    failures there.

    Without this limit, a plugin that fails on every line would fill the disk.
    """

    def __init__(self, plugin: str, clock: Callable[[], float]) -> None:
        """`clock`: returns seconds that only grow."""
        self._plugin = plugin
        self._locations = RateLimitedLog(clock, REMEMBERED_LOCATIONS)

    def report_failure(self, doing: str, peer: str, failure: Failure) -> None:
        """Log or count a failure. doing: the method that failed. peer: the peer for which the method
        worked; "" for none.
        """
        location = (
            f"{failure.type.__name__ if failure.type else 'error'} {_innermost_location(failure)}"
        )
        noted = self._locations.count_event(location)
        if noted is None:
            return
        doing += f" failed for {peer}" if peer else " failed"
        why = asyncio_advice(failure.value, self._plugin)
        if why is not None:
            log.error("{plugin}: {doing} at {place}: {why}", plugin=self._plugin, doing=doing,
                      place=_innermost_location(failure), why=why)  # fmt: skip
        elif noted.first:
            log.failure("{plugin}: {doing}", failure, plugin=self._plugin, doing=doing)
        else:
            log.error(
                "{plugin}: {doing}, {number} times more: {place}: {error}",
                plugin=self._plugin,
                doing=doing,
                number=noted.number,
                place=location,
                error=repr(failure.getErrorMessage()[:200]),
            )


def asyncio_advice(error: BaseException | None, plugin: str) -> str | None:
    """Return a sentence for the author if `error` shows a wrong use of asyncio, else None."""
    said = str(error) if isinstance(error, RuntimeError | AttributeError) else ""
    if said.startswith("Task got bad yield"):
        return f"a task that asyncio itself begins cannot await this; {LIMITS}"
    if said.startswith(NO_LOOP):
        return f"it needs asyncio: {_command_with_asyncio(plugin)}; {LIMITS}"
    return None


def _command_with_asyncio(plugin: str) -> str:
    """Return how to start this process again so that it has asyncio, in the words of its own command."""
    program, *words = sys.argv or [""]
    name = os.path.basename(program)
    if program.endswith(RUN_CHILD) and len(words) > 1:
        return f"start it with logsrv run --reactor asyncio {os.path.basename(words[1])}"
    if name in ("pytest", "py.test") or program.endswith("pytest/__main__.py"):
        return "a MemoryService has none: use the fixture `serving` and pytest --reactor asyncio"
    return f"start it with {'twist' if name == 'twist' else 'twistd'} --reactor asyncio {plugin}"


def _innermost_location(failure: Failure) -> str:
    """Return the innermost location in the code that is not asyncio's own."""
    location, traceback = "nowhere", failure.getTracebackObject()
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if location == "nowhere" or os.path.dirname(file) != ASYNCIO:
            location = f"{os.path.basename(file)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return location
