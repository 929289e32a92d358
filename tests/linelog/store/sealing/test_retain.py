"""Retention removes the oldest, and only as much as the policy asks for.

A clock that jumps is believed when it has stayed there for a day.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.policy import DAY, Hold, StorePolicy
from logsrv.linelog.store.sealing import retain
from logsrv.linelog.store.sealing.retain import (
    BelievedTime,
    Retention,
    SegmentSize,
    SegmentSizes,
    expired_segments,
    remove_archived_indexes,
)
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import (
    Form,
    Segment,
    away_segments,
    save_number,
    sealed_segments,
)
from tests.parts.disks import FaultyDisk, at, packed_segment, plain_segment, stored
from tests.parts.stores import line, make_store

START = 1_795_155_522.0
YEAR = 365 * DAY
MINUTE = 60.0


def gone(
    all_: list[SegmentSize],
    active: int,
    policy: StorePolicy,
    now: float,
    *,
    packing_fails: bool = False,
    holds: Sequence[Hold] = (),
    short: int = 0,
) -> list[SegmentSize]:
    """What expires of these, beside an active segment of so many bytes."""
    total = active + sum(one.size for one in all_ if packing_fails or not one.awaits_packing)
    return list(
        expired_segments(
            all_, total, policy, now, packing_fails=packing_fails, holds=holds, short=short
        )
    )


def known(directory: Path) -> SegmentSizes:
    """The segments of a directory, as after a listing."""
    segment_sizes = SegmentSizes(at(directory))
    segment_sizes.replace_known(sealed_segments(at(directory)))
    return segment_sizes


def retention(
    directory: Path, now: float = 0.0, *, packing_fails: bool = False, **policy: Any
) -> Retention:
    """Of what is known of a directory."""
    kept = StorePolicy(**policy)
    return Retention(at(directory), known(directory), kept, now, packing_fails)


def segment_sizes(*sizes: int) -> list[SegmentSize]:
    return [
        SegmentSize(Segment(number, str(number), Form.PACKED), size, number * DAY)
        for number, size in enumerate(sizes)
    ]


@given(st.lists(st.integers(1, 50)), st.integers(0, 100), st.integers(1, 300))
def test_kept_segments_fit_or_only_the_active_one_is_left(sizes, active, keep):
    all_ = segment_sizes(*sizes)
    removed = gone(all_, active, StorePolicy(keep_bytes=keep), 0)
    left = sizes[len(removed) :]
    assert removed == all_[: len(removed)]
    assert sum(left) + active <= keep or not left
    if removed:
        assert sum(left) + removed[-1].size + active > keep


def test_bytes_that_wait_for_compression_count_only_when_they_stay_so():
    all_ = [
        SegmentSize(Segment(n, str(n), Form.PACKED if n < 2 else Form.PLAIN), 10, 0)
        for n in range(4)
    ]
    keep = StorePolicy(keep_bytes=15)
    assert gone(all_, 0, keep, 0, packing_fails=False) == all_[:1]
    assert gone(all_, 20, keep, 0, packing_fails=False) == all_[:2]
    assert gone(all_, 0, keep, 0, packing_fails=True) == all_[:3]
    assert gone(all_, 0, StorePolicy(keep_days=1), 2 * DAY, packing_fails=False) == all_


def test_days_count_from_the_last_line_of_a_segment():
    removed = gone(segment_sizes(1, 1, 1, 1), 0, StorePolicy(keep_days=1.5), 3 * DAY)
    assert [one.segment.number for one in removed] == [0, 1]


def test_a_segment_from_a_clock_ahead_is_as_old_as_the_next_segment():
    """It neither stays until then, nor keeps what is older from being removed."""
    all_ = segment_sizes(1, 1, 1, 1)
    ahead = [*all_[:2], all_[2]._replace(last=9000 * DAY), all_[3]]
    days = StorePolicy(keep_days=1.5)
    assert gone(ahead, 0, days, 3 * DAY) == ahead[:2]
    assert gone(ahead, 0, days, 4.6 * DAY) == ahead
    assert gone(ahead[:3], 0, days, 3 * DAY) == ahead[:2]


def test_a_segment_from_before_a_jump_ahead_is_not_removed_before_its_turn():
    """A dead battery: written in 1970, between segments with the right time."""
    all_ = segment_sizes(1, 1, 1)
    early = [all_[0], all_[1]._replace(last=-9000 * DAY), all_[2]]
    assert gone(early, 0, StorePolicy(keep_days=2.5), 2 * DAY) == []


def test_segments_that_a_target_lacks_stay_up_to_its_limit():
    """Beyond --keep-bytes, --ship-at-most of it; what it has goes first."""
    all_ = segment_sizes(10, 10, 10, 10)
    keep = StorePolicy(keep_bytes=15)
    assert gone(all_, 0, keep, 0) == all_[:3]
    assert gone(all_, 0, keep, 0, holds=[Hold("a", 0, 100)]) == []
    assert gone(all_, 0, keep, 0, holds=[Hold("a", 2, 100)]) == all_[:2]
    assert gone(all_, 0, keep, 0, holds=[Hold("a", 0, 5)]) == all_[:2]
    assert gone(all_, 0, keep, 0, holds=[Hold("a", 9, 100)]) == all_[:3]


def test_the_target_that_is_behind_most_does_not_lend_its_limit_to_the_others():
    all_ = segment_sizes(10, 10, 10, 10)
    keep = StorePolicy(keep_bytes=15)
    slow, large = Hold("slow", 0, 5), Hold("large", 3, 100)
    assert gone(all_, 0, keep, 0, holds=[slow, large]) == all_[:2]


def test_an_archived_segment_stays_until_the_archive_confirms_it():
    all_ = segment_sizes(10, 10, 10, 10)
    keep, looks = StorePolicy(keep_bytes=15), str
    assert gone(all_, 0, keep, 0, holds=[Hold("a", 9, 100, looks, 0)]) == []
    assert gone(all_, 0, keep, 0, holds=[Hold("a", 9, 100, looks, 2)]) == all_[:2]
    assert gone(all_, 0, keep, 0, holds=[Hold("a", 1, 100, looks, 9)]) == all_[:1]


def test_an_archive_is_looked_at_an_hour_before_a_segment_is_too_old(tmp_path):
    for number in range(1, 5):
        path = tmp_path / f"{number:010}-20261120T061842Z.log.zst"
        path.write_bytes(b"x" * 10)
        os.utime(path, (number * DAY, number * DAY))
    save_number(5, at(tmp_path))
    for hours, number in ((47.5, 1), (46.5, 0), (72, 2)):
        assert retention(tmp_path, hours * 3600, keep_days=1).last_number_due() == number
    assert retention(tmp_path, keep_bytes=25).last_number_due() == 2
    assert retention(tmp_path, 1e9).last_number_due() == 0


def test_keep_days_waits_for_no_target():
    all_ = segment_sizes(1, 1, 1, 1)
    days = StorePolicy(keep_days=1.5, keep_bytes=100)
    assert gone(all_, 0, days, 3 * DAY, holds=[Hold("a", 0, 100)]) == all_[:2]


def test_a_disk_without_room_waits_for_no_target():
    """As much is removed as brings back what has to be free, and no more."""
    all_ = segment_sizes(10, 10, 10, 10)
    keep, hold = StorePolicy(keep_bytes=5), [Hold("a", 0, 100)]
    assert gone(all_, 0, keep, 0, holds=hold, short=11) == all_[:2]
    assert gone(all_, 0, keep, 0, holds=hold, short=1000) == all_
    assert gone(all_, 0, StorePolicy(keep_bytes=25), 0, holds=hold, short=1000) == all_[:2]
    assert gone(all_, 0, StorePolicy(keep_days=1000), 0, holds=hold, short=1000) == []


@pytest.mark.parametrize(("free", "left"), [(50, 2), (49, 1)])
def test_room_is_a_twentieth_of_the_disk(tmp_path, free, left):
    class Full(Disk):
        def free_and_total_bytes(self) -> tuple[int, int]:
            return free, 1000

    for number in (1, 2):
        (tmp_path / f"{number:010}-20261120T061842Z.log.zst").write_bytes(b"x" * 10)
    (tmp_path / "number").write_bytes(b"9\n")
    disk = Full().open_directory(tmp_path)
    Retention(disk, known(tmp_path), StorePolicy(keep_bytes=1), 0).remove([Hold("a", 1, 100)])
    assert len(sealed_segments(disk)) == left


def test_without_a_policy_nothing_is_removed(tmp_path):
    plain_segment(tmp_path, stored(b"one"))
    save_number(2, at(tmp_path))
    assert retention(tmp_path, 1e12).remove() == []


def test_a_removed_segment_goes_with_its_index_and_its_last_line_was_too_old(tmp_path):
    for number in (1, 2):
        packed = packed_segment(tmp_path, stored(b"one"), number)
        os.utime(tmp_path / packed.name, (number * DAY, number * DAY))
        (tmp_path / packed.words).touch()
        (tmp_path / packed.columns).touch()
    save_number(3, at(tmp_path))
    removed = retention(tmp_path, 2.5 * DAY, keep_days=1).remove()
    assert [segment.number for segment in removed] == [1]
    assert [segment.number for segment in sealed_segments(at(tmp_path))] == [2]
    for suffix in ("idx", "words", "parquet"):
        assert len(list(tmp_path.glob(f"*.{suffix}"))) == 1


@pytest.mark.parametrize("listed", [Form.PLAIN, Form.PACKED])
def test_a_text_that_a_failed_sealing_left_with_two_names_goes_as_a_whole(listed, tmp_path):
    segment = plain_segment(tmp_path, stored(b"one"))
    plain = known(tmp_path)
    seal(segment, at(tmp_path))
    sizes = plain if listed is Form.PLAIN else known(tmp_path)
    plain_segment(tmp_path, stored(b"one"))
    save_number(2, at(tmp_path))
    policy = StorePolicy(keep_bytes=1)
    assert Retention(at(tmp_path), sizes, policy, 0, packing_fails=True).remove()
    assert not list(tmp_path.glob("0*"))


def test_at_no_moment_of_a_removal_does_a_reader_miss_a_segment_without_a_note(tmp_path):
    """It would report that lines are lost, although they were only too old."""
    store = make_store(
        tmp_path / "store", [[line(f"line {number}", number)] for number in range(6)]
    )
    told: list[str] = []
    disk = FaultyDisk()
    disk.open_directory(store)
    with View(str(store), told.append) as view:
        numbers = [one.number for one in view.segments]
        looks = 0

        def look() -> None:
            nonlocal looks
            looks += 1
            assert view.missing_segments(0, numbers[-1]) == []

        disk.before.update(unlink=look, rename=look)
        policy = StorePolicy(keep_bytes=1)
        removed = Retention(disk, known(store), policy, 0).remove()
        look()
    assert [one.number for one in removed] == numbers[:-1] and looks > len(removed)
    assert told == []
    disk.close()


def test_the_oldest_are_removed_until_the_rest_fits(tmp_path):
    for number in range(1, 4):
        (tmp_path / f"{number:010}-20261120T061842Z.log.zst").write_bytes(b"x" * 10)
    (tmp_path / "number").write_bytes(b"9\n")
    assert retention(tmp_path, keep_bytes=30).remove() == []
    removed = retention(tmp_path, keep_bytes=19).remove()
    assert [one.number for one in removed] == [1, 2]


def test_many_segments_are_removed_some_at_a_time_with_those_without_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(retain, "MOST_AT_ONCE", 2)
    for number in range(1, 6):
        (tmp_path / f"000000000{number}-20261120T061842Z.log.zst").write_bytes(b"x" * (number - 1))
    save_number(9, at(tmp_path))
    kept = retention(tmp_path, keep_bytes=4)
    removed = [[one.number for one in kept.remove()] for _ in range(3)]
    assert removed == [[1, 2], [3, 4], []]
    assert kept.segment_sizes.total == (1, 4) and len(list(tmp_path.glob("0*"))) == 1


def test_bytes_that_wait_for_compression_make_no_room_for_themselves(tmp_path):
    """They will be fewer soon: no other segment goes for them, unless that fails."""
    packed_segment(tmp_path, stored(b"one"))
    plain_segment(tmp_path, stored(b"x" * 1000), 2)
    save_number(3, at(tmp_path))
    assert retention(tmp_path, keep_bytes=900).remove() == []
    gone = retention(tmp_path, keep_bytes=900, packing_fails=True).remove()
    assert [one.number for one in gone] == [1, 2]


def test_a_number_that_is_not_saved_cannot_come_again(tmp_path):
    """A crash between the rotation and the saving of the number, or a full disk there."""
    plain_segment(tmp_path, stored(b"one"))
    save_number(1, at(tmp_path))
    assert retention(tmp_path, keep_bytes=1, packing_fails=True).remove() == []


# Seconds after the start, how far the clock is off, and how far that is believed.
CLOCKS: dict[str, list[tuple[float, float, float]]] = {
    "a quiet server": [(minute * MINUTE, 0, 0) for minute in range(30 * 1440)],
    "adjusted": [(60, 3600, 3600), (120, -3600, -3600)],
    "a jump ahead that is taken back": [
        *((minute * MINUTE, 10 * YEAR, 0.0) for minute in range(1439)),
        (DAY, 0, 0),
        (DAY + 60, 10 * YEAR, 0),
    ],
    "a jump ahead, or a start with such a clock, that lasts for a day": [
        (0, 10 * YEAR, 0),
        (DAY, 10 * YEAR, 10 * YEAR),
        (DAY + 60, 10 * YEAR, 10 * YEAR),
    ],
    "another jump, which has to last for a day of its own": [
        (0, YEAR, 0),
        (DAY / 2, 10 * YEAR, 0),
        (DAY, 10 * YEAR, 0),
        (1.5 * DAY, 10 * YEAR, 10 * YEAR),
    ],
    "a dead battery: in 1970 until the network tells the time": [
        (60, -50 * YEAR, -50 * YEAR),
        (120, 0, 0),
    ],
}


@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_is_believed_where_it_stays(name):
    """What is set back holds removal up at once, and does no harm when it ends."""
    time = BelievedTime(START, 1000.0)
    for seconds, off, believed in CLOCKS[name]:
        assert time.trusted_time(START + seconds + off, 1000.0 + seconds) == START + (
            seconds + believed
        )


def test_an_empty_segment_keeps_no_other_from_being_removed():
    all_ = segment_sizes(0, 10, 10)
    empty = all_[0]._replace(segment=Segment(0, "0", Form.PLAIN))
    assert gone([empty, *all_[1:]], 0, StorePolicy(keep_bytes=15), 0) == [empty, all_[1]]


def away(directory: Path) -> list[int]:
    return [one.number for one in away_segments(at(directory).entries())]


@pytest.mark.parametrize("keep", [None, 30.0])
def test_only_the_indexes_of_archived_segments_stay(tmp_path, keep):
    """Columns go, and of others all goes, and so it does unless it is asked for."""
    disk = at(tmp_path)
    for number in (1, 2):
        (tmp_path / packed_segment(tmp_path, stored(b"x" * 1000), number).columns).touch()
    (tmp_path / "0000000001-20261120T061842Z.log.zst.archived").write_bytes(b"{}")
    (tmp_path / "current.log").write_bytes(b"x")
    save_number(3, disk)
    policy = StorePolicy(keep_bytes=1, rotate_size=1, keep_indexes=keep)
    removed = Retention(disk, known(tmp_path), policy, START).remove()
    assert [one.number for one in removed] == [1, 2]
    assert away(tmp_path) == ([] if keep is None else [1])
    left = sorted(path.name.partition(".log.zst")[2] for path in tmp_path.glob("000*"))
    assert left == ([] if keep is None else [".archived", ".idx"])


def test_indexes_go_when_they_are_old_or_no_longer_wanted(tmp_path):
    """By the second of the first line, which the name tells."""
    disk = at(tmp_path)
    for day in (10, 19, 20):
        for suffix in ("idx", "words", "archived"):
            name = f"00000000{day}-202611{day}T061842Z.log.zst.{suffix}"
            (tmp_path / name).write_bytes(b"{}")
    assert away(tmp_path) == [10, 19, 20]

    def remove(keep: float | None) -> list[int]:
        found = away_segments(disk.entries())
        return [
            one.number
            for one in remove_archived_indexes(disk, found, StorePolicy(keep_indexes=keep), START)
        ]

    assert remove(30.0) == []
    assert remove(5.0) == [10]
    assert away(tmp_path) == [19, 20]
    assert remove(None) == [19, 20]
    assert list(tmp_path.iterdir()) == []
