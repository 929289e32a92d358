"""A command at a terminal: a pseudo-terminal with a person's keys on its other side."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from logsrv.kit.testing.patience import PATIENCE

# What a terminal obeys: CSI and OSC sequences, and the two-character ones.
SEQUENCES = re.compile(rb"\x1b\[[0-9;?>=]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>()][0-9A-Z]?")


class AtTerminal:
    """A child process whose standard files are a terminal of 80 by 24.

    seen: all it has written, as bytes. text(): the same without what moves cursors and colours.
    """

    def __init__(self, *command: str, environment: Mapping[str, str]) -> None:
        self._command: Sequence[str] = command
        self._environment = {**os.environ, "TERM": "xterm", **environment}
        self.seen = b""
        self._from = 0

    def __enter__(self) -> AtTerminal:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            self._command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal, as the window of one."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def text(self) -> str:
        return SEQUENCES.sub(b"", self.seen).decode("utf-8", "backslashreplace")

    def type(self, keys: str) -> None:
        """Press these keys; Enter is `\\r`."""
        os.write(self._master, keys.encode())

    def _read(self, seconds: float) -> bool:
        """Take what it writes next; False at its end."""
        if select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                # How Linux says that nobody has the other side open any more.
                return False
            self.seen += data
        return True

    def expect(self, text: str, deadline: float = PATIENCE) -> None:
        """Wait until `text` is written after what was expected before."""
        end = time.monotonic() + deadline
        while (at := self.text().find(text, self._from)) < 0:
            if time.monotonic() > end or not self._read(0.1):
                raise AssertionError(f"{text!r} did not come; this did:\n{self.text()}")
        self._from = at + len(text)

    def wait(self, deadline: float = PATIENCE) -> int:
        """Its exit status."""
        end = time.monotonic() + deadline
        while self._read(0.1):
            assert time.monotonic() < end, f"it does not end:\n{self.text()}"
        return self.process.wait(deadline)
