"""The server of this worker of pytest: started when it is needed first, ended with the worker."""

import atexit
import functools
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from logsrv.kit.testing.patience import PATIENCE

SERVER = Path(__file__).with_name("server.py")
# What Python and the loader look at when they start.
EARLY = ("PYTHON", "LD_", "LC_", "LANG", "OPENBLAS", "MALLOC")


class Server:
    """A running server."""

    def __init__(self) -> None:
        self._early = _early(os.environ)
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(SERVER), str(theirs.fileno())],
                # Python buffers its streams by what they are when it starts.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Threads would not be there behind a fork.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            )
        atexit.register(self.end)

    def stands_for(self, environment: Mapping[str, str]) -> bool:
        """Whether a process with this environment would start as the server did."""
        return _early(environment) == self._early

    def start(self, request: bytes, files: list[int]) -> tuple[int, int]:
        """Let it fork; returns the number of the child's process, and its descriptor."""
        socket.send_fds(self.control, [request], files)
        told, [end], *_ = socket.recv_fds(self.control, 100, 1)
        return int(told), end

    def end(self) -> None:
        self.control.close()
        self._process.wait(PATIENCE)


server = functools.cache(Server)


def way() -> int | None:
    """Return the descriptor by which the server is asked; None if it does not run yet."""
    return server().control.fileno() if server.cache_info().currsize else None


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environment.items() if name.startswith(EARLY)}
