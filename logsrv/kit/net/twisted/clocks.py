"""The two times of a process: that of its timers, which never jumps, and the time of day."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.base import ReactorBase


def steady_reactor() -> Any:
    """Return the reactor; from now on its timers and `seconds` go by a clock that never jumps.

    By itself Twisted uses the time of day: when that is set back by an hour, each timer comes an hour late.
    """
    # Imported here: by now twistd has chosen the reactor.
    from twisted.internet import reactor

    running: Any = reactor
    if "seconds" not in vars(running):
        # It begins at the time of day, by which timers may have been started already.
        ahead = running.seconds() - time.monotonic()
        running.seconds = lambda: ahead + time.monotonic()
    return running


def time_of_day(clock: Any) -> float:
    """Return the seconds since 1970: by the system's clock, or by a clock of tests its own."""
    seconds: float = time.time() if isinstance(clock, ReactorBase) else clock.seconds()
    return seconds
