"""Which format the log has where, and that what somebody has chosen at twistd or twist stays.

Real ones, with terminals and the journal, are in end_to_end/test_start_log.py.
"""

import io
import json
import os
import pty
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
from twisted.application.service import Application
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    formatEvent,
    globalLogPublisher,
    jsonFileLogObserver,
)
from twisted.python.logfile import LogFile
from zope.interface import implementer

from logsrv.kit.observe._process_log import (
    FollowedLogFile,
    as_followed_file,
    auto_format,
    log_observer_for,
    use_our_log_format,
    wrap_log_observers,
)

WARNED = {"log_level": LogLevel.warn, "log_format": "mind", "log_time": 0.0, "log_namespace": "a"}


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOURNAL_STREAM", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def terminal() -> Iterator[tuple[int, TextIO]]:
    """A terminal: a descriptor that gives what stands there, and a stream to it."""
    ours, theirs = pty.openpty()
    with open(theirs, "w") as stream:
        yield ours, stream
    os.close(ours)


@pytest.mark.parametrize(
    ("variable", "coloured"), [(None, True), ("NO_COLOR=1", False), ("TERM=dumb", False)]
)
def test_colours_are_for_terminals_that_want_them(terminal, monkeypatch, variable, coloured):
    if variable is not None:
        monkeypatch.setenv(*variable.split("="))
    screen, stream = terminal
    assert auto_format(stream) == "people"
    log_observer_for(stream)(WARNED)
    assert (b"\x1b[33mWARNING:" in os.read(screen, 1000)) == coloured


def test_a_stream_that_is_no_terminal_gets_the_format_of_files():
    stream = io.StringIO()
    assert auto_format(stream) == "file"
    log_observer_for(stream)(WARNED)
    assert re.search(r"T\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d WARNING: mind\n$", stream.getvalue())
    asked = io.StringIO()
    log_observer_for(asked, "people")(WARNED)
    assert asked.getvalue()[8:] == " WARNING: mind\n"


def test_an_authors_own_log_format_is_ignored():
    stream = io.StringIO()
    log_observer_for(stream, "%(message)s")(WARNED)
    assert "WARNING: mind" in stream.getvalue()


@pytest.mark.parametrize(
    ("program", "taken"),
    [
        ({"nodaemon": 1}, True),
        ({"nodaemon": 1, "syslog": 1}, False),
        ({"nodaemon": 1, "logger": "my.observer"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_the_log_of_twistd_is_taken_or_left(program, taken):
    application = Application("greet")
    use_our_log_format(program, "auto", application)
    assert (application.getComponent(ILogObserver, None) is not None) == taken


@pytest.mark.parametrize(
    ("chosen", "format", "taken"),
    [("json", "auto", False), ("text", "auto", True), ("json", "people", True)],
)
def test_the_log_of_twist_is_taken_unless_it_is_json(chosen, format, taken):
    """It has chosen JSON itself where there is no terminal: whoever reads that goes on reading it."""
    program: dict[str, Any] = {
        "fileLogObserverFactory": jsonFileLogObserver,
        "logFormat": chosen,
        "logFile": io.StringIO(),
    }
    use_our_log_format(program, format, Application("greet"))
    assert (program["fileLogObserverFactory"] is not jsonFileLogObserver) == taken
    assert isinstance(program["fileLogObserverFactory"](io.StringIO()), FileLogObserver)


class Disk(io.RawIOBase):
    """A file on a disk that may be full."""

    full = False
    written = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        self.written += bytes(data)
        return len(data)


def test_messages_without_room_are_counted():
    """On a full disk they went, and nobody was told. Python keeps the first one of them."""
    disk = Disk()
    observer = log_observer_for(io.TextIOWrapper(io.BufferedWriter(disk)), "json")
    observer(WARNED)
    disk.full = True
    for _ in range(3):
        observer(WARNED)
    disk.full = False
    observer(WARNED)
    observer(WARNED)
    said = [json.loads(line)["msg"] for line in disk.written.splitlines()]
    missing = (
        "3 messages before this one could not be written when they came: No space left on device"
    )
    assert said == ["mind", "mind", missing, "mind", "mind"]


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
