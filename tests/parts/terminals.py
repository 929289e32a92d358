"""Runs of a program on a terminal: the output there, and the exit status."""

import io
import os
import pty
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

from logsrv.kit.testing.patience import PATIENCE


def on_terminal(command: Sequence[str], until: str | None = None, **how: Any) -> tuple[str, int]:
    """Run a command to its end, with standard output and error on a terminal.

    until: the command gets SIGTERM when it has printed this text. how: arguments of Popen. Returns the
    output with plain line ends, and the exit status.
    """
    ours, theirs = pty.openpty()
    printed = b""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, **how
    ) as process:
        os.close(theirs)
        try:
            while data := _read(ours):
                printed += data
                if until is not None and until.encode() in printed:
                    process.send_signal(signal.SIGTERM)
                    until = None
            return printed.decode().replace("\r\n", "\n"), process.wait(PATIENCE)
        finally:
            process.kill()
            os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        # EIO: no process has the other side open any more.
        return b""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
