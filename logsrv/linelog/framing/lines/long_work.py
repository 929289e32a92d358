"""Work that has no steps, such as a call of a parser: another thread may do it (sans-IO)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

LONG = 16 << 10
"""Bytes of a message from which on taking it in is long work: strange ones take 3 µs a byte."""

Result = TypeVar("Result")


class LongWork:
    """A function to be called once. It touches nothing that others use, so any thread may call it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._done = False
        self._found: Any = None
        self._error: Exception | None = None

    def do(self) -> None:
        """Call it, and keep what it returns or raises."""
        try:
            self._found = self._function()
        except Exception as error:
            self._error = error
        self._done = True

    def result(self) -> Any:
        """Return what it returned; raise what it raised. It is called now if nobody has done so."""
        if not self._done:
            self.do()
        if self._error is not None:
            raise self._error
        return self._found


def in_one(function: Callable[[], Result], size: int) -> Generator[Any, None, Result]:
    """Return what a function returns that is to take in so many bytes; long work is given first.

    Whoever goes through the steps may do it then, in another thread; else it is done here.
    """
    if size <= LONG:
        return function()
    work = LongWork(function)
    yield work
    found: Result = work.result()
    return found


def result_of(steps: Generator[Any, None, Result]) -> Result:
    """Return what stands at the end of steps, done here and without turns for others."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Result = end.value
            return found
