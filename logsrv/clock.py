"""The system clock, for threads. Code that waits takes the clock as an argument, so a test can drive it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


class Clock:
    """The time, and objects on which a thread waits with a time limit.

    monotonic: seconds, by a clock that never jumps. time_of_day: seconds since 1970.
    event, queue: make an `Event` and a `SimpleQueue` whose limits go by this clock.
    """

    monotonic = staticmethod(time.monotonic)
    time_of_day = staticmethod(time.time)
    sleep = staticmethod(time.sleep)
    event = staticmethod(threading.Event)
    queue: Callable[[], SimpleQueue[Any]] = staticmethod(SimpleQueue)
