"""Numbers of segments that had no lines and are gone: whoever follows the store has missed nothing there.

The file `empty` has them, as `empty 5-20 22`, the newest last, with its sum (kit/text/sums.py). Each start
after a crash may leave such a segment.
"""

from __future__ import annotations

from collections.abc import Iterable

from logsrv.kit.text.sums import with_sum, without_sum
from logsrv.linelog.store.segments.disk import Disk

EMPTY = "empty"
# Runs of numbers that are kept. Who follows is hardly ever behind so many of them.
_MOST_RUNS = 1000
_LARGEST = 64 << 10


def empty_numbers(disk: Disk) -> list[range]:
    """Return the runs of numbers, in order; those that the file has, if it can be read."""
    try:
        return read_empty(disk)
    except (OSError, ValueError):
        return []


def read_empty(disk: Disk) -> list[range]:
    """Return what the file says. Raises OSError, and ValueError if it is damaged."""
    return [_run(word) for word in words_of(disk.read(EMPTY, _LARGEST), EMPTY)]


def words_of(data: bytes, name: str) -> list[str]:
    """Return the words behind the name that a note begins with. Raises ValueError if it is damaged.

    A version that knew no sums wrote the words alone, which have no letters.
    """
    if not data.translate(None, b"0123456789:- \n") and data.endswith(b"\n"):
        return data.decode().split()
    return without_sum(data).decode("latin-1").removeprefix(name).split()


def noted_words(name: str, words: Iterable[str]) -> bytes:
    """Return a note as the file `name` holds it."""
    return with_sum(" ".join((name, *words)).encode())


def note_empty(number: int, disk: Disk) -> None:
    """Let the file `empty` have a number as well. Raises OSError."""
    runs = empty_numbers(disk)
    if any(number in run for run in runs):
        return
    if runs and runs[-1].stop == number:
        runs[-1] = range(runs[-1].start, number + 1)
    else:
        runs = sorted([*runs, range(number, number + 1)], key=lambda run: run.start)[-_MOST_RUNS:]
    disk.replace(EMPTY, noted_words(EMPTY, map(_text, runs)))


def were_empty(numbers: range, disk: Disk) -> bool:
    """Return whether each of some numbers was that of a segment without lines."""
    at = numbers.start
    for run in empty_numbers(disk):
        if at in run:
            at = run.stop
    return at >= numbers.stop


def _run(word: str) -> range:
    first, _, last = word.partition("-")
    return range(int(first), int(last or first) + 1)


def _text(run: range) -> str:
    return str(run.start) if len(run) == 1 else f"{run.start}-{run.stop - 1}"
