"""The formats of the log, with the journal's: nothing forges a line; levels that an operator asks for."""

import io
import json
import os
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from bench.complaints import complaints
from logsrv.kit.observe import _log_lines as log_lines
from logsrv.kit.observe._log_lines import (
    LevelFilteredObserver,
    LogLevels,
    LogLines,
    is_journal,
    start_failure_text,
)

FORMATS: dict[str, Callable[[Any], str]] = {
    "people": log_lines.people_format(coloured=False),
    "coloured": log_lines.people_format(coloured=True),
    "file": log_lines.file_format,
    "journal": log_lines.journal_format,
    "json": log_lines.json_format,
}
MOMENT = 1795354587.412


def event(text: str, level: Any = LogLevel.info, **fields: Any) -> dict[str, Any]:
    return {
        "log_time": MOMENT,
        "log_namespace": "shout",
        "log_level": level,
        "log_format": "{text}",
        "text": text,
        **fields,
    }


def failure() -> Failure:
    try:
        return Failure(1 // 0)  # type: ignore[arg-type]
    except ZeroDivisionError:
        return Failure()


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Any:
    import time

    monkeypatch.setenv("TZ", "Europe/Vienna")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("level", "lines"),
    [
        (
            LogLevel.info,
            ["14:36:27 hello", "14:36:27 hello", "2026-11-22T14:36:27.412+01:00 hello", "<6>hello"],
        ),
        (
            LogLevel.warn,
            [
                "14:36:27 WARNING: hello",
                "14:36:27 \x1b[33mWARNING:\x1b[0m hello",
                "2026-11-22T14:36:27.412+01:00 WARNING: hello",
                "<4>hello",
            ],
        ),
        (
            LogLevel.error,
            [
                "14:36:27 ERROR: hello",
                "14:36:27 \x1b[31mERROR:\x1b[0m hello",
                "2026-11-22T14:36:27.412+01:00 ERROR: hello",
                "<3>hello",
            ],
        ),
        (
            LogLevel.critical,
            [
                "14:36:27 CRITICAL: hello",
                "14:36:27 \x1b[31mCRITICAL:\x1b[0m hello",
                "2026-11-22T14:36:27.412+01:00 CRITICAL: [shout#critical] hello",
                "<2>hello",
            ],
        ),
    ],
)
def test_an_event_is_one_line_in_each_format(level, lines):
    said = [FORMATS[name](event("hello", level)) for name in FORMATS if name != "json"]
    assert said == [f"{line}\n" for line in lines]


@pytest.mark.usefixtures("utc")
def test_json_is_one_object_in_a_line():
    assert json.loads(log_lines.json_format(event("grüß\ngott", LogLevel.warn))) == {
        "time": "2026-11-22T14:36:27.412+01:00",
        "level": "warning",
        "logger": "shout",
        "msg": "grüß\ngott",
    }
    found = json.loads(log_lines.json_format(event("oh", LogLevel.critical, log_failure=failure())))
    assert found["msg"] == "oh"
    assert found["traceback"].startswith("Traceback (most recent call last):\n")
    assert found["traceback"].endswith("ZeroDivisionError: integer division or modulo by zero")


@pytest.mark.parametrize("name", FORMATS)
def test_a_traceback_is_whole_and_found(name):
    """By the test of daemons' logs, too: as one record, in which what was asked for is found."""
    write = FORMATS[name]
    said = write(event("oh", LogLevel.critical, log_failure=failure()))
    for part in ("Traceback (most recent call last)", "1 // 0", "ZeroDivisionError: integer"):
        assert part in said
    log = write(event("before")) + said + write(event("after", LogLevel.warn))
    assert complaints(log) == [said]
    assert complaints(log, ["ZeroDivisionError"]) == []
    assert complaints(write(event("the disk is full", LogLevel.critical)))
    for level in (LogLevel.info, LogLevel.warn, LogLevel.error):
        assert complaints(write(event("uncritical", level))) == []


def test_each_line_for_the_journal_has_its_level():
    said = log_lines.journal_format(event("oh", LogLevel.critical, log_failure=failure()))
    assert len(said.splitlines()) > 3
    assert all(line.startswith("<2>") for line in said.splitlines())


