"""Stores of many small segments, for the tests."""

from pathlib import Path

from tests.parts.stores import line, make_store


def small_segments(directory: Path, number: int) -> Path:
    """Make a store of so many sealed segments of three lines, one each minute.

    Segment n has the word `speciesN`, the letters of n, and a number that no other has.
    """
    texts = [
        [
            line(f"species{letters(one)} seen", 60 * one),
            line(f"request id={one * 7919 + 1_000_000} took 5 ms", 60 * one + 1),
            line("everywhere the same", 60 * one + 2),
        ]
        for one in range(1, number + 1)
    ]
    return make_store(directory, [*texts, [line("not sealed", 60 * (number + 1))]])


def letters(number: int) -> str:
    """Return a number in letters only, as words are."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))
