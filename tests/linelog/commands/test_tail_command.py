"""`logsrv tail` as its user meets it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.linelog.commands.following import Following
from tests.parts.commands import logsrv
from tests.parts.stores import line, lines, make_store

MESSAGES = [f"number {number}" for number in range(30)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    every = lines(MESSAGES)
    return make_store(tmp_path / "logs", [every[:10], every[10:25], every[25:]])


def tail(store: Path, *words: str) -> list[str]:
    done = logsrv("tail", "--directory", str(store), "--output", "raw", *words)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


def test_tail_prints_the_last_lines(store):
    assert tail(store) == MESSAGES[-10:]
    assert tail(store, "-n", "3") == MESSAGES[-3:]
    assert tail(store, "-n", "100") == MESSAGES
    assert tail(store, "-n2", "number", "1") == ["number 19", "number 21"]
    assert tail(store, "-n", "0") == []


def test_since_begins_with_all_lines_of_a_time(store):
    since = "2026-11-20T06:00:05Z"
    assert tail(store, "--since", since) == MESSAGES[5:]
    assert tail(store, "--since", since, "-n", "3") == MESSAGES[-3:]
    assert tail(store, "--since", since, "number", "-2") == [
        one for one in MESSAGES[5:] if "2" not in one
    ]
    done = logsrv("tail", "--directory", str(store), "--since", "soon")
    assert b"--since: soon is not a time" in done.stderr and done.returncode == 2


def test_follow_goes_on_behind_the_lines_since_a_time(store):
    follows = Following(store, "--since", "2026-11-20T06:00:08Z")
    try:
        assert [follows.line() for _ in MESSAGES[8:]] == [
            f"{one}\n".encode() for one in MESSAGES[8:]
        ]
        with open(store / "current.log", "ab") as file:
            file.write(line("new", 100))
        assert follows.line() == b"new\n"
    finally:
        follows.child.kill()
        follows.child.communicate(timeout=PATIENCE)


@pytest.fixture
def following(store: Path) -> Iterator[Following]:
    follows = Following(store, "-n", "1")
    yield follows
    follows.child.kill()
    follows.child.communicate(timeout=PATIENCE)


def test_follow_shows_new_lines(store, following):
    assert following.line() == b"number 29\n"
    for number in range(5):
        with open(store / "current.log", "ab") as file:
            file.write(line(f"new {number}", 100 + number))
        assert following.line() == b"new %d\n" % number


def test_follow_goes_on_after_a_rotation(store, following):
    assert following.line() == b"number 29\n"
    with open(store / "current.log", "ab") as file:
        file.write(line("the last of this", 100))
    (store / "current.log").rename(store / "0000000003-20261120T060025Z.log")
    (store / "current.log").write_bytes(line("the first of that", 101))
    (store / "number").write_bytes(b"4\n")
    assert following.line() == b"the last of this\n"
    assert following.line() == b"the first of that\n"


def test_follow_ends_when_the_store_is_removed(store, following):
    assert following.line() == b"number 29\n"
    shutil.rmtree(store)
    assert following.child.wait(PATIENCE) == 2
    assert following.child.stderr is not None
    assert b"the store was removed" in following.child.stderr.read()


def test_follow_ends_when_its_output_is_closed(store, following):
    assert following.line() == b"number 29\n"
    assert following.child.stdout is not None
    assert following.child.stderr is not None
    following.child.stdout.close()
    assert following.child.stderr.read() == b""
    assert following.child.wait(PATIENCE) is not None


def test_a_query_filters_new_lines(store):
    follows = Following(store, "-n", "0", "wanted")
    try:
        # Nothing tells when it has begun to follow but a line that comes through.
        with open(store / "current.log", "ab", buffering=0) as file:
            number = 0
            while not _readable(follows):
                file.write(line(f"wanted {number}", 100 + number))
                file.write(line(f"other {number}", 100 + number))
                number += 1
        assert follows.line().startswith(b"wanted ")
    finally:
        follows.child.kill()
        follows.child.communicate(timeout=PATIENCE)


def _readable(follows: Following) -> bool:
    import select

    assert follows.child.stdout is not None
    return bool(select.select([follows.child.stdout], [], [], 0.05)[0])


@pytest.mark.parametrize(
    ("words", "environment"),
    [(["-d", "file:///archive"], {}), ([], {"LOGSRV_DIRECTORY": "file:///archive"})],
)
def test_an_archive_is_not_followed(words, environment):
    done = logsrv("tail", "-f", *words, environment=environment)
    assert done.returncode == 2
    assert b"read an archive without -f" in done.stderr
