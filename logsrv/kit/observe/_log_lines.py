"""Events of the log as lines: for people on a terminal, for a file, for the journal, as JSON.

    people   13:36:27 WARNING: …                        local time, colour on a terminal
    file     2026-11-22T13:36:27.412+00:00 WARNING: …   failures: CRITICAL: [logsrv.kit.net#critical] …
    journal  <4>…                                       each line with its level, no time
    json     {"time": …, "level": "warning", "logger": …, "msg": …}

Messages at the level info have no word before them. Twisted's own messages at that level, such as `reactor
class`, and messages below info are left out, unless an operator asks for them (`log` of --inspect,
LogLevels). Control characters are escaped, and all lines of an event but the first are indented, so that
no text from outside can look like an event.

sd-daemon(3) has the levels of the journal, systemd.exec(5) has JOURNAL_STREAM.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    formatEvent,
)

from logsrv.kit.observe import peer_log
from logsrv.kit.text.escape import printable

CRITICAL = 2
EventFormat = Callable[[LogEvent], str]
# In capitals, so that programs that read logs, ours too, recognise them as levels.
WORDS = {LogLevel.warn: "WARNING", LogLevel.error: "ERROR", LogLevel.critical: "CRITICAL"}
NUMBERS = {
    LogLevel.critical: CRITICAL,
    LogLevel.error: 3,
    LogLevel.warn: 4,
    LogLevel.info: 6,
    LogLevel.debug: 7,
}
COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}
LEGACY = "log_legacy"
# The modules in this package are authors' plugins, not Twisted's.
PLUGINS = "twisted.plugins."
# Messages of Twisted's ports and factories, known by their text: authors' messages may have the same
# namespaces.
_PORT = re.compile(r" starting on |^\(.* Port .* Closed\)$", re.DOTALL)
_FACTORY = ("Starting factory {factory", "Stopping factory {factory")


class LogLevels:
    """The levels of one log. The namespace "" stands for all messages."""

    def __init__(self) -> None:
        # Levels by namespace, in the order in which they were set; "" always has one.
        self._shown: dict[str, Any] = {"": LogLevel.debug}
        self._asked: dict[str, Any] = {}
        self.predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.debug)

    def by_namespace(self) -> list[tuple[str, str]]:
        """Return each namespace that has a level of its own, and that level."""
        return [(name, level.name) for name, level in self._shown.items()]

    def set_default_level(self, level: Any) -> None:
        """Note the lowest level that the log shows unless somebody asks for another."""
        self._shown[""] = level

    def set_level(self, level: Any, namespace: str) -> None:
        """Show the messages of `namespace` that are at least at `level`."""
        self._shown[namespace] = self._asked[namespace] = level
        self.predicate.setLogLevelForNamespace(namespace, level)

    def is_requested(self, event: LogEvent) -> bool:
        """Return true if somebody asked for a level that includes this event."""
        if not self._asked:
            return False
        name = event.get("log_namespace") or ""
        while name and name not in self._asked:
            name = name.rpartition(".")[0]
        least = self._asked.get(name)
        return least is not None and bool(event.get("log_level", LogLevel.info) >= least)


LOG_LEVELS = LogLevels()
"""The levels of this process's log."""


class LevelFilteredObserver(FilteringLogObserver):
    """A log observer that gets only events at the chosen levels; its class marks it as one of ours."""

    def __init__(self, observer: Any, levels: LogLevels = LOG_LEVELS) -> None:
        super().__init__(observer, [levels.predicate])


class LogLines:
    """The format of a FileLogObserver: returns the text of an event, or None for one that is not shown.

    is_said_again: true if the sentence of a failed start is also printed to the stream of this log.
    """

    def __init__(self, write: EventFormat, *, is_said_again: bool = False) -> None:
        self._write = write
        self._is_said_again = is_said_again

    def __call__(self, event: LogEvent) -> str | None:
        if is_hidden_by_default(event) and not LOG_LEVELS.is_requested(event):
            return None
        if self._is_said_again and "failed_start" in event:
            return None
        return self._write(event)