LEFT_OUT = [
    event(
        "twistd 26.10.0 starting up.", log_namespace="twisted.scripts._twistd_unix.UnixAppLogger"
    ),
    event("Main loop terminated.", log_namespace="twisted.internet.base"),
    event("(TCP Port 7000 Closed)", log_namespace="log_legacy"),
    event("(UNIX Port /tmp/a\nb Closed)", log_namespace="log_legacy"),
    event("tcp:7000 starting on 7000", log_namespace="log_legacy"),
    {**event(""), "log_format": "Starting factory {factory!r}", "factory": 1},
    event("details", LogLevel.debug),
]


def test_debug_and_twisteds_own_messages_are_left_out():
    lines = LogLines(log_lines.journal_format)
    assert [lines(one) for one in LEFT_OUT] == [None] * len(LEFT_OUT)
    assert lines(event("hello", log_namespace="log_legacy")) == "<6>hello\n"
    assert lines(event("lost", LogLevel.warn, log_namespace="twisted.web")) == "<4>lost\n"
    assert lines(event("at work", log_namespace="twisted.plugins.shout.Shout")) == "<6>at work\n"


def test_a_failed_start_is_said_once():
    failed = event("greet cannot start", LogLevel.critical, failed_start=True)
    assert LogLines(log_lines.journal_format, is_said_again=True)(failed) is None
    assert LogLines(log_lines.journal_format)(failed) == "<2>greet cannot start\n"


def test_an_old_message_of_an_error_is_no_failure():
    """`log.msg("Removing stale pidfile …", isError=True)` of twistd."""
    old = event("stale", LogLevel.critical, log_namespace="log_legacy")
    assert log_lines.journal_format(old) == "<3>stale\n"


@given(st.text(), st.sampled_from(sorted(FORMATS)))
def test_nothing_forges_a_line_or_drives_a_terminal(text, name):
    said = FORMATS[name](event(text))
    assert said.endswith("\n")
    for number, line in enumerate(said[:-1].split("\n")):
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202e]", line)
        if number:
            assert line.startswith("<6>" if name == "journal" else "\t")


def test_the_stream_of_the_journal_is_recognised():
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("wb") as stream:
        found = os.fstat(ours.fileno())
        there = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        assert is_journal(stream, there)
        # It is inherited by programs whose output was sent elsewhere.
        assert not is_journal(theirs, there)
        assert not is_journal(stream, {})
        assert not is_journal(stream, {"JOURNAL_STREAM": "nonsense"})
        assert not is_journal(io.StringIO(), there)
        assert not is_journal(None, there)


def test_a_failed_start_is_told_plainly_outside_the_journal(monkeypatch):
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert start_failure_text("greet: no moon") == "greet: no moon"


def test_a_failed_start_drives_no_terminal():
    """A path in a configuration may have anything in it."""
    assert start_failure_text("the store /\x1b[31m") == r"the store /\x1b[31m"


def message_of(namespace: str, level: Any = LogLevel.debug) -> dict[str, Any]:
    return {"log_namespace": namespace, "log_level": level}


def test_a_hidden_event_is_shown_after_its_level_is_asked_for():
    levels = LogLevels()
    levels.set_default_level(LogLevel.info)
    assert levels.by_namespace() == [("", "info")]
    assert not levels.is_requested(message_of("logsrv.kit"))
    levels.set_level(LogLevel.debug, "logsrv.kit")
    assert levels.is_requested(message_of("logsrv.kit"))
    assert levels.is_requested(message_of("logsrv.kit.net"))
    assert not levels.is_requested(message_of("logsrv.kitten"))
    levels.set_level(LogLevel.info, "")
    assert levels.is_requested(message_of("twisted.internet", LogLevel.info))
    assert not levels.is_requested(message_of("twisted.internet"))
    assert levels.by_namespace() == [("", "info"), ("logsrv.kit", "debug")]


def test_an_event_below_the_level_is_stopped():
    seen: list[Any] = []
    levels = LogLevels()
    filtered = LevelFilteredObserver(seen.append, levels)
    levels.set_level(LogLevel.warn, "shout")
    filtered(message_of("shout", LogLevel.info))
    filtered(message_of("shout", LogLevel.warn))
    filtered(message_of("greet"))
    assert [one["log_namespace"] for one in seen] == ["shout", "greet"]
