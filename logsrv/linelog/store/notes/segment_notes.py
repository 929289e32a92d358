"""Notes of segments in three small files: of removed ones, of empty ones, and of those that wait.

The file `removed` tells how much a late reader has missed. It has the numbers of removed segments, with the
bytes and the lines of their texts, the newest last, and a checksum (kit/text/checksums.py):
`removed 3-16:4294967296:43820412 17:268435456:2738776`. When it has too many entries, the oldest neighbours
are merged, but no entry that begins at the segment of a reader is merged with the one before it.

The file `empty` has the numbers of removed segments without lines, as `empty 5-20 22`: a reader has missed
nothing there. Each start after a crash may leave an empty segment.

The file `waiting` has the sizes of the segments that wait to be compressed, to notice a shortened one. It
is a line `{"17":268435456,"18":1048576} 561bacaf`: the numbers of segments, the newest last, with the bytes
of their texts, and a checksum. A segment is noted when all of it is on the medium, and stays noted after it
is compressed. The file itself is not synced, because an older version of it is still true.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from logsrv.kit.text.checksums import (
    json_then_checksum,
    line_with_checksum,
    read_json_then_checksum,
    strip_checksum,
)
from logsrv.linelog.store.disk import Disk, read_or
from logsrv.linelog.store.segment import Form, Listing, Position, Segment, save_number

REMOVED, EMPTY, WAITING = "removed", "empty", "waiting"
# The most runs or segments in a file. The oldest of more are merged or left out: hardly any reader is so
# late, and hardly ever do so many segments wait.
_MOST = 1000
_LARGEST = 1 << 17


class MissingText(NamedTuple):
    """The amount of missing text. known: False if an unknown amount more may be missing."""

    bytes: int = 0
    lines: int = 0
    known: bool = True

    def __bool__(self) -> bool:
        return self != MissingText()

    def plus(self, other: MissingText) -> MissingText:
        """Return the sum of both amounts."""
        return MissingText(
            self.bytes + other.bytes, self.lines + other.lines, self.known and other.known
        )

    def minus(self, other: MissingText) -> MissingText:
        """Return what is left of this amount without another, which is a part of it."""
        return MissingText(
            max(self.bytes - other.bytes, 0),
            max(self.lines - other.lines, 0),
            self.known or not other.known,
        )


UNKNOWN = MissingText(1, 0, known=False)
"""A missing segment of unknown size: it had one byte at least."""


class RemovedRun(NamedTuple):
    """A run of removed segments, with the bytes and the lines of all their texts."""

    numbers: range
    bytes: int
    lines: int


def removed_runs(disk: Disk) -> list[RemovedRun]:
    """Return the runs in the file `removed` in order; none if it cannot be read or is damaged."""
    return read_or([], read_removed, disk)


def read_removed(disk: Disk) -> list[RemovedRun]:
    """Return the runs in the file `removed`. Raises OSError, and ValueError if it is damaged."""
    return [_parse_run(word) for word in _read_note_words(REMOVED, disk)]


def runs_of_empty_segments(disk: Disk) -> list[range]:
    """Return the runs in the file `empty` in order; none if it cannot be read or is damaged."""
    return read_or([], read_empty_runs, disk)


def read_empty_runs(disk: Disk) -> list[range]:
    """Return the runs in the file `empty`. Raises OSError, and ValueError if it is damaged."""
    return [_parse_numbers(word) for word in _read_note_words(EMPTY, disk)]


def removed_or_empty_numbers(disk: Disk) -> list[range]:
    """Return the runs of numbers that were removed, or had no lines, in order."""
    removed = [run.numbers for run in removed_runs(disk)]
    return sorted([*removed, *runs_of_empty_segments(disk)], key=lambda run: run.start)


def _read_note_words(name: str, disk: Disk) -> list[str]:
    """Return the words of a file, without the name that it begins with.

    Older versions wrote only the words: such a file has no letters and no checksum. Raises as
    `read_removed` does.
    """
    data = disk.read(name, _LARGEST)
    if not data.translate(None, b"0123456789:- \n") and data.endswith(b"\n"):
        return data.decode().split()
    return strip_checksum(data).decode("latin-1").removeprefix(name).split()


def _write_note(name: str, words: Iterable[str], disk: Disk) -> None:
    # Durable: a power cut that kept a removal without its note would make readers report a gap.
    disk.replace_durably(name, line_with_checksum(" ".join((name, *words)).encode()))


def note_removed(segments: Iterable[RemovedRun], disk: Disk, kept: Collection[int] = ()) -> None:
    """Add segments to the file `removed`. Raises OSError.

    kept: the numbers of segments where readers are. At each of these an entry has to begin.
    """
    runs = sorted([*removed_runs(disk), *segments], key=lambda run: run.numbers.start)
    runs = list({run.numbers.start: run for run in runs}.values())
    made: list[RemovedRun] = []
    for left, run in zip(range(len(runs), 0, -1), runs, strict=True):
        last = made[-1] if made else None
        follows = last is not None and last.numbers.stop == run.numbers.start
        if len(made) + left > _MOST and follows and run.numbers.start not in kept:
            assert last is not None
            numbers = range(last.numbers.start, run.numbers.stop)
            made[-1] = RemovedRun(numbers, last.bytes + run.bytes, last.lines + run.lines)
        else:
            made.append(run)
    words = [f"{_run_text(run.numbers)}:{run.bytes}:{run.lines}" for run in made[-_MOST:]]
    _write_note(REMOVED, words, disk)


def note_empty(number: int, disk: Disk) -> None:
    """Add a number to the file `empty`. Raises OSError."""
    runs = runs_of_empty_segments(disk)
    if any(number in run for run in runs):
        return
    if runs and runs[-1].stop == number:
        runs[-1] = range(runs[-1].start, number + 1)
    else:
        runs = sorted([*runs, range(number, number + 1)], key=lambda run: run.start)[-_MOST:]
    _write_note(EMPTY, map(_run_text, runs), disk)


def gaps(numbers: Iterable[int], explained: Sequence[range]) -> Iterator[range]:
    """Yield the runs of numbers missing among `numbers`. explained: runs that may be missing, in order."""
    for before, after in pairwise(sorted(set(numbers))):
        at = before + 1
        for run in explained if at < after else ():
            if at < min(run.start, after):
                yield range(at, min(run.start, after))
            at = max(at, run.stop)
        if at < after:
            yield range(at, after)


def segments_in_words(run: range) -> str:
    """Return a run of segments for a sentence, such as `segments 3 to 5`."""
    return f"segments {run[0]} to {run[-1]}" if len(run) > 1 else f"segment {run[0]}"


def missed_text(position: Position, following: int, disk: Disk) -> MissingText:
    """Return how much text of removed segments was between a position and the segment `following`.

    The number of lines after the position in its segment is estimated from the number of bytes.
    """
    removed = {run.numbers.start: run for run in removed_runs(disk)}
    empty = runs_of_empty_segments(disk)
    known = [following, *removed, *(run.start for run in empty)]
    number, total = position.segment, MissingText()
    while number < following:
        if (run := removed.get(number)) is not None:
            total = total.plus(
                _missing_from(run, position.offset if number == position.segment else 0)
            )
            number = run.numbers.stop
        elif (nothing := next((one for one in empty if number in one), None)) is not None:
            number = nothing.stop
        else:
            after = min(one for one in known if one > number)
            # Each of these segments had at least one byte.
            total = total.plus(MissingText(after - number, 0, known=False))
            number = after
    return total


def _missing_from(run: RemovedRun, offset: int) -> MissingText:
    """Return the amount of text in a run from an offset on; UNKNOWN if the run has less text."""
    if offset > run.bytes:
        return UNKNOWN
    left = run.bytes - offset
    return MissingText(left, round(run.lines * left / run.bytes) if run.bytes else 0)


def _parse_run(word: str) -> RemovedRun:
    numbers, size, *lines = word.split(":")
    run = RemovedRun(_parse_numbers(numbers), int(size), int(lines[0]) if lines else 0)
    if len(lines) > 1 or min(run.bytes, run.lines) < 0:
        raise ValueError("it makes no sense")
    return run


def _parse_numbers(word: str) -> range:
    first, _, last = word.partition("-")
    numbers = range(int(first), int(last or first) + 1)
    if not numbers:
        raise ValueError("it makes no sense")
    return numbers


def _run_text(run: range) -> str:
    return str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}"


def waiting_sizes(disk: Disk) -> dict[int, int]:
    """Return the bytes of text by segment number; none if the file cannot be read or is damaged."""
    return read_or({}, read_waiting, disk)


def read_waiting(disk: Disk) -> dict[int, int]:
    """Return the bytes of text by segment number. Raises OSError, and ValueError if it is damaged."""
    found = read_json_then_checksum(disk.read(WAITING, _LARGEST))
    if not all(isinstance(size, int) for size in found.values()):
        raise ValueError("it has a size that is no number")
    return {int(number): size for number, size in found.items()}


def note_waiting(number: int, size: int, disk: Disk) -> None:
    """Add a segment to the file `waiting`. size: the bytes of its text. Raises OSError."""
    known = [*waiting_sizes(disk).items(), (number, size)][-_MOST:]
    disk.replace(WAITING, json_then_checksum({str(one): size for one, size in known}), sync=False)


def remove_empty_segment(plain: Segment, active: int, disk: Disk) -> None:
    """Remove a plain segment without lines. active: the number of the active one. Raises OSError."""
    # The name of the file shows that its number was used; from now on the file `number` shows this.
    save_number(active, disk)
    # If the note cannot be written, readers are told that text may be missing. A segment that somebody
    # emptied did have lines, so it gets no note.
    with contextlib.suppress(OSError):
        if not waiting_sizes(disk).get(plain.number):
            note_empty(plain.number, disk)
    disk.unlink(plain.name)


def missing_without_note(
    disk: Disk, known: Mapping[int, Segment], before: int, after: int
) -> list[str]:
    """Return a sentence for each run of segments between two others that is gone without a note.

    known: the segments that were listed before, by number. Raises OSError.
    """
    # Listed again: a segment that is sealed during a listing may be in it under neither name. The notes are
    # read after the listing, because a segment is noted before it is removed.
    listed = Listing(disk)
    between = {one for one in (*listed.by_number, listed.active) if before < one < after}
    found = []
    for run in gaps({before, *between, after}, removed_or_empty_numbers(disk)):
        one, other = known.get(run.start - 1), known.get(run.stop)
        since = f" from {one.first_time} on" if one else ""
        until = f" up to {other.first_time}" if other and other.form is not Form.ACTIVE else ""
        found.append(
            f"{segments_in_words(run)} {'is' if len(run) == 1 else 'are'} missing, with lines{since}"
            f"{until}, and no note says why; logsrv doctor says what to do"
        )
    return found
