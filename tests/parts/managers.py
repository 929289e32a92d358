"""A service manager in the place of systemd: it hears what services tell it, and keeps their sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from logsrv.kit.testing import TwistdProcess, wait_until
from tests.parts.warm.process import popen

# Gives a program open files, as sd_listen_fds(3) says: from 3 on, with this process's id, which stays.
HANDING_OVER = """
import fcntl, os, sys
count = int(sys.argv[1])
given = [int(number) for number in sys.argv[3 : 3 + count]]
# Away from the numbers that they are to have: one may be that of another.
held = [fcntl.fcntl(number, fcntl.F_DUPFD, 3 + count) for number in given]
for number in range(count):
    os.dup2(held[number], 3 + number)
os.closerange(3 + count, max(given + held) + 1)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[1], LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3 + count], sys.argv[3 + count:])
"""


class FakeManager:
    """A NOTIFY_SOCKET; use it in a `with` statement.

    messages: what came, each as a dictionary. stored: the open files that it keeps, by name.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / "notify"
        self.messages: list[dict[str, str]] = []
        self.stored: dict[str, int] = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)

    def __enter__(self) -> FakeManager:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()
        for descriptor in self.stored.values():
            os.close(descriptor)

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path)}

    def read(self) -> None:
        """Take in what has come."""
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, 16)
            except BlockingIOError:
                return
            fields = dict(line.split("=", 1) for line in data.decode().splitlines())
            self.messages.append(fields)
            if "FDSTORE" in fields:
                [self.stored[fields["FDNAME"]]] = descriptors
            if "FDSTOREREMOVE" in fields:
                os.close(self.stored.pop(fields["FDNAME"]))

    def wait_for(self, look: Callable[[dict[str, str]], object], what: str) -> dict[str, str]:
        """Wait for a message that `look` likes; it and those before are not looked at again."""

        def found() -> dict[str, str] | None:
            self.read()
            while self.messages:
                message = self.messages.pop(0)
                if look(message):
                    return message
            return None

        return wait_until(found, what)

    def ready(self) -> dict[str, str]:
        return self.wait_for(lambda message: "READY" in message, "READY=1")


class Managed(TwistdProcess):
    """A plugin that a service manager has started, with open files of these names."""

    given: tuple[tuple[str, int], ...] = ()

    def spawn(self, command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
        if not self.given:
            return popen(command, **how)
        names = ":".join(name for name, _ in self.given)
        files = [descriptor for _, descriptor in self.given]
        handing = [sys.executable, "-c", HANDING_OVER, str(len(files)), names, *map(str, files)]
        return subprocess.Popen([*handing, *command], pass_fds=files, **how)
