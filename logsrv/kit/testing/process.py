"""A plugin in a real `twistd` child process, and waiting for what happens there."""

from __future__ import annotations

import itertools
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from logsrv.kit.testing.patience import PATIENCE

Found = TypeVar("Found")

# `python -m twisted` is `twist`; this is what the command `twistd` does, in the interpreter we run in.
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")


def wait_until(look: Callable[[], Found | None], what: str, deadline: float = PATIENCE) -> Found:
    """Call `look()` until it returns something true, and return that.

    Raises AssertionError, which says `what` was waited for, after `deadline` seconds.
    """
    end = time.monotonic() + deadline
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:g} s in vain for {what}")
        select.select([], [], [], 0.005)
    return found


# By the formats of --log-format: Twisted's and that of files, for people, for the journal, JSON.
_CRITICAL = (
    r"#critical\]",
    r"^\d\d:\d\d:\d\d (?:\x1b\[\d+m)?CRITICAL:",
    r"^<2>",
    r'"level": "critical"',
)
_COMPLAINT = re.compile(
    "|".join([r"Traceback \(most recent call last\)", r"\bUnhandled\b", *_CRITICAL]), re.MULTILINE
)
# A record begins with its time, its level for the journal, or as JSON; what is printed beside the log
# does not. In the journal each line has the level, and what stands in a traceback is indented.
_BEGINS = (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", r"\d\d:\d\d:\d\d ", r'\{"time"', r"Traceback")
_JOURNAL = r"<\d>(?!Traceback| |[\w.]*(?:Error|Exception|Failure)\b)"
_RECORD = re.compile("|".join(f"^(?={begin})" for begin in (*_BEGINS, _JOURNAL)), re.MULTILINE)
# The lines for places where it listens end with these: `tcp 0.0.0.0:514`, `http://[::1]:8080/`.
_PORT = re.compile(
    r"(?:\blistening\b.* on (?:proxied )?\w+ | at https?://)[^\s/]*:(\d+)(?:/\w*)?$", re.MULTILINE
)


def complaints(log: str, asked: Iterable[str] = ()) -> list[str]:
    """Return the records of a log that tell of an error: tracebacks, and whatever is critical.

    asked: expressions; a record in which one of them matches is left out.
    """
    if not _COMPLAINT.search(log):
        return []
    expected = [re.compile(pattern) for pattern in asked]
    return [
        record
        for record in _RECORD.split(log)
        if _COMPLAINT.search(record) and not any(one.search(record) for one in expected)
    ]


# Two children in one directory have each a log of their own.
_numbers = itertools.count(1)


class TwistdProcess:
    """A plugin in a real `twistd` child process; use it in a `with` statement.

    Its log goes to a file in `directory`, and is shown when something waited for does not come.

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
        """`twistd` are options before the plugin's name, `prefix` a command that starts it all."""
        self.directory = directory
        self.log_path = directory / f"{plugin}.{next(_numbers)}.twistd.log"
        self._command = [*prefix, *TWISTD, "-n", "--pidfile=", *twistd, plugin, *arguments]
        self._environment = {**os.environ, **(environment or {})}
        self._preexec = preexec
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0

    def start(self) -> TwistdProcess:
        """Start the child; returns at once. After its end it can be started again."""
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
        """Start the child, as Popen does; a subclass may start it in a way of its own."""
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
        """Return what the child has printed since it was started last."""
        with self.log_path.open("rb") as log:
            log.seek(self._started_at)
            return log.read().decode("utf-8", "backslashreplace")

    def wait_until(
        self, look: Callable[[], Found | None], what: str, deadline: float = PATIENCE
    ) -> Found:
        """Wait as the function of this name does, but give up as soon as the child has ended."""

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
        """Wait until the service says that it has started."""
        self.wait_for_log(r" is ready")
        return self

    def ports(self) -> list[int]:
        """The TCP and UDP ports it listens on, in the order of its listeners."""
        return [int(port) for port in _PORT.findall(self.log())]

    def port(self) -> int:
        """The port of its first listener."""
        return self.ports()[0]

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, deadline: float = PATIENCE) -> int:
        """End it by a signal and return its exit status (negative: the signal that ended it)."""
        self.send_signal(number)
        return self.wait(deadline)

    def wait(self, deadline: float = PATIENCE) -> int:
        """Wait for its end and return its exit status."""
        try:
            return self.process.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"twistd did not end within {deadline:g} s:\n{self.log()[-8000:]}"
            ) from None
