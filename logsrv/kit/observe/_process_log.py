"""The log of a process that serves: our observer and format replace those of twistd or twist."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    globalLogBeginner,
    globalLogPublisher,
    textFileLogObserver,
)
from twisted.python import threadable
from twisted.python.logfile import LogFile
from twisted.scripts._twistd_unix import UnixAppLogger

from logsrv.kit.observe import _log_lines as log_lines
from logsrv.kit.observe._log_lines import LOG_LEVELS, LogLines, device_and_inode, is_journal
from logsrv.kit.text.terminal import has_colours
from logsrv.kit.text.words import counted

TWISTED = "twisted"
WRITERS = {
    "people": lambda stream: log_lines.people_format(coloured=has_colours(stream)),
    "file": lambda stream: log_lines.file_format,
    "journal": lambda stream: log_lines.journal_format,
    "json": lambda stream: log_lines.json_format,
}


def auto_format(stream: Any) -> str:
    """Return the format for a stream: `journal`, `people` or `file`."""
    if is_journal(stream):
        return "journal"
    return "people" if _is_terminal(stream) else "file"


def log_observer_for(stream: Any, format: str = "auto") -> FileLogObserver:
    """Return an observer that writes the log to a stream. format: the value of --log-format."""
    if format == TWISTED:
        return textFileLogObserver(stream)
    # An author's own option may be named log_format and mean something else.
    chosen = format if format in WRITERS else auto_format(stream)
    LOG_LEVELS.set_default_level(LogLevel.info)
    is_seen = _is_terminal(stream) or is_journal(stream)
    is_said_again = is_seen and device_and_inode(stream) == device_and_inode(sys.__stderr__)
    return CountingObserver(stream, LogLines(WRITERS[chosen](stream), is_said_again=is_said_again))


class CountingObserver(FileLogObserver):
    """Writes events. It counts those that cannot be written, and writes the count when it can write again.

    Twisted would report the failure in the same log, which cannot be written.
    """

    _missing = 0
    _why = ""

    def __call__(self, event: LogEvent) -> None:
        missing = self._missing
        try:
            if missing:
                # The stream still buffers the message that failed first; without a flush it would also
                # buffer this one.
                self._outFile.flush()
                super().__call__(self._missing_count_event(missing))
                self._missing -= missing
            super().__call__(event)
        except OSError as error:
            self._missing += 1
            self._why = error.strerror or str(error)

    def _missing_count_event(self, missing: int) -> LogEvent:
        return {
            "log_level": LogLevel.warn,
            "log_format": "{messages} before this one could not be written when they came: {why}",
            "log_namespace": __name__,
            "log_time": time.time(),
            "messages": counted(missing, "message"),
            "why": self._why,
        }


def use_our_log_format(program: Any, format: str, application: Any) -> None:
    """Make twistd or twist write its log in our format.

    program: its parsed options; None for another program. application: the application of twistd, whose
    observer twistd uses; its log is not open yet. A log that the operator chose stays: --logger, --syslog,
    the JSON of twist.
    """
    if program is None:
        return
    if "fileLogObserverFactory" in program:
        stream = program["logFile"]
        if format != "auto" or program.get("logFormat") == "text" or is_journal(stream):
            program["fileLogObserverFactory"] = lambda stream: log_observer_for(stream, format)
    elif "nodaemon" in program and not program.get("logger"):
        stream = open_log_stream(program)
        if stream is not None and hasattr(application, "setComponent"):
            application.setComponent(ILogObserver, log_observer_for(stream, format))


def _is_terminal(stream: Any) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())


def open_log_stream(options: Any) -> Any:
    """Open the log of a twistd with these parsed options, as it would; None if the log is syslog.

    If it is a file, SIGUSR1 starts another one from now on.
    """
    return as_followed_file(getattr(UnixAppLogger(options)._getLogObserver(), "_outFile", None))


def log_has_begun() -> bool:
    """Return true if the log has observers; until then Twisted prints critical messages on stderr."""
    return getattr(globalLogBeginner, "_temporaryObserver", None) is None


def wrap_log_observers(wrap: Callable[[Any], Any]) -> None:
    """Put `wrap(observer)` in place of each present observer of the log.

    A publisher has no public list of its observers, and twistd makes its own before we run.
    """
    observers = globalLogPublisher._observers
    observers[:] = [wrap(observer) for observer in observers]


class FollowedLogFile(LogFile):
    """A log file that is always the file at its path; each write is complete or has no effect.

    Twisted's goes on in a file that was renamed or removed, even after SIGUSR1, and leaves a gap of NULs in
    one that was truncated (logrotate with `copytruncate`).
    """

    synchronized = ["write"]

    def write(self, data: str | bytes) -> None:
        """Write at the end. Raises OSError if there is no room for all of it."""
        self._reopen_if_moved()
        text = data.encode(errors="backslashreplace") if isinstance(data, str) else data
        if self.shouldRotate():
            self.rotate()
        end = self._file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            # Otherwise the next line would follow half a line.
            self._file.truncate(end)
            raise
        self.size = end + len(text)

    def _reopen_if_moved(self) -> None:
        """Begin another file if ours is no longer at its path; if none can be made, go on in ours."""
        ours = self._file
        try:
            if not ours.closed and os.path.samestat(os.stat(self.path), os.fstat(ours.fileno())):
                return
        except FileNotFoundError:
            pass
        except OSError:
            return
        try:
            self._openFile()
        except OSError:
            self._file = ours
            if ours.closed:
                # `rotate` has closed it, and could not make another.
                raise
        else:
            ours.close()


threadable.synchronize(FollowedLogFile)


def as_followed_file(stream: Any) -> Any:
    """Return the stream of a log, as a FollowedLogFile if it is a LogFile of Twisted's."""
    if type(stream) is LogFile:
        stream.__class__ = FollowedLogFile
    return stream
