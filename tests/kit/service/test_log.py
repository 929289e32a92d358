"""Which format the log has where, and that what somebody has chosen at twistd or twist stays.

Real ones, with terminals and the journal, are in end_to_end/test_start_log.py.
"""

import io
import json
import os
import pty
import re
from collections.abc import Iterator
from typing import Any, TextIO

import pytest
from twisted.application.service import Application
from twisted.logger import FileLogObserver, ILogObserver, LogLevel, jsonFileLogObserver

from logsrv.kit.service.log import auto_format, log_observer_for, use_our_log_format

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
