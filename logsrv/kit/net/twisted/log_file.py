"""The file that twistd writes its log to, on a disk that may be full and under programs that rotate it."""

from __future__ import annotations

import os
from typing import Any

from twisted.python import threadable
from twisted.python.logfile import LogFile


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
