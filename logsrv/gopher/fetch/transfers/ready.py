"""Descriptors that are ready, as `selectors` tells them: with `collections` and `functools` under it, that
takes 4 ms to load, and all of `gopher URL` 22.
"""

from __future__ import annotations

import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# As in `selectors`.
READ, WRITE = 1, 2


class Selector:
    """The descriptors that somebody waits for, by the best way that the system has."""

    def __init__(self) -> None:
        self._data: dict[int, Any] = {}
        self._system: Any
        self._poll: Callable[[float], list[tuple[int, int]]]
        if hasattr(select, "epoll"):
            self._system = select.epoll()
            self._poll = self._system.poll
            self._write = select.EPOLLOUT
        else:
            import selectors

            self._system = selectors.DefaultSelector()
            self._poll = lambda seconds: [(key.fd, 0) for key, _ in self._system.select(seconds)]
            self._write = WRITE
        self.fileno: Callable[[], int] = self._system.fileno
        self.close: Callable[[], None] = self._system.close

    def watch(self, descriptor: int, events: int, data: Any = None) -> None:
        """Look out for `events`, and no others; 0: forget the descriptor, before it is closed."""
        if not events:
            del self._data[descriptor]
            self._system.unregister(descriptor)
            return
        look = self._system.modify if descriptor in self._data else self._system.register
        look(descriptor, events & READ | (self._write if events & WRITE else 0))
        self._data[descriptor] = data

    def ready(self, seconds: float) -> list[Any]:
        """Return the data of what is ready, after at most `seconds`."""
        return [self._data[descriptor] for descriptor, _ in self._poll(seconds)]
