"""The days of a segment: each line is in the file of its own day, or in the first."""

from pathlib import Path

import pytest

from logsrv.linelog.lake import lake_segment as module
from logsrv.linelog.lake.lake_segment import open_segment_days
from logsrv.linelog.store.sealing import seal
from tests.parts.disks import at
from tests.parts.lakes import over_midnight, store_of
from tests.parts.stores import line


def by_day(store: Path, held: list[bytes]) -> dict[str, list[bytes]]:
    """Return the lines in the file of each day; their positions are those in the text."""
    [segment] = store_of(store, held)
    text = b"".join(held)
    found: dict[str, list[bytes]] = {}
    with open_segment_days(segment, at(store)) as days:
        for day in (days.first, *days.others):
            found[day] = []
            for piece, positions in days.lines_of(day):
                for one, position in zip(
                    piece.text.splitlines(True), positions.tolist(), strict=True
                ):
                    assert text[position : position + len(one)] == one
                    found[day].append(one)
    assert sorted(one for lines in found.values() for one in lines) == sorted(held)
    return found


def test_a_segment_over_midnight_has_two_days(tmp_path):
    held = over_midnight()
    assert by_day(tmp_path / "s", held) == {"2026-11-20": held[:10], "2026-11-21": held[10:]}


def test_a_usual_segment_has_one_day(tmp_path):
    held = [line("x", at) for at in range(5)]
    assert by_day(tmp_path / "s", held) == {"2026-11-20": held}


def test_many_frames_are_read_only_for_their_days(tmp_path, monkeypatch):
    monkeypatch.setattr(seal, "FRAME", 200)
    held = over_midnight(2000)
    assert by_day(tmp_path / "s", held) == {"2026-11-20": held[:1000], "2026-11-21": held[1000:]}


def test_lines_without_a_time_are_in_the_first_file(tmp_path):
    held = [*over_midnight(4), b"no stamp\n", b"2026-11-31T00:00:00.000000Z tcp:1 no day\n"]
    found = by_day(tmp_path / "s", held)
    assert found == {"2026-11-20": [*held[:2], *held[4:]], "2026-11-21": held[2:4]}


def test_a_clock_that_was_set_back_gives_lines_to_earlier_days(tmp_path):
    held = [line("now"), line("then", -2 * 86400), line("before 1970", -60 * 365.25 * 86400)]
    found = by_day(tmp_path / "s", held)
    assert {day: len(lines) for day, lines in found.items()} == {
        "2026-11-20": 1,
        "1966-11-20": 1,
        "2026-11-18": 1,
    }


def test_a_wild_clock_gives_no_more_files_than_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_DAYS", 3)
    held = [line("x", day * 86400) for day in (0, 5, 1, 1, 2, 4, 3, 3)]
    found = by_day(tmp_path / "s", held)
    assert {day: len(lines) for day, lines in found.items()} == {
        "2026-11-20": 6,
        "2026-11-24": 1,
        "2026-11-25": 1,
    }


def test_a_torn_file_is_damaged(tmp_path):
    [segment] = store_of(tmp_path / "s", over_midnight(200))
    path = tmp_path / "s" / segment.name
    path.write_bytes(path.read_bytes()[:-10])
    with (
        pytest.raises(ValueError, match="bytes, but its index says"),
        open_segment_days(segment, at(tmp_path / "s")),
    ):
        pass
