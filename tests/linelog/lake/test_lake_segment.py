"""Putting a segment into a lake: its lines are there once, and nobody's file is replaced."""

import functools
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow.parquet
import pytest

from logsrv.linelog.lake import lake_segment as module
from logsrv.linelog.lake.lake_file import LakeNote
from logsrv.linelog.lake.lake_segment import (
    has_days,
    put_lake_segment,
    size_there,
    sizes_of_other_days,
)
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ArchiveError, ChangedObject
from logsrv.linelog.objects.putting import OtherSegment, PuttingCancelled
from logsrv.linelog.store.notes.manifest import segment_base_name
from tests.parts.archived_stores import STORE, files_of, packed
from tests.parts.disks import at
from tests.parts.lakes import lake_in, name, over_midnight, put, rows_of, store_of


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store_of(tmp_path / "store", over_midnight())
    return tmp_path / "store"


@pytest.fixture
def lake(tmp_path: Path) -> DirectoryArchive:
    return lake_in(tmp_path / "lake")


def is_whole(lake: DirectoryArchive, store: Path) -> bool:
    [segment] = [segment_base_name(one.name) for one in packed(store)]
    size = size_there(lake, name(20))
    others = None if size is None else sizes_of_other_days(lake, STORE, segment, size)
    return others is not None and has_days(lake, STORE, segment, others)


def test_a_segment_over_midnight_is_two_files(lake, store, tmp_path):
    assert not is_whole(lake, store)
    put(lake, store)
    assert sorted(lake.names()) == [name(20), name(21)]
    assert [int(dict(row["fields"])["n"]) for row in rows_of(tmp_path / "lake")] == [*range(20)]
    assert is_whole(lake, store)
    before = files_of(tmp_path / "lake")
    put(lake, store)
    assert files_of(tmp_path / "lake") == before
    lake.remove(name(21))
    assert not is_whole(lake, store)
    put(lake, store)
    assert files_of(tmp_path / "lake") == before


def test_two_that_put_the_same_segment_at_once_leave_it_there_once(store, tmp_path):
    """The second puts all of it while the first has its first file half written."""
    expected = lake_in(tmp_path / "expected")
    put(expected, store)
    second, left = lake_in(tmp_path / "lake"), [True]

    class FirstLake(DirectoryArchive):
        def create(self, name: str, pieces: Iterable[bytes]) -> None:
            def pieces_and_second() -> Iterator[bytes]:
                for piece in pieces:
                    yield piece
                    if left:
                        left.pop()
                        put(second, store)

            super().create(name, pieces_and_second())

    first = FirstLake(str(tmp_path / "lake"))
    with pytest.raises(ArchiveError, match="another process makes it"):
        put(first, store)
    assert files_of(tmp_path / "lake") == files_of(tmp_path / "expected")
    put(first, store)
    assert files_of(tmp_path / "lake") == files_of(tmp_path / "expected")


def test_the_first_file_comes_last_and_a_repetition_makes_the_same(lake, store, tmp_path):
    steps = iter([True] * 4)
    [segment] = packed(store)
    with pytest.raises(PuttingCancelled):
        put_lake_segment(lake, segment, at(store), STORE, lambda: next(steps, False))
    assert lake.names() == [name(21)]
    half = files_of(tmp_path / "lake")
    put(lake, store)
    assert files_of(tmp_path / "lake")[name(21)] == half[name(21)]


@pytest.mark.parametrize("day", [20, 21])
def test_a_file_of_somebody_else_is_not_replaced(lake, store, tmp_path, day):
    strange = tmp_path / "strange"
    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), strange)
    lake.create(name(day), [strange.read_bytes()])
    with pytest.raises(ArchiveError, match=r"another file, or a damaged one, .* move it") as error:
        put(lake, store)
    assert error.value.settled and name(day) in str(error.value)
    assert lake.read(name(day)) == strange.read_bytes()
    lake.remove(name(day))
    put(lake, store)
    assert is_whole(lake, store)


def test_another_segment_under_the_name_is_that_of_a_copied_store(lake, store, tmp_path):
    put(lake, store)
    before = files_of(tmp_path / "lake")
    store_of(tmp_path / "copy", over_midnight(18))
    with pytest.raises(OtherSegment, match="--new-identity"):
        put(lake, tmp_path / "copy")
    assert files_of(tmp_path / "lake") == before


def test_a_file_that_another_version_made_stays(lake, store, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        earlier = functools.partial(LakeNote, made_by="pyarrow 1.0")
        patched.setattr(module, "LakeNote", earlier)
        put(lake, store)
    before = files_of(tmp_path / "lake")
    lake.remove(name(20))
    put(lake, store)
    assert files_of(tmp_path / "lake")[name(21)] == before[name(21)]
    assert is_whole(lake, store)


def test_a_lost_day_of_another_version_is_made_again_with_the_first_file_that_tells_its_size(
    lake, store, monkeypatch
):
    """Otherwise the segment would never be whole again, and retention would wait for it for ever."""
    with monkeypatch.context() as patched:
        earlier = functools.partial(LakeNote, made_by="pyarrow 1.0, whose files have another size")
        patched.setattr(module, "LakeNote", earlier)
        put(lake, store)
    lake.remove(name(21))
    put(lake, store)
    assert is_whole(lake, store)


def test_a_file_of_this_version_with_other_bytes_is_damaged_and_made_again(lake, store, tmp_path):
    put(lake, store)
    good = files_of(tmp_path / "lake")
    path = tmp_path / "lake" / name(20)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    put(lake, store)
    assert files_of(tmp_path / "lake") == good


class LyingDirectory(DirectoryArchive):
    """An archive that stores other bytes than it gets."""

    def create(self, name: str, pieces: Iterable[bytes]) -> None:
        super().create(name, [b"".join(pieces)[:-1]])


def test_a_lake_that_lies_has_nothing(store, tmp_path):
    lake_in(tmp_path / "lies")
    with pytest.raises(ChangedObject, match="is not what was archived"):
        put(LyingDirectory(str(tmp_path / "lies")), store)


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Run in a process that is killed before write, sync, link or unlink number `step`; return whether."""
    child = os.fork()
    if not child:
        left = [step]

        def counted(call: Callable[..., object]) -> Callable[..., object]:
            def run(*args: object, **named: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **named)

            return run

        try:
            for one in ("writev", "fdatasync", "fsync", "link", "unlink", "mkdir"):
                setattr(os, one, counted(getattr(os, one)))
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_a_kill_at_any_step_leaves_whole_files_and_the_next_attempt_the_rest(store, tmp_path):
    put(lake_in(tmp_path / "wanted"), store)
    wanted = files_of(tmp_path / "wanted")
    step, was_killed = 0, True
    while was_killed:
        folder = tmp_path / "lake"
        shutil.rmtree(folder, ignore_errors=True)
        lake = lake_in(folder)
        was_killed = killed_at(step, lambda: put(lake, store))  # noqa: B023
        assert files_of(folder).items() <= wanted.items()
        put(lake, store)
        assert files_of(folder) == wanted
        step += 1
    assert step > 10
