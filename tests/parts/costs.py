"""Costs that are the same on any machine: calls, and bytes of memory that is taken anew."""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any


def calls(work: Callable[[], object]) -> int:
    """Return how many functions work calls, of Python and of C."""
    number = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    _profiled(work, count)
    return number


def allocated(work: Callable[[], object]) -> int:
    """Return how many bytes work takes anew from one call to the next, given back or not: those it copies.

    Of what is taken between two calls, or within one of C, only the highest sum counts.
    """
    total = before = 0

    def add(frame: FrameType, event: str, argument: object) -> None:
        nonlocal total, before
        now, peak = tracemalloc.get_traced_memory()
        total += max(0, peak - before)
        tracemalloc.reset_peak()
        before = now

    tracemalloc.start()
    try:
        _profiled(work, add)
    finally:
        tracemalloc.stop()
    return total


def _profiled(
    work: Callable[[], object], profile: Callable[[FrameType, str, object], None]
) -> None:
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)


class SoughtBytes(bytearray):
    """A bytearray that counts the bytes in which something is sought: in the place of a module's."""

    sought = 0

    def find(self, what: Any, start: int = 0, stop: int | None = None) -> int:  # type: ignore[override]
        end = len(self) if stop is None else min(stop, len(self))
        found = super().find(what, start, end)
        SoughtBytes.sought += (end if found < 0 else found) - start
        return found


def doubled(cost: Callable[[int], int], number: int) -> float:
    """Return how many times as much twice the number costs: 2 if it is in proportion, 4 with squares."""
    return cost(2 * number) / cost(number)
