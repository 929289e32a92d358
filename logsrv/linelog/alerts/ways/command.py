"""Running the program of an alert: one process with a time limit. A failure is reported in a sentence."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.python.failure import Failure

from logsrv.kit.children.child_process import ProcessEnd
from logsrv.kit.children.starting import spawn
from logsrv.kit.text.escape import one_line
from logsrv.linelog.alerts.alert_settings import Command, missing_program_sentence
from logsrv.linelog.alerts.message import TemporaryFailure, UndeliveredMessage
from logsrv.linelog.alerts.ways import subreaper
from logsrv.reactor import Timer

SECONDS = 60.0
"""The most seconds that the program may take; then it is killed."""
GRACE = 0.5
"""Seconds to wait for last output after the program's end: other processes may keep its stderr open."""
_KEPT = 4096

PASSED = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "TMPDIR")
"""Variables of the server that the program gets, besides those of the locale, LC_*."""


def variables_for_program(environ: Mapping[str, str], named: Sequence[str] = ()) -> dict[str, str]:
    """Return the variables that a program gets: PASSED, LC_* and `named`. Others may be secret."""
    return {
        name: value
        for name, value in environ.items()
        if name in PASSED or name.startswith("LC_") or name in named
    }


class _RunningCommand(ProcessProtocol):
    def __init__(self, text: bytes, reactor: Any) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self.kill())
        self._reactor = reactor
        self._text = text
        self._said = b""
        self._last_output_timer = Timer(reactor)

    def start(self, command: Command, environment: Mapping[str, str]) -> None:
        with open(os.devnull, "wb") as nowhere:
            words = ["-I", "-S", subreaper.__file__, str(os.getpid()), *command]
            files = {0: "w", 1: nowhere.fileno(), 2: "r"}
            spawn(self._reactor, self, words, environment, childFDs=files)

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._text)
        self.transport.closeStdin()

    def errReceived(self, data: bytes) -> None:
        self._said += data[: _KEPT - len(self._said)]

    def processExited(self, reason: Failure) -> None:
        """Wait GRACE seconds at most for the last output: another process may keep stderr open."""
        self._last_output_timer.start(GRACE, self._finish, reason)

    def processEnded(self, reason: Failure = connectionDone) -> None:
        self._last_output_timer.stop()
        self._finish(reason)

    def kill(self) -> None:
        """Kill the program and all processes that it started."""
        assert self.transport is not None
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess("TERM")

    def _finish(self, reason: Failure) -> None:
        assert self.transport is not None
        self.transport.loseConnection()
        if self.done.called:
            return
        end = ProcessEnd.of(reason)
        if end.status == 0:
            self.done.callback(None)
            return
        words = self._said.decode(errors="backslashreplace").strip().partition("\n")[0]
        said = f": {one_line(words, 300)}" if words else ""
        # A program without an exit status was killed, for example at a shutdown: it may succeed later.
        error = TemporaryFailure if end.status in (None, os.EX_TEMPFAIL) else UndeliveredMessage
        self.done.errback(error(f"the command {end}{said}"))


async def run_command(
    command: Command,
    text: bytes,
    environment: Mapping[str, str],
    *,
    reactor: Any,
    seconds: float = SECONDS,
) -> None:
    """Run a program with `text` on its standard input, until it ends.

    environment: all variables that it gets. seconds: after this time the program is killed, with all
    processes that it has started; cancelling does the same. Raises Undelivered, or TemporaryFailure if it
    may succeed later.
    """
    if sentence := missing_program_sentence(command):
        raise TemporaryFailure(sentence)
    running = _RunningCommand(text, reactor)
    try:
        running.start(command, environment)
    except OSError as error:
        raise TemporaryFailure(f"the command cannot be started: {error.strerror}") from error
    try:
        await running.done.addTimeout(seconds, reactor)
    except DeferredTimeout:
        raise TemporaryFailure(f"the command took {seconds:g} s and was killed") from None
