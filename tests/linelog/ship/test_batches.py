"""Batches of lines: all that a query asks for, each once, in sizes that a target takes."""

import errno
import os
from itertools import chain
from pathlib import Path

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.batches import LineBatches
from logsrv.linelog.ship.durable import DurableFollower
from logsrv.linelog.ship.targets.target import LineBatch
from logsrv.linelog.store.notes.segment_notes import UNKNOWN, MissingText
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store

SEGMENTS = [[line(f"{segment} {n % 7}", n) for n in range(500)] for segment in range(3)]
LINES = [one[:-1] for lines in SEGMENTS for one in lines]
LINE = len(SEGMENTS[0][0])
BEGIN = Position(1, 0)
END = Position(3, 500 * LINE)


def batches(
    directory: Path,
    query: str | None = None,
    begin: Position = BEGIN,
    gaps: list[MissingText] | None = None,
    most_lines: int = 100,
    most_bytes: int = 1 << 20,
) -> LineBatches:
    told = [] if gaps is None else gaps
    return LineBatches(
        View(str(directory), lambda _: None),
        begin,
        query,
        lambda missing, *_: told.append(missing),
        most_lines=most_lines,
        most_bytes=most_bytes,
    )


def all_of(found: LineBatches) -> list[LineBatch]:
    there = list(chain.from_iterable(iter(found.read_batches, [])))
    found.close()
    return there


@pytest.fixture(params=[0, 2])
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return make_store(tmp_path / "logs", SEGMENTS, packed=request.param)


def test_all_lines_come_once_in_batches(directory):
    found = all_of(batches(directory))
    assert [one for batch in found for one in batch.lines] == LINES
    assert max(len(batch.lines) for batch in found) == 100
    assert [batch.end for batch in found if batch.end.segment == 3][-1] == END
    # Each end is a place to go on at.
    for batch in found:
        behind = all_of(batches(directory, begin=batch.end))
        there = sum(len(one.lines) for one in found[: found.index(batch) + 1])
        assert [one for each in behind for one in each.lines] == LINES[there:]


def test_a_batch_has_at_most_most_bytes_and_a_longer_line_is_alone(tmp_path):
    long = line("x" * 500)
    directory = make_store(tmp_path / "logs", [[line("a"), line("b"), long, line("c")]])
    found = all_of(batches(directory, most_bytes=2 * len(line("a"))))
    assert [len(batch.lines) for batch in found] == [2, 1, 1]


def test_a_query_leaves_lines_out(directory):
    found = all_of(batches(directory, '"1 3" OR position:"3:0"'))
    wanted = [one for one in LINES if b" 1 3" in one]
    there = [one for batch in found for one in batch.lines]
    assert there == [*wanted, LINES[1000]]
    assert found[-1].end == END


def test_a_batch_without_matching_lines_still_moves_the_place(directory):
    found = all_of(batches(directory, "nowhere"))
    assert found == [LineBatch([], END)]


def test_an_invalid_query_raises_query_error(directory):
    with pytest.raises(QueryError):
        batches(directory, "(")


def test_removed_text_is_passed_to_gap(tmp_path):
    directory = make_store(tmp_path / "logs", SEGMENTS)
    path = next(directory.glob("0000000002-*.zst"))
    gaps: list[MissingText] = []
    found = batches(directory, gaps=gaps)
    first = found.read_batches()
    path.unlink()
    there = [one for batch in [*first, *all_of(found)] for one in batch.lines]
    assert there == LINES[:500] + LINES[1000:] and gaps == [UNKNOWN]


@pytest.mark.slow
def test_damaged_text_is_passed_to_gap_with_its_size(tmp_path):
    many = [line(f"{n:06}", n / 100) for n in range(60_000)]
    directory = make_store(tmp_path / "logs", [many, [line("behind")]])
    path = next(directory.glob("*.zst"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    gaps: list[MissingText] = []
    there = [one for batch in all_of(batches(directory, gaps=gaps)) for one in batch.lines]
    missing = len(b"".join(many)) + len(line("behind")) - sum(len(one) + 1 for one in there)
    assert gaps == [MissingText(missing)] and missing > 900_000


def test_more_is_true_while_there_may_be_another_batch(directory):
    found = batches(directory, most_lines=400)
    while (some := found.read_batches()) and some[-1].end != END:
        assert found.may_have_more
    assert not found.read_batches() and not found.may_have_more
    with open(directory / "current.log", "ab") as file:
        file.write(line("later"))
        file.flush()
        file.write(b"half a line")
        file.flush()
        [later] = found.read_batches()
        assert later.lines == [line("later")[:-1]]
        assert not found.read_batches()
        file.write(b"\n")
    assert found.read_batches() == [
        LineBatch([b"half a line"], Position(3, END.offset + LINE + 2 + 12))
    ]
    found.close()


def test_unsynced_text_is_in_no_batch(directory, monkeypatch):
    def failing(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    found = batches(directory, begin=Position(3, 0))
    with pytest.raises(Exception, match="cannot be synced to the disk: Input/output error"):
        found.read_batches()
    found.close()


def test_lines_read_before_an_error_are_not_lost(directory, monkeypatch):
    """As a sync that fails, or a limit of open files, behind the first of several pieces."""
    found = batches(directory, most_lines=10_000)
    opened, errors = (
        DurableFollower.open_segment,
        [OSError(errno.EMFILE, os.strerror(errno.EMFILE))],
    )

    def failing(follower: DurableFollower) -> object:
        if follower.position.segment == 2 and errors:
            raise errors.pop()
        return opened(follower)

    monkeypatch.setattr(DurableFollower, "open_segment", failing)
    [first] = found.read_batches()
    assert list(first.lines) == LINES[:500] and found.may_have_more
    errors.append(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
    with pytest.raises(OSError, match="open files"):
        found.read_batches()
    assert [one for batch in all_of(found) for one in batch.lines] == LINES[500:]
