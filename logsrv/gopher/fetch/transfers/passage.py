"""The way from a socket into a file that does not lead through this program, where the system has one."""

from __future__ import annotations

import errno
import fcntl
import os

SIZE = 1024 * 1024
_SET_PIPE_SIZE = 1031


class Passage:
    """A pipe that `take` fills from a socket and `give` empties into a file, where `is_there`.

    Both raise OSError.
    """

    @staticmethod
    def is_there() -> bool:
        """Return true if the system has such a way: Linux."""
        return hasattr(os, "splice")

    def __init__(self) -> None:
        self._out, self._in = os.pipe()
        try:
            fcntl.fcntl(self._in, _SET_PIPE_SIZE, SIZE)
        except OSError:
            # Root sets a limit for all pipes of a user; with the usual 64 KiB it works as well.
            pass

    def take(self, socket: int) -> int:
        """Return how many bytes came; 0 at the end. Raises BlockingIOError if there are none yet."""
        return os.splice(socket, self._in, SIZE)

    def give(self, file: int, size: int) -> None:
        """Write the `size` bytes that came to `file`."""
        while size:
            try:
                size -= os.splice(self._out, file, size)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                # A file system that knows no such way.
                data = memoryview(os.read(self._out, size))
                size -= len(data)
                while data:
                    data = data[os.write(file, data) :]

    def close(self) -> None:
        os.close(self._out)
        os.close(self._in)
