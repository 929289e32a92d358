"""A plugin in a real `twistd` child process, and functions that wait for events there."""

from __future__ import annotations

import itertools
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from logsrv.kit.testing.patience import PATIENCE

Found = TypeVar("Found")

SHORTEST, LONGEST = 0.005, 0.5
"""Seconds between two calls of what `wait_until` waits for."""

# The command `twistd` with this Python interpreter; `python -m twisted` is `twist`.
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")


def wait_until(look: Callable[[], Found | None], what: str, deadline: float = PATIENCE) -> Found:
    """Call `look()` until it returns something true, and return that.

    what: a phrase for it, for the error. Raises AssertionError after `deadline` seconds. Each pause is
    twice as long as the call before: a costly one, such as of a command, takes no whole processor.
    """
    began = time.monotonic()
    end = began + deadline
    while not (found := look()):
        if (now := time.monotonic()) > end:
            raise AssertionError(f"waited {deadline:g} s in vain for {what}")
        select.select([], [], [], min(max(SHORTEST, 2 * (now - began)), LONGEST))
        began = time.monotonic()
    return found


# Log lines about listeners end with these: `tcp 0.0.0.0:514`, `http://[::1]:8080/`.
_PORT = re.compile(
    r"(?:\blistening\b.* on (?:proxied )?\w+ | at https?://)[^\s/]*:(\d+)(?:/\w*)?$", re.MULTILINE
)


# Two children in one directory have separate logs.
_numbers = itertools.count(1)


class TwistdProcess:
    """A plugin in a real `twistd` child process; use it in a `with` statement.

    Its log goes to a file in `directory`. A wait that fails shows that log.

    >>> with TwistdProcess("logsrv", "--listen", "tcp:0", directory=tmp_path) as server:  # doctest: +SKIP
    ...     connection = socket.create_connection(("127.0.0.1", server.port()))
    """

    def __init__(
        self,
        plugin: str,
        *arguments: str,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        twistd: Sequence[str] = (),
        prefix: Sequence[str] = (),
        preexec: Callable[[], None] | None = None,
    ) -> None:
        """`arguments`: the plugin's. `twistd`: options of twistd. `prefix`: a command to run twistd with.

        `environment`: variables in addition to those of this process. `preexec`: as in Popen.
        """
        self.directory = directory
        self.log_path = directory / f"{plugin}.{next(_numbers)}.twistd.log"
        self._command = [*prefix, *TWISTD, "-n", "--pidfile=", *twistd, plugin, *arguments]
        self._environment = {**os.environ, **(environment or {})}
        self._preexec = preexec
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0

    def start(self) -> TwistdProcess:
        """Start the child, without a wait. After its end it can be started again."""
        with self.log_path.open("ab") as log:
            self._started_at = log.tell()
            self._process = self.spawn(
                self._command,
                cwd=self.directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=self._preexec,
            )
        return self

    def spawn(self, command: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
        """Start the child with Popen; a subclass may do it differently."""
        return subprocess.Popen(command, **how)

    def __enter__(self) -> TwistdProcess:
        return self.start().ready()

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start() it first"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """Return the output of the child since its last start."""
        with self.log_path.open("rb") as log:
            log.seek(self._started_at)
            return log.read().decode("utf-8", "backslashreplace")

    def wait_until(
        self, look: Callable[[], Found | None], what: str, deadline: float = PATIENCE
    ) -> Found:
        """Wait as the function `wait_until` does, but fail as soon as the child has ended."""

        def living() -> Found | None:
            found = look()
            if not found and self.process.poll() is not None and not (found := look()):
                raise AssertionError(
                    f"twistd ended with status {self.process.returncode} before {what}:\n{self.log()}"
                )
            return found

        try:
            return wait_until(living, what, deadline)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-8000:]}") from None

    def wait_for_log(self, pattern: str, deadline: float = PATIENCE) -> re.Match[str]:
        """Wait until the log has a match of the regular expression `pattern`, and return it."""
        return self.wait_until(
            lambda: re.search(pattern, self.log()), f"{pattern!r} in the log", deadline
        )

    def ready(self) -> TwistdProcess:
        """Wait until the log says that the service is ready."""
        self.wait_for_log(r" is ready")
        return self

    def ports(self) -> list[int]:
        """Return the TCP and UDP ports that it listens on, in the order of its listeners."""
        return [int(port) for port in _PORT.findall(self.log())]

    def port(self) -> int:
        """Return the port of its first listener."""
        return self.ports()[0]

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, deadline: float = PATIENCE) -> int:
        """Send a signal, wait for the end, and return the exit status (negative for a signal)."""
        self.send_signal(number)
        return self.wait(deadline)

    def wait(self, deadline: float = PATIENCE) -> int:
        """Wait for the end, for at most `deadline` seconds, and return the exit status."""
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"twistd did not end within {deadline:g} s:\n{self.log()[-8000:]}"
            ) from None
