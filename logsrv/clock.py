"""The clock of the system, for threads; who waits by it gets it handed in, so that a test can drive it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


class Clock:
    """The time, and what a thread waits for with a time limit.

    monotonic: seconds, by a clock that never jumps. time_of_day: seconds since 1970.
    event, queue: make an `Event` and a `SimpleQueue` whose limits go by this clock.
    """

    monotonic = staticmethod(time.monotonic)
    time_of_day = staticmethod(time.time)
    sleep = staticmethod(time.sleep)
    event = staticmethod(threading.Event)
    queue: Callable[[], SimpleQueue[Any]] = staticmethod(SimpleQueue)
