"""Errors in a plugin's code: each counted, the first of each place logged with its traceback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.observe.rate_limited_log import RateLimitedLog

log = Logger()

REMEMBERED_PLACES = 256
ASYNCIO = os.path.dirname(asyncio.__file__)
# The beginnings of asyncio's errors to code that needs its event loop, which does not run.
NO_LOOP = (
    "no running event loop",
    "There is no current event loop",
    "await wasn't used with future",
)
LIMITS = "a limit of time is timeout= of a read, or deadline"


class Failures:
    """Logs the first failure at each place in the code, then once a minute the number of further ones.

    Without this limit, a plugin that fails on every line would fill the disk.
    """

    def __init__(self, plugin: str, clock: Callable[[], float]) -> None:
        """`clock`: returns seconds that only grow."""
        self._plugin = plugin
        self._places = RateLimitedLog(clock, REMEMBERED_PLACES)

    def report_failure(self, doing: str, peer: str, failure: Failure) -> None:
        """Log or count a failure. doing: the method that failed. peer: who it worked for; "" for nobody."""
        place = f"{failure.type.__name__ if failure.type else 'error'} {_innermost_place(failure)}"
        noted = self._places.count_event(place)
        if noted is None:
            return
        doing += f" failed for {peer}" if peer else " failed"
        why = asyncio_advice(failure.value, self._plugin)
        if why is not None:
            log.error("{plugin}: {doing} at {place}: {why}", plugin=self._plugin, doing=doing,
                      place=_innermost_place(failure), why=why)  # fmt: skip
        elif noted.first:
            log.failure("{plugin}: {doing}", failure, plugin=self._plugin, doing=doing)
        else:
            log.error(
                "{plugin}: {doing}, {number} times more: {place}: {error}",
                plugin=self._plugin,
                doing=doing,
                number=noted.number,
                place=place,
                error=repr(failure.getErrorMessage()[:200]),
            )


def asyncio_advice(error: BaseException | None, plugin: str) -> str | None:
    """Return a sentence for the author if `error` shows a wrong use of asyncio, else None."""
    said = str(error) if isinstance(error, RuntimeError) else ""
    if said.startswith("Task got bad yield"):
        return f"a task that asyncio itself begins cannot await this; {LIMITS}"
    if said.startswith(NO_LOOP):
        return f"it needs asyncio: start it with twistd --reactor asyncio {plugin}; {LIMITS}"
    return None


def _innermost_place(failure: Failure) -> str:
    """Return the innermost place in the code that is not asyncio's own."""
    place, traceback = "nowhere", failure.getTracebackObject()
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if place == "nowhere" or os.path.dirname(file) != ASYNCIO:
            place = f"{os.path.basename(file)}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
