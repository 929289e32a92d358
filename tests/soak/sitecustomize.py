"""Hours in minutes, for a daemon of a soak and its children: Python imports this before anything else.

PYTHON_SOAK is `SPEED WALL MONOTONIC ASKER`: clocks run SPEED times as fast since these two times. On
SIGUSR2 a process sends what it keeps to the UNIX socket ASKER.
"""

import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

SPEED, WALL, MONOTONIC = map(float, os.environ["PYTHON_SOAK"].split(maxsplit=3)[:3])
ASKER = os.environ["PYTHON_SOAK"].split(maxsplit=3)[3]


# The type of what `functools.cache` makes.
Cached = type(functools.cache(len))


def speed_up_clocks() -> None:
    """Replace Python's clocks and what waits for a time."""
    wall, monotonic, sleep = time.time, time.monotonic, time.sleep
    wait = threading.Condition.wait
    epoll = select.epoll

    def fast_wall() -> float:
        return WALL + (wall() - WALL) * SPEED

    def fast_monotonic() -> float:
        return MONOTONIC + (monotonic() - MONOTONIC) * SPEED

    def fast_wait(self: threading.Condition, timeout: float | None = None) -> bool:
        return wait(self, timeout if timeout is None else timeout / SPEED)

    class FastEpoll:
        """An epoll that waits less."""

        def __init__(self, *how: Any) -> None:
            self._epoll = epoll(*how)

        def poll(self, timeout: float | None = None, maxevents: int = -1) -> Any:
            short = timeout if timeout is None or timeout < 0 else timeout / SPEED
            return self._epoll.poll(short, maxevents)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._epoll, name)

    time.time, time.monotonic = fast_wall, fast_monotonic
    time.time_ns = lambda: int(fast_wall() * 1e9)
    time.monotonic_ns = lambda: int(fast_monotonic() * 1e9)
    time.sleep = lambda seconds: sleep(float(seconds) / SPEED)
    threading.Condition.wait = fast_wait  # type: ignore[method-assign]
    select.epoll = FastEpoll  # type: ignore[assignment, misc]


def sizes() -> dict[str, int]:
    """Return the entries in the containers of each attribute, and the number of objects of each class."""
    gc.collect()
    found: Counter[str] = Counter()
    for one in gc.get_objects():
        kind = type(one)
        if str(kind.__module__).startswith("logsrv."):
            found[f"{kind.__module__}.{kind.__qualname__}"] += 1
            for name, size in containers(attributes(one)):
                found[f"{kind.__module__}.{kind.__qualname__}.{name}"] += size
    for name, module in list(sys.modules.items()):
        if name.startswith("logsrv."):
            for key, size in containers(vars(module).items()):
                found[f"{name}:{key}"] += size
    return dict(found)


def attributes(one: object) -> Iterator[tuple[str, object]]:
    yield from getattr(one, "__dict__", {}).items()
    for base in type(one).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            with contextlib.suppress(AttributeError):
                yield name, getattr(one, name)


def containers(pairs: Any) -> Iterator[tuple[str, int]]:
    for name, value in list(pairs):
        if isinstance(value, dict | set | list | deque):
            yield name, len(value)
        elif isinstance(value, Cached) and value.cache_info().maxsize is None:
            yield name, value.cache_info().currsize


def send_sizes(*_: object) -> None:
    # Some processes may write no file.
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(ASKER)
        try:
            told = json.dumps(sizes())
        except Exception as error:
            told = repr(error)
        connection.sendall(told.encode())


speed_up_clocks()
signal.signal(signal.SIGUSR2, send_sizes)
