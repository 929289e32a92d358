"""A program on a terminal: what it prints there, and its exit status."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

from logsrv.kit.testing.patience import PATIENCE


def on_terminal(command: Sequence[str], until: str | None = None, **how: Any) -> tuple[str, int]:
    """Run a command whose output and errors go to a terminal, to its end.

    until: upon this text it gets SIGTERM. how: as Popen takes it. Gives what stands on the terminal, with
    plain line ends, and the exit status.
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
        # EIO: nobody has the other side any more.
        return b""