def is_hidden_by_default(event: LogEvent) -> bool:
    """Return true for events that are not shown by default: below `info`, or Twisted's own at `info`."""
    level = event.get("log_level", LogLevel.info)
    return level is LogLevel.debug or (level is LogLevel.info and is_twisted_message(event))


def is_twisted_message(event: LogEvent) -> bool:
    """Return true for a message of Twisted about itself."""
    namespace = event.get("log_namespace") or ""
    if namespace == LEGACY:
        return bool(_PORT.search(formatEvent(event)))
    said = event.get("log_format") or ""
    if namespace.startswith(PLUGINS):
        return False
    return namespace.startswith("twisted.") or said.startswith(_FACTORY)


def people_format(*, coloured: bool) -> EventFormat:
    """Return the function that formats events for a terminal."""
    colours = COLOURS if coloured else {}

    def write(event: LogEvent) -> str:
        moment = time.strftime("%H:%M:%S", time.localtime(event.get("log_time")))
        word = WORDS.get(_shown_level(event))
        begin = "" if word is None else f"{word}: "
        if word in colours:
            begin = f"\x1b[{colours[word]}m{word}:\x1b[0m "
        return f"{moment} {begin}{_indented_text(event)}\n"

    return write


def file_format(event: LogEvent) -> str:
    """Format an event for a file; a critical event or a failure names its module."""
    level = _shown_level(event)
    word = WORDS.get(level)
    begin = "" if word is None else f"{word}: "
    if level is LogLevel.critical or event.get("log_failure") is not None:
        begin += f"[{event.get('log_namespace') or '-'}#{level.name}] "
    return f"{_iso_time(event)} {begin}{_indented_text(event)}\n"


def journal_format(event: LogEvent) -> str:
    """Format an event for the journal, which adds the time."""
    number = NUMBERS[_shown_level(event)]
    return "".join(f"<{number}>{line}\n" for line in _escaped_text(event).split("\n"))


def json_format(event: LogEvent) -> str:
    """Format an event as a line with one JSON object; several connects in one event have a line each."""
    level = _shown_level(event)
    said: dict[str, Any] = {
        "time": _iso_time(event),
        "level": WORDS.get(level, level.name).lower(),
        "logger": event.get("log_namespace") or "-",
        "msg": _escaped_text(event, traceback=False),
    }
    if event.get("log_failure") is not None:
        said["traceback"] = _escaped_text({"log_failure": event["log_failure"]}).strip()
    if event.get("log_namespace") != peer_log.__name__:
        return json.dumps(said) + "\n"
    return "".join(json.dumps(said | {"msg": printable(line)}) + "\n" for line in event["lines"])


def _shown_level(event: LogEvent) -> Any:
    level = event.get("log_level") or LogLevel.info
    if level is LogLevel.critical and event.get("log_failure") is None:
        # A log.msg(…, isError=True) without a failure is an error, not critical as Twisted has it.
        return LogLevel.error if event.get("log_namespace") == LEGACY else level
    return level


def _iso_time(event: LogEvent) -> str:
    moment = event.get("log_time")
    there = datetime.fromtimestamp(time.time() if moment is None else moment).astimezone()
    return there.isoformat(timespec="milliseconds")


def _escaped_text(event: LogEvent, *, traceback: bool = True) -> str:
    text = eventAsText(
        event, includeTraceback=traceback, includeTimestamp=False, includeSystem=False
    )
    return printable(text).rstrip("\n")


def _indented_text(event: LogEvent) -> str:
    return _escaped_text(event).replace("\n", "\n\t")


def is_journal(stream: Any, environment: Mapping[str, str] = os.environ) -> bool:
    """Return true if systemd has connected a stream with the journal."""
    named = environment.get("JOURNAL_STREAM")
    file = device_and_inode(stream) if named else None
    return file is not None and named == f"{file[0]}:{file[1]}"


def device_and_inode(stream: Any) -> tuple[int, int] | None:
    """Return device and inode of the file behind a stream; None if it has none."""
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def start_failure_text(sentence: str) -> str:
    """Return the sentence of a failed start for standard error, with its level if that is the journal."""
    shown = printable(sentence)
    return f"<{CRITICAL}>{shown}" if is_journal(sys.__stderr__) else shown
