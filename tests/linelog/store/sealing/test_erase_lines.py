"""Lines are overwritten in every form of a segment, and nothing else changes."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import attrs
import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.segment_index import Index, load
from logsrv.linelog.store.notes.erase_plan import is_unfinished
from logsrv.linelog.store.notes.erased import load_erased
from logsrv.linelog.store.notes.segment_notes import RemovedRun, note_removed
from logsrv.linelog.store.sealing import packer
from logsrv.linelog.store.sealing.erase_lines import LineEraser
from logsrv.linelog.store.sealing.packer import PackerPool
from logsrv.linelog.store.sealing.seal import Interrupted, pack_here, seal
from logsrv.linelog.store.segment import ACTIVE, Form, sealed_name, sealed_segments
from logsrv.linelog.store.starting.making import right_to_make
from tests.parts.disks import Crash, CrashingDisk, at, text_of
from tests.parts.erasing import (
    WORDS,
    erase,
    everything,
    files_with_person,
    hits,
    line_of_person,
    other_line,
    plan_for,
    store_with_person,
)
from tests.parts.examined_stores import found as doctor_finds
from tests.parts.stores import add_columns, line, make_store, small_frames


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    with small_frames(1500):
        yield store_with_person(tmp_path / "store", columns=True)


def test_no_file_of_the_store_has_a_byte_of_the_erased_text(store):
    assert len(files_with_person(store)) == 6
    erase(store)
    assert files_with_person(store) == []


def test_all_other_lines_stay_where_they_are(store):
    before = hits(store, "")
    others = [one for one in before if b"user=ann" in one[1]]
    erase(store)
    after = hits(store, "")
    assert [position for position, _ in after] == [position for position, _ in before]
    assert [one for one in after if b"user=ann" in one[1]] == others
    assert hits(store, "zebulon OR quist") == []
    for (_, one), (_, other) in zip(before, after, strict=True):
        assert one[:28] == other[:28] and len(one) == len(other)


def test_the_note_says_what_was_erased_and_no_word_of_it(store):
    erase(store)
    notes = load_erased(at(store))
    assert [(one.reason, one.by, one.segments) for one in notes.erasures] == [
        ("they asked", "ann", 4)
    ]
    assert {*notes.segments} == {1, 2, 3, 4}
    assert not (store / "erasing").exists()


def test_indexes_and_words_are_those_of_the_new_text(store):
    erase(store)
    assert doctor_finds(store) == []
    for one in sealed_segments(at(store)):
        if one.form is Form.PACKED:
            assert (store / one.words).exists()
            assert load(one, at(store)).compressed == (store / one.name).stat().st_size
    assert len(hits(store, '"(erased)"')) == len(hits(store, "NOT user=ann"))


def test_a_store_is_as_if_its_lines_had_been_written_erased(tmp_path):
    """Texts, indexes, words and columns are the same bytes: so every engine answers the same."""
    with small_frames(1500):
        store = store_with_person(tmp_path / "store", columns=True)
        erase(store)
        add_columns(store)
        there = [line for _, line in hits(store, "")]
        segments = [there[at : at + 40] for at in range(0, len(there), 40)]
        other = make_store(
            tmp_path / "other", [[line + b"\n" for line in each] for each in segments], packed=2
        )
        add_columns(other)
    names = sorted(path.name for path in other.glob("*") if path.name != "number")
    assert len(names) == 10
    differ = [name for name in names if (store / name).read_bytes() != (other / name).read_bytes()]
    assert differ == []


def test_a_second_erase_changes_nothing(store):
    erase(store)
    text = text_of(store)
    erase(store, '"(erased)"')
    assert text_of(store) == text and doctor_finds(store) == []


def test_everything_can_be_erased(store):
    size, count = len(text_of(store)), len(hits(store, ""))
    erase(store, "")
    text = text_of(store)
    assert len(text) == size and text.count(b"\n") == count
    assert b"ann" not in text and doctor_finds(store) == []


def test_the_time_of_the_last_line_of_a_segment_stays(store):
    """Retention takes the time of the file for it; and a backup must see another file."""
    sealed = sealed_segments(at(store))
    before = [(store / one.name).stat().st_mtime_ns for one in sealed]
    erase(store)
    after = [(store / one.name).stat().st_mtime_ns for one in sealed]
    assert [one - other for one, other in zip(after, before, strict=True)] == [1000] * 3


def test_segments_without_a_line_of_them_stay_as_they_are(tmp_path):
    quiet = [[other_line(number, number) for number in range(9)] for _ in range(4)]
    quiet[2].append(line_of_person(1, 99))
    store = make_store(tmp_path / "store", quiet)
    before = everything(store)
    erase(store)
    after = everything(store)
    assert {name for name in before if before[name] != after.get(name)} == {
        name for name in before if name.startswith("0000000003-")
    }


def test_what_a_later_index_has_of_an_erased_line_is_made_again(tmp_path):
    """The index of a segment keeps the first line of a record that begins in the segment before."""
    first = line(
        "<11>1 2026-11-20T06:00:00Z Zebulon app - - - ERROR failed for quist@example.org", 1
    )
    trace = [line(f"\tat com.example.Shop.pay(Shop.java:{number})", 2) for number in range(8)]
    rest = [other_line(number, 5) for number in range(9)]
    store = make_store(tmp_path / "store", [[first, *trace[:2]], [*trace[2:], *rest], rest])
    assert [name[:10] for name in files_with_person(store)] == ["0000000001", "0000000002"]
    erase(store)
    assert files_with_person(store) == [] and doctor_finds(store) == []


def test_a_damaged_frame_stays_and_the_others_are_erased(store):
    first = sealed_segments(at(store))[0]
    frames = load(first, at(store)).frames
    with open(store / first.name, "r+b") as file:
        file.seek(frames[1].at + 20)
        file.write(b"damaged")
    outcome = erase(store, is_damaged=True)
    assert outcome.damaged == {1: "lines of it cannot be read"}
    left = text_of(store, [])
    assert b"quist" not in left and left.count(b"user=ann") > 100
    assert [one.kind for one in doctor_finds(store)] == ["text"]


def test_an_erase_waits_for_a_sealing_that_is_under_way(store):
    """It would seal the text that it has read before."""
    plain = sealed_segments(at(store))[2]
    assert plain.form is Form.PLAIN
    began, go = threading.Event(), threading.Event()

    def pack(*given: Any) -> Index:
        made = pack_here(*given)
        began.set()
        assert go.wait(PATIENCE)
        return made

    sealing = threading.Thread(target=seal, args=(plain, at(store)), kwargs={"pack": pack})
    erasing = threading.Thread(target=erase, args=(store,))
    sealing.start()
    assert began.wait(PATIENCE)
    erasing.start()
    erasing.join(0.05)
    assert erasing.is_alive()
    go.set()
    for thread in (sealing, erasing):
        thread.join(PATIENCE)
    assert files_with_person(store) == [] and not list(store.glob("0*Z.log"))
    assert doctor_finds(store) == []


def test_a_sealing_waits_for_an_erase(store):
    plain = sealed_segments(at(store))[2]
    asked = []

    def going() -> bool:
        asked.append(1)
        return False

    with (
        open(store / plain.name, "rb") as text,
        right_to_make(text.fileno(), wait=True),
        pytest.raises(Interrupted),
    ):
        seal(plain, at(store), going)
    assert asked and (store / plain.name).exists()
    seal(plain, at(store), going=lambda: True)


def test_a_packing_that_began_before_an_erase_begins_again(store):
    plain = sealed_segments(at(store))[2]
    packed = threading.Event()

    class NotingPacker(packer.Packer):
        def pack(self, *given: Any) -> Index:
            made = super().pack(*given)
            packed.set()
            return made

    with patch.multiple(packer, SMALL=1, Packer=NotingPacker):
        pool = PackerPool(at(store), lambda: 0, lambda: None, time.monotonic)
        try:
            with pool.side_by_side(1) as begin:
                begin([plain], lambda: True, lambda size: True)
                # It has read all of the text before the erase.
                assert packed.wait(PATIENCE)
                erase(store)
                seal(plain, at(store), pack=pool.await_or_pack)
        finally:
            pool.end_processes()
    assert files_with_person(store) == [] and doctor_finds(store) == []


def test_a_packing_that_reads_a_text_just_before_it_is_overwritten_begins_again(store):
    """It began after the note of the erase, and its sealing ends before the erase does."""
    plain = sealed_segments(at(store))[2]
    packed = threading.Event()

    class NotingPacker(packer.Packer):
        def pack(self, *given: Any) -> Index:
            made = super().pack(*given)
            packed.set()
            return made

    class BeginningDisk(Disk):
        def write_at(self, fd: int, data: bytes, offset: int) -> None:
            if not packed.is_set():
                begin([plain], lambda: True, lambda size: True)
                assert packed.wait(PATIENCE)
            super().write_at(fd, data, offset)

    def show(name: str) -> None:
        if name == ACTIVE:
            seal(plain, at(store), pack=pool.await_or_pack)

    with patch.multiple(packer, SMALL=1, Packer=NotingPacker):
        pool = PackerPool(at(store), lambda: 0, lambda: None, time.monotonic)
        try:
            with pool.side_by_side(1) as begin, BeginningDisk().open_directory(str(store)) as disk:
                LineEraser(plan_for(store, "zebulon OR quist"), disk, show).carry_out()
        finally:
            pool.end_processes()
    assert packed.is_set() and not (store / plain.name).exists()
    assert files_with_person(store) == [] and doctor_finds(store) == []


def test_a_rotation_that_came_before_the_erase_opened_the_text_moves_it_to_the_sealed_name(store):
    """The next segment, by now under the earlier name, loses no line, wherever its lines stand."""
    text = (store / ACTIVE).read_bytes()
    following = text
    for word in WORDS:
        following = following.replace(word.encode(), b"a" * len(word))
    eraser = LineEraser(plan_for(store, "zebulon OR quist"), at(store))
    (store / ACTIVE).rename(store / sealed_name(4, 4.0))
    (store / ACTIVE).write_bytes(following)
    (store / "number").write_bytes(b"5\n")
    eraser.carry_out()
    assert (store / ACTIVE).read_bytes() == following
    assert files_with_person(store) == [] and eraser.outcome.gone == []


def test_what_retention_removes_meanwhile_does_not_come_back(store):
    class RemovingDisk(Disk):
        def rename(self, old: str, new: str) -> None:
            if new.startswith("0000000001-") and new.endswith(".zst"):
                note_removed([RemovedRun(range(1, 2), 1, 1)], self)
                self.unlink(new)
            super().rename(old, new)

    erase(store, disk=RemovingDisk().open_directory(store))
    assert not list(store.glob("0000000001-*"))
    assert files_with_person(store) == [] and doctor_finds(store) == []


def test_what_retention_removes_while_it_is_read_is_gone(store):
    """The first open is that of the erase, with which it keeps others from changing the segment."""

    class RemovingDisk(Disk):
        opened = 0

        def open(self, name: str, flags: int) -> int:
            if name.startswith("0000000001-") and name.endswith(".zst"):
                self.opened += 1
                if self.opened == 2:
                    note_removed([RemovedRun(range(1, 2), 1, 1)], self)
                    for path in store.glob("0000000001-*"):
                        path.unlink()
            return super().open(name, flags)

    outcome = erase(store, disk=RemovingDisk().open_directory(store))
    assert outcome.gone == [1] and not list(store.glob("0000000001-*"))
    assert files_with_person(store) == [] and doctor_finds(store) == []


def test_a_reader_with_an_earlier_index_reads_the_new_text(store):
    told: list[str] = []
    with View(str(store), told.append) as view:
        before = view.open_segment(1)
        assert before is not None and before.count > 1
        erase(store)
        # The one that is open reads the text as it was, the next one as it is.
        for frames in (before, view.open_segment(1)):
            assert frames is not None
            with frames:
                text = b"".join(piece for _, piece in frames.lines_between(0, frames.size))
                assert (b"Zebulon" in text) == (frames is before)
        assert not told


def test_a_reader_that_opened_a_text_before_the_erase_finds_its_frames_without_an_index(store):
    told: list[str] = []
    with View(str(store), told.append) as view:
        frames = view.open_segment(1)
        assert frames is not None
        erase(store)
        with frames:
            text = b"".join(piece for _, piece in frames.lines_between(0, frames.size))
        assert b"Zebulon" in text and not told


def test_an_index_of_a_larger_text_is_not_used_for_the_one_before(tmp_path):
    """Filler may take more than what it replaces: lines that are the same as others take nothing."""
    message = "".join(chr(33 + number * number % 89) for number in range(300))
    sent = [line(message, 1, "tcp:1:1" if number % 2 else "tcp:2:2") for number in range(60)]
    with small_frames(4000):
        store = make_store(tmp_path / "store", [sent, [other_line(1, 1)]])
    told: list[str] = []
    with View(str(store), told.append) as view:
        frames = view.open_segment(1)
        assert frames is not None
        size = frames.file_size
        erase(store, "source=tcp:1:1")
        assert size < (store / sealed_segments(at(store))[0].name).stat().st_size
        with frames:
            text = b"".join(piece for _, piece in frames.lines_between(0, frames.size))
    assert text == b"".join(sent) and not told


def test_an_archived_segment_is_not_any_more_what_the_archive_has(store):
    one = sealed_segments(at(store))[0]
    (store / one.archived).write_bytes(b"note")
    outcome = erase(store)
    assert outcome.archived == [one.name] and not (store / one.archived).exists()


def test_lines_that_a_power_cut_has_taken_are_not_written_back(store):
    """The active segment may be shorter when an erase is finished after a power cut."""
    with pytest.raises(Crash):
        erase(store, disk=CrashingDisk(at=8).open_directory(store))
    assert is_unfinished(at(store))
    text = (store / "current.log").read_bytes()
    (store / "current.log").write_bytes(text[: len(text) // 2])
    erase(store, again=True)
    left = (store / "current.log").read_bytes()
    assert len(left) == len(text) // 2 and left.count(b"\0") == 0


@pytest.mark.parametrize("form", [Form.PLAIN, Form.PACKED])
def test_an_erase_that_waits_for_another_process_ends_when_it_is_asked_to(store, form):
    """A server that is stopped does not wait for a sealing or `logsrv reindex`; it goes on later."""
    segment = next(one for one in sealed_segments(at(store)) if one.form is form)
    plan = plan_for(store, "zebulon OR quist")
    plan = attrs.evolve(plan, runs={segment.number: plan.runs[segment.number]})
    before = (store / segment.name).read_bytes()
    asked: list[int] = []

    def going() -> bool:
        asked.append(1)
        return len(asked) < 3

    with (
        open(store / segment.name, "rb") as text,
        right_to_make(text.fileno(), wait=True),
        pytest.raises(Interrupted),
    ):
        LineEraser(plan, at(store), going=going).carry_out()
    assert (store / segment.name).read_bytes() == before and not (store / "erased").exists()
    LineEraser(plan, at(store), again=True).carry_out()
    assert (store / segment.name).read_bytes() != before


class RecordingDisk(Disk):
    """A disk that notes, in order, what decides what a power cut may leave."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def fdatasync(self, fd: int) -> None:
        name = os.path.basename(os.readlink(f"/proc/self/fd/{fd}"))
        self.calls.append(f"sync {name}")
        super().fdatasync(fd)

    def sync_directory(self) -> None:
        self.calls.append("sync names")
        super().sync_directory()

    def unlink(self, name: str) -> None:
        self.calls.append(f"remove {name}")
        super().unlink(name)

    def rename(self, name: str, to: str) -> None:
        self.calls.append(f"rename {to}")
        super().rename(name, to)


