"""Long work in one call, such as a parser's: the caller may hand it to another thread (sans-IO)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

LONG = 16 << 10
"""Parsing a message of more bytes is long work: unusual ones take 3 µs a byte."""

Result = TypeVar("Result")


class LongWork:
    """A call of a function that shares no state, so that any thread may make the call."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._done = False
        self._found: Any = None
        self._error: Exception | None = None

    def call_function(self) -> None:
        """Call the function, and keep its result or its exception."""
        try:
            self._found = self._function()
        except Exception as error:
            self._error = error
        self._done = True

    def result_now(self) -> Any:
        """Return the function's result, or raise its exception; call it now if `call_function` has not."""
        if not self._done:
            self.call_function()
        if self._error is not None:
            raise self._error
        return self._found


def call_as_long_work(function: Callable[[], Result], size: int) -> Generator[Any, None, Result]:
    """Call a function that works on `size` bytes, and return its result.

    Above LONG bytes it first yields a LongWork: the driver of the generator may call it in another thread.
    If the driver does not, the call is made here.
    """
    if size <= LONG:
        return function()
    work = LongWork(function)
    yield work
    found: Result = work.result_now()
    return found


def run_to_result(steps: Generator[Any, None, Result]) -> Result:
    """Run a generator to its end at once and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Result = end.value
            return found
