"""A line and its neighbours: `logsrv show` by its position, `search --around` some seconds of it."""

import json
from pathlib import Path

import pytest

from tests.parts.commands import logsrv
from tests.parts.stores import line, make_store

# Two sources take turns, a line a second.
MESSAGES = [f"second {second}" for second in range(30)]
EVERY = [line(text, second, f"tcp:10.0.0.{second % 2}:99") for second, text in enumerate(MESSAGES)]
POSITION = f"2:{len(b''.join(EVERY[10:15]))}"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", [EVERY[:10], EVERY[10:25], EVERY[25:]])


def seconds(store: Path, *words: str, status: int = 0) -> list[int]:
    done = logsrv("search", "--directory", str(store), "--output", "raw", "--utc", *words)
    assert done.returncode == status, done.stderr
    return [int(one.split()[-1]) for one in done.stdout.decode().splitlines()]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--around", POSITION], range(10, 21)),
        (["--around", POSITION, "--span", "2s"], range(13, 18)),
        (["--around", "2026-11-20T06:00:15Z"], range(10, 21)),
        (["--around", "2026-11-20 06:00:00.5", "--span", "1500ms"], range(3)),
        (["--around", "@1795154415.0", "--span", "1ms"], [15]),
        (["--around", POSITION, "--source", "tcp:10.0.0.1:*"], range(11, 21, 2)),
        (["--around", POSITION, "second", "1", "-14"], [10, 11, 12, 13, 15, 16, 17, 18, 19]),
        (["--around", POSITION, "--reverse", "-n", "2"], [20, 19]),
        (["--around", "1:0", "--span", "1w"], range(30)),
    ],
)
def test_the_lines_of_the_span_are_shown(store, words, found):
    assert seconds(store, *words) == list(found)


def test_json_marks_the_others_as_neighbours(store):
    done = logsrv(
        *("search", "--directory", str(store), "--around", POSITION, "--span", "1s"),
        *("--output", "json"),
    )
    found = [json.loads(one) for one in done.stdout.splitlines()]
    assert [one.get("context", False) for one in found] == [True, False, True]
    assert found[1]["position"] == POSITION


def test_colour_marks_the_line(store):
    done = logsrv(
        *("search", "--directory", str(store), "--around", POSITION, "--span", "1s"),
        *("--color", "always"),
    )
    marked = [b"\x1b[1;30;43msecond 15" in one for one in done.stdout.splitlines()]
    assert marked == [False, True, False]


def test_figures_are_of_the_span(store):
    done = logsrv("search", "--directory", str(store), "--around", POSITION, "-c")
    assert done.stdout == b"11\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--around", "2:1"], "--around: no line begins at 2:1"),
        (["--around", "soon"], "soon is not a time"),
        (["--around", "soon"], "or the position of a line: 17:52311"),
        (["--around", POSITION, "--since", "1h"], "without --since and --until"),
        (["--around", POSITION, "-C", "3"], "-A, -B and -C show a number of lines"),
        (["--around", POSITION, "--span", "5"], "5 is not a step of time"),
        (["--span", "5s"], "--span needs --around"),
    ],
)
def test_mistakes_are_one_sentence(store, words, said):
    done = logsrv("search", "--directory", str(store), *words)
    assert said in done.stderr.decode() and done.stdout == b"" and done.returncode == 2


def show(store: Path, *words: str, status: int = 0) -> list[str]:
    done = logsrv("show", "--directory", str(store), "--output", "raw", *words)
    assert done.returncode == status, done.stderr
    return done.stdout.decode().splitlines()


def test_show_prints_a_line_and_its_neighbours(store):
    position = f"2:{len(EVERY[10])}"
    assert show(store, position) == MESSAGES[6:17]
    assert show(store, position, "-C", "0") == [MESSAGES[11]]
    assert show(store, "1:0", "-C", "2") == MESSAGES[:3]
    assert show(store, "3:0", "-C", "1") == MESSAGES[24:27]


@pytest.mark.parametrize("position", ["2:1", "9:0", "2:999999999", "1:999999999999999"])
def test_a_position_without_a_line_is_status_1(store, position):
    assert show(store, position, status=1) == []


@pytest.mark.parametrize("position", ["2", "a:b", "-1:0", ":", "2:1:3"])
def test_a_wrong_position_is_refused(store, position):
    done = logsrv("show", "--directory", str(store), "--", position)
    assert done.returncode == 2
    assert b"is not a position such as 17:52311" in done.stderr