def order(calls: list[str], *wanted: str) -> bool:
    """Return whether these calls are there, one after the other, with others between them."""
    left = iter(calls)
    return all(one in left for one in wanted)


def test_a_text_is_on_the_medium_before_the_note_says_that_lines_of_it_were_erased(store):
    """Who trusts the note after a power cut takes a block of another store, half of it lost, for whole."""
    disk = RecordingDisk().open_directory(store)
    erase(store, disk=disk)
    assert disk.calls.count("rename erased") > 4
    for one in sealed_segments(at(store)):
        if one.form is Form.PLAIN:
            assert order(disk.calls, f"sync {one.name}", "rename erased", f"sync {one.name}")
    assert order(disk.calls, f"sync {ACTIVE}", "rename erased", f"sync {ACTIVE}", "rename erased")


def test_names_reach_the_medium_in_an_order_in_which_no_index_is_beside_another_text(store):
    """Other file systems than ext4 and XFS may keep a later change of a name, and not an earlier one."""
    disk = RecordingDisk().open_directory(store)
    erase(store, disk=disk)
    one = next(one for one in sealed_segments(at(store)) if one.form is Form.PACKED)
    assert order(
        disk.calls,
        *(f"sync {one.name}.tmp", f"remove {one.columns}", f"remove {one.words}"),
        *(f"remove {one.index}", "sync names", f"rename {one.name}"),
        *("sync names", f"rename {one.index}", "sync names", "remove erasing"),
    )
