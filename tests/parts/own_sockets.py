"""The connected TCP sockets that this process has, found by their ports."""

import os
import socket
import stat
import sys
from contextlib import suppress

_DESCRIPTORS = "/dev/fd" if sys.platform == "darwin" else "/proc/self/fd"


def connected_sockets(*, ours: int | None = None, theirs: int | None = None) -> list[socket.socket]:
    """Return copies of the sockets whose own port, or that of the peer, is the given one."""
    found = []
    for name in os.listdir(_DESCRIPTORS):
        # It may be no socket, not connected, or closed by now.
        with suppress(OSError, IndexError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with socket.socket(fileno=os.dup(int(name))) as one:
                    if one.getsockname()[1] == ours or one.getpeername()[1] == theirs:
                        one.getpeername()
                        found.append(one.dup())
    return found
