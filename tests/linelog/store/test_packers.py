"""Large segments are packed side by side, and had in their order."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.sealing import packer
from logsrv.linelog.store.sealing.packer import Packer, PackerPool
from logsrv.linelog.store.sealing.seal import Interrupted, pack_here, seal
from logsrv.linelog.store.segment import Segment
from tests.parts.clocks import HandClock
from tests.parts.disks import at, plain_segment, stored, text_of

TEXT = stored(*(b"line %d" % number for number in range(5_000)))
MakePackers = Callable[[], PackerPool]
AT_MOST = 60.0


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakePackers]:
    made: list[PackerPool] = []

    def one() -> PackerPool:
        made.append(PackerPool(at(tmp_path), lambda: 0, lambda: None, HandClock().monotonic))
        return made[-1]

    yield one
    for each in made:
        each.end_processes()


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packer, "SMALL", 0)


def plain(directory: Path, count: int) -> list[Segment]:
    (directory / "current.log").touch()
    return [plain_segment(directory, TEXT, number) for number in range(1, count + 1)]


def going() -> bool:
    return True


def with_words(_: int) -> bool:
    return True


def by(
    step: Callable[[Segment, Callable[[], bool]], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let `step` come before each segment that is packed beside others."""

    def pack(
        _: Packer, segment: Segment, disk: Disk, going: Callable[[], bool], with_words: bool
    ) -> Index:
        step(segment, going)
        return pack_here(segment, disk, going, with_words)

    monkeypatch.setattr(Packer, "pack", pack)


@pytest.mark.slow
@pytest.mark.usefixtures("all_large")
def test_segments_are_packed_by_several_processes(tmp_path, make):
    segments, packs = plain(tmp_path, 4), make()
    with packs.side_by_side(2) as begin:
        for done, segment in enumerate(segments):
            begin(segments[done:], going, with_words)
            seal(segment, at(tmp_path), pack=packs.await_or_pack)
    assert text_of(tmp_path) == 4 * TEXT
    assert sorted(path.suffix for path in tmp_path.iterdir()) == sorted(
        [".log", *(4 * [".idx", ".words", ".zst"])]
    )


@pytest.mark.usefixtures("all_large")
def test_two_segments_are_packed_at_the_same_time(tmp_path, make, monkeypatch):
    segments, packs, together = plain(tmp_path, 2), make(), threading.Barrier(2)
    by(lambda *_: together.wait(AT_MOST), monkeypatch)
    with packs.side_by_side(2) as begin:
        begin(segments, going, with_words)
        for segment in segments:
            seal(segment, at(tmp_path), pack=packs.await_or_pack)
    assert text_of(tmp_path) == 2 * TEXT


@pytest.mark.usefixtures("all_large")
def test_a_segment_that_is_packed_early_gets_its_name_in_its_turn(tmp_path, make, monkeypatch):
    segments, packs, second = plain(tmp_path, 2), make(), threading.Event()

    def step(segment: Segment, _: Callable[[], bool]) -> None:
        if segment is segments[0]:
            assert second.wait(AT_MOST)
            assert not list(tmp_path.glob("*.zst"))

    by(step, monkeypatch)
    with packs.side_by_side(2) as begin:
        begin(segments, going, with_words)
        packs._packing[segments[1]].made.add_done_callback(lambda _: second.set())
        for segment in segments:
            seal(segment, at(tmp_path), pack=packs.await_or_pack)
            assert (tmp_path / segment.packed).exists()
    assert text_of(tmp_path) == 2 * TEXT


@pytest.mark.usefixtures("all_large")
def test_a_segment_that_nobody_asks_for_is_given_up_and_leaves_no_file(tmp_path, make, monkeypatch):
    segments, packs, begun = plain(tmp_path, 3), make(), threading.Barrier(3)
    left: list[Segment] = []

    def step(segment: Segment, wanted: Callable[[], bool]) -> None:
        begun.wait(AT_MOST)
        while wanted():
            threading.Event().wait(0.01)
        left.append(segment)

    by(step, monkeypatch)
    with packs.side_by_side(2) as begin:
        begin(segments, going, with_words)
        begun.wait(AT_MOST)
    assert set(left) == set(segments[:2])
    assert {path.name for path in tmp_path.iterdir()} == {
        "current.log",
        *(one.name for one in segments),
    }


@pytest.mark.usefixtures("all_large")
def test_a_segment_that_cannot_be_packed_fails_in_its_turn(tmp_path, make, monkeypatch):
    segments, packs = plain(tmp_path, 2), make()

    def step(segment: Segment, _: Callable[[], bool]) -> None:
        if segment is segments[1]:
            raise OSError("no")

    by(step, monkeypatch)
    with packs.side_by_side(2) as begin:
        begin(segments, going, with_words)
        seal(segments[0], at(tmp_path), pack=packs.await_or_pack)
        with pytest.raises(OSError, match="no"):
            seal(segments[1], at(tmp_path), pack=packs.await_or_pack)
    assert text_of(tmp_path) == 2 * TEXT
    assert (tmp_path / segments[1].name).exists()


def test_a_small_segment_is_packed_in_the_server(tmp_path, make, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    [segment], packs = plain(tmp_path, 1), make()
    with packs.side_by_side(2) as begin:
        begin([segment], going, with_words)
        seal(segment, at(tmp_path), pack=packs.await_or_pack)
    assert text_of(tmp_path) == TEXT


@pytest.mark.usefixtures("all_large")
def test_a_stop_gives_up_all_segments_being_packed(tmp_path, make):
    segments, packs = plain(tmp_path, 2), make()
    with packs.side_by_side(2) as begin:
        begin(segments, lambda: False, with_words)
        with pytest.raises(Interrupted):
            seal(segments[0], at(tmp_path), lambda: False, pack=packs.await_or_pack)
    names = {name for name in os.listdir(tmp_path) if name != "current.log"}
    assert names == {one.name for one in segments}
