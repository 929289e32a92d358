"""The private parts of twistd and its log: the pipe to its parent, the observers and their files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from twisted.logger import LoggingFile, globalLogBeginner, globalLogPublisher
from twisted.python import threadable
from twisted.python.logfile import LogFile
from twisted.scripts._twistd_unix import UnixApplicationRunner, UnixAppLogger

from logsrv.kit.text.escape import printable

# The message of a daemonized twistd that has started.
STARTED = b"0"
# Bytes: a write of no more to a pipe is never split (POSIX guarantees 512, Linux 4096).
LONGEST_STATUS = 512


def start_failure_message(sentence: str) -> bytes:
    """Return the message of a daemonized twistd to its parent, which shows it and ends with status 1."""
    return f"1 {printable(sentence)}".encode("ascii", "backslashreplace")[:LONGEST_STATUS]


def take_status_pipe(options: Any) -> int | None:
    """Take the pipe to its parent from a daemonized twistd; None if no parent waits.

    options: its parsed options. twistd itself would report success as soon as it has called startService.
    """
    pipe: int | None = options.pop("statusPipe", None) if isinstance(options, dict) else None
    return pipe


def print_only_start_error() -> None:
    """Let the parent of a daemonized twistd print only the sentence of a failed start.

    Otherwise it prints a `repr` of the first 98 bytes, and where to look for the rest.
    """
    runner: Any = UnixApplicationRunner
    runner._waitForStart = lambda _, pipe: _wait_for_start(pipe)


def _wait_for_start(pipe: int) -> int:
    """Return the exit status of the parent."""
    message = os.read(pipe, LONGEST_STATUS)
    if message == STARTED:
        return 0
    sentence = message[2:].decode("ascii", "backslashreplace") or (
        "twistd ended before it had started; its log may say why"
    )
    assert sys.__stderr__ is not None
    print(sentence, file=sys.__stderr__, flush=True)
    return 1


def open_log_stream(options: Any) -> Any:
    """Open the log of a twistd with these parsed options, as it would; None if the log is syslog.

    If it is a file, SIGUSR1 starts another one from now on.
    """
    return as_followed_file(getattr(UnixAppLogger(options)._getLogObserver(), "_outFile", None))


def log_has_begun() -> bool:
    """Return true if the log has observers; until then Twisted prints critical messages on stderr."""
    return getattr(globalLogBeginner, "_temporaryObserver", None) is None


def uncapture_stderr() -> None:
    """Restore the standard error with which the process began, if its text goes to the log."""
    if isinstance(sys.stderr, LoggingFile):
        sys.stderr = sys.__stderr__


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
