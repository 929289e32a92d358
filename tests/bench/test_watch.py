"""The file that is watched: when it was complete, what it holds, how late marked lines were."""

from __future__ import annotations

import time
from pathlib import Path

from bench.watch import Delays, Growth, follow
from logsrv.kit.testing.patience import PATIENCE


def test_all_lines_are_counted_as_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    growth = Growth(path)
    growth.look()
    assert growth.count() == 0 and growth.last_change == 0.0
    path.write_bytes(b"one\ntwo\nthr")
    growth.look()
    assert growth.count() == 2
    with open(path, "ab") as file:
        file.write(b"ee\n")
    growth.look()
    assert growth.count() == 3


def test_following_ends_with_the_last_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\n")
    growth = Growth(path)
    follow(growth, lambda: 2, patience=PATIENCE)
    assert growth.lines == 2


def test_lost_lines_are_not_awaited_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n")
    growth = Growth(path)
    follow(growth, lambda: 2, patience=0.3)
    assert growth.lines == 1


def test_a_file_that_is_not_there_yet_is_awaited(tmp_path: Path) -> None:
    path = tmp_path / "log"
    growth = Growth(path)
    calls = iter(range(1000))

    def expected() -> int:
        if next(calls) == 20:
            path.write_bytes(b"one\n")
        return 1

    follow(growth, expected, patience=PATIENCE)
    assert growth.lines == 1


def test_a_marked_line_is_late_by_the_time_until_it_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "log"
    growth = Growth(path)
    sent = time.monotonic_ns()
    for number in range(2):
        with open(path, "ab") as file:
            file.write(b"stamp line %d @sent=%020d\n" % (number, sent))
        growth.look()
    first, second = growth.delays().seconds
    assert 0 <= first <= second < 10


def test_quantiles_are_among_the_delays() -> None:
    delays = Delays(tuple(range(100)))
    assert (delays.quantile(0.5), delays.quantile(0.99), delays.quantile(1.0)) == (50, 99, 99)
    assert Delays().quantile(0.5) == 0.0
