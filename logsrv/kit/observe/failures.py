"""Errors in a plugin's code: each counted, the first of each place logged with its traceback."""

from __future__ import annotations

import os
from collections.abc import Callable

from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.observe.seldom import Seldom

log = Logger()

REMEMBERED_PLACES = 256


class Failures:
    """Logs a failure the first time it comes from a place in the code, then once a minute with its
    count; a plugin that fails on every line must not fill the disk.
    """

    def __init__(self, plugin: str, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that only grow."""
        self._plugin = plugin
        self._places = Seldom(clock, REMEMBERED_PLACES)

    def note(self, doing: str, peer: str, failure: Failure) -> None:
        """Count that `failure` happened in `doing` (a method's name) for the connection of `peer`."""
        place = f"{failure.type.__name__ if failure.type else 'error'} {_place(failure)}"
        noted = self._places.note(place)
        if noted is None:
            return
        if noted.first:
            log.failure(
                "{plugin}: {doing} failed for {peer}",
                failure,
                plugin=self._plugin,
                doing=doing,
                peer=peer,
            )
        else:
            log.error(
                "{plugin}: {doing} failed {number} times more: {place}: {error}",
                plugin=self._plugin,
                doing=doing,
                number=noted.number,
                place=place,
                error=_short(failure),
            )


def _place(failure: Failure) -> str:
    traceback = failure.getTracebackObject()
    if traceback is None:
        return "nowhere"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{os.path.basename(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}"


def _short(failure: Failure) -> str:
    return repr(failure.getErrorMessage()[:200])
