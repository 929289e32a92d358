"""Long work in one call, such as a parser's: the caller may hand it to another thread (sans-IO)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

LONG = 16 << 10
"""Parsing a message of more bytes is long work: unusual ones take 3 µs a byte."""

Result = TypeVar("Result")


class LongWork(Future[Any]):
    """A call of a function that shares no state, so that any thread may make the call."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self._function = function

    def call_function(self) -> None:
        """Call the function, and keep its result or its exception."""
        try:
            self.set_result(self._function())
        except Exception as error:
            self.set_exception(error)


def call_as_long_work(function: Callable[[], Result], size: int) -> Generator[Any, None, Result]:
    """Call a function that works on `size` bytes, and return its result.

    Above LONG bytes it first yields a LongWork: the driver of the generator may call it in another thread.
    If the driver does not, the call is made here.
    """
    if size <= LONG:
        return function()
    work = LongWork(function)
    yield work
    if not work.done():
        work.call_function()
    found: Result = work.result()
    return found


def run_to_result(steps: Generator[Any, None, Result]) -> Result:
    """Run a generator to its end at once and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Result = end.value
            return found
