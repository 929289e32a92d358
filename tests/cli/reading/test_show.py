"""`logsrv show`: a line by its position."""

from pathlib import Path

import pytest

from tests.parts.commands import logsrv
from tests.parts.stores import lines, make_store

MESSAGES = [f"number {number}" for number in range(30)]
EVERY = lines(MESSAGES)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", [EVERY[:10], EVERY[10:25], EVERY[25:]])


def show(store: Path, *words: str, status: int = 0) -> list[str]:
    done = logsrv("show", "--directory", str(store), "--output", "raw", *words)
    assert done.returncode == status, done.stderr
    return done.stdout.decode().splitlines()


def test_show_prints_a_line_and_its_neighbours(store):
    place = f"2:{len(EVERY[10])}"
    assert show(store, place) == MESSAGES[6:17]
    assert show(store, place, "-C", "0") == [MESSAGES[11]]
    assert show(store, "1:0", "-C", "2") == MESSAGES[:3]
    assert show(store, "3:0", "-C", "1") == MESSAGES[24:27]


@pytest.mark.parametrize("place", ["2:1", "9:0", "2:999999999", "1:999999999999999"])
def test_a_position_without_a_line_is_status_1(store, place):
    assert show(store, place, status=1) == []


@pytest.mark.parametrize("place", ["2", "a:b", "-1:0", ":", "2:1:3"])
def test_a_wrong_position_is_refused(store, place):
    done = logsrv("show", "--directory", str(store), "--", place)
    assert done.returncode == 2
    assert b"is no position, such as 17:52311" in done.stderr
