"""The private parts of twistd and its log: its pipe to its parent, its observers and where they write."""

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

# The status of a daemonized twistd that has started.
STARTED = b"0"
# A write to a pipe of no more than this is never cut (POSIX asks for 512, Linux has 4096).
LONGEST_STATUS = 512


def start_failed(sentence: str) -> bytes:
    """The message of a daemonized twistd to its parent, which shows it and ends with status 1."""
    return f"1 {printable(sentence)}".encode("ascii", "backslashreplace")[:LONGEST_STATUS]


def take_status_pipe(options: Any) -> int | None:
    """Take the pipe to its parent from a daemonized twistd, whose parsed options these are.

    It would say that all is well as soon as it has called startService. None where nobody waits.
    """
    pipe: int | None = options.pop("statusPipe", None) if isinstance(options, dict) else None
    return pipe


def end_with_the_sentence() -> None:
    """Have the parent of a daemonized twistd print just the sentence of a failed start.

    Its own words around that are a `repr` of the first 98 bytes, and where to look for the rest.
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


def log_stream(options: Any) -> Any:
    """Open the log of a twistd with these parsed options, as it would; None if that is syslog's.

    SIGUSR1 starts another file from now on, if it is one.
    """
    return followed(getattr(UnixAppLogger(options)._getLogObserver(), "_outFile", None))


def log_has_begun() -> bool:
    """Return true if the log goes somewhere; until then Twisted prints what is critical on stderr."""
    return getattr(globalLogBeginner, "_temporaryObserver", None) is None


def uncapture_stderr() -> None:
    """Let standard error be what it was when the process began, if its text goes to the log."""
    if isinstance(sys.stderr, LoggingFile):
        sys.stderr = sys.__stderr__


def wrap_log_observers(wrap: Callable[[Any], Any]) -> None:
    """Put `wrap(observer)` in the place of each observer of the log that there is.

    A publisher tells nobody who its observers are, and twistd's are made before us.
    """
    observers = globalLogPublisher._observers
    observers[:] = [wrap(observer) for observer in observers]


class FollowedLogFile(LogFile):
    """A log file that is always the one at its path, and of which each write comes whole or not at all.

    Twisted's goes on in a file that was renamed or removed, whatever SIGUSR1 says, and leaves a hole where
    one was cut to nothing (logrotate with `copytruncate`).
    """

    synchronized = ["write"]

    def write(self, data: str | bytes) -> None:
        """Write at the end. Raises OSError if there is no room for all of it."""
        self._follow()
        text = data.encode(errors="backslashreplace") if isinstance(data, str) else data
        if self.shouldRotate():
            self.rotate()
        end = self._file.seek(0, os.SEEK_END)
        try:
            rest = memoryview(text)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            # Half a line would have the next one behind it.
            self._file.truncate(end)
            raise
        self.size = end + len(text)

    def _follow(self) -> None:
        """Begin another file where somebody has taken ours away; if none can be made, go on in ours."""
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


def followed(stream: Any) -> Any:
    """Return the stream of a log, as a file that is followed if it is one of Twisted's."""
    if type(stream) is LogFile:
        stream.__class__ = FollowedLogFile
    return stream
