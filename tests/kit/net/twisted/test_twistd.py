"""twistd's pipe to its parent, and the log. Also run with other releases of Twisted."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, LogEvent, Logger, formatEvent, globalLogPublisher
from twisted.python.logfile import LogFile
from zope.interface import implementer

from logsrv.kit.net.twisted.twistd import (
    FollowedLogFile,
    as_followed_file,
    start_failure_message,
    take_status_pipe,
    wrap_log_observers,
)


def test_the_pipe_to_the_parent_is_taken_where_there_is_one():
    options = {"statusPipe": 7, "nodaemon": 0}
    assert take_status_pipe(options) == 7
    assert take_status_pipe(options) is None
    assert take_status_pipe(None) is None
    # The parent reads it at once.
    assert len(start_failure_message("ü" * 1000)) == 512
    assert start_failure_message("no moon") == b"1 no moon"
    assert start_failure_message("\x1b[31m") == rb"1 \x1b[31m", "it is shown in a terminal"


def test_observers_of_the_log_are_wrapped_where_they_are():
    seen: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        seen.append(formatEvent(event))

    before = list(globalLogPublisher._observers)
    globalLogPublisher.addObserver(observe)
    try:
        wrap_log_observers(lambda kept: kept if kept is not observe else lambda event: None)
        Logger().info("nobody sees this")
    finally:
        globalLogPublisher._observers[:] = before
    assert seen == []


@pytest.fixture
def log(tmp_path: Path) -> Iterator[FollowedLogFile]:
    made: FollowedLogFile = as_followed_file(LogFile("log", str(tmp_path)))
    made.write("first\n")
    yield made
    made.close()


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Limit the size of files, so that only what fits is written, as on a full disk; or their number."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def test_a_file_that_was_rotated_away_is_followed(log, tmp_path):
    """logrotate compresses or removes the other: what was written there from then on would be gone."""
    (tmp_path / "log").rename(tmp_path / "log-20261122")
    log.write("second\n")
    (tmp_path / "log").rename(tmp_path / "log-20261123")
    (tmp_path / "log").touch()
    log.write("third\n")
    (tmp_path / "log").unlink()
    log.rotate()
    log.write("fourth\n")
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts == {"log-20261122": "first\n", "log-20261123": "second\n", "log": "fourth\n"}


def test_a_file_that_was_cut_has_no_hole(log, tmp_path):
    os.truncate(tmp_path / "log", 0)
    log.write("second\n")
    assert (tmp_path / "log").read_bytes() == b"second\n"


def test_a_line_without_room_is_not_begun(log, tmp_path):
    with limited(resource.RLIMIT_FSIZE, 10), pytest.raises(OSError, match="File too large"):
        log.write("second\n")
    log.write("third\n")
    assert (tmp_path / "log").read_text() == "first\nthird\n"


def test_where_no_file_can_be_made_the_old_one_goes_on(log, tmp_path):
    """Its directory was moved: that is found as soon as there is one of that name again."""
    moved = tmp_path.with_name("moved")
    tmp_path.rename(moved)
    log.write("second\n")
    assert (moved / "log").read_text() == "first\nsecond\n"
    tmp_path.mkdir()
    log.write("third\n")
    assert (tmp_path / "log").read_text() == "third\n"


def test_after_a_rotation_that_could_open_no_file_it_goes_on(log, tmp_path):
    with limited(resource.RLIMIT_NOFILE, 0):
        with pytest.raises(OSError, match="Too many"):
            log.rotate()
        with pytest.raises(OSError, match="Too many"):
            log.write("lost\n")
    log.write("second\n")
    texts = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert texts == {"log.1": "first\n", "log": "second\n"}
