"""The signals of an operator to a service, from before it is ready until it has stopped.

    signal      before ready               ready        stopping                    out of time
    SIGHUP      remembered, done later     reloads      nothing                     nothing
    SIGTERM     remembered, done soon      stops        says how long it may take   ends the process
    SIGINT      remembered, done soon      stops        says how long it may take   ends the process

"Before ready" begins when the service is made, before it opens anything and twistd writes its pid file. A
stop is then done once the reactor runs, because the system's own handler would leave sockets and the pid
file behind. Until the service is made, there is nothing to leave: `logsrv.first_process`.

The reactor handles the first SIGTERM or SIGINT of a ready service. Later ones are handled here, even if the
reactor has not come to the first: it cannot be stopped twice, and Twisted would log a traceback. "Out of
time" is for code that never returns: a signal still interrupts the reactor's thread, but no step of the
stop would ever end.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeAlias

STOPS = (signal.SIGINT, signal.SIGTERM)

Handler: TypeAlias = signal.Handlers | Callable[[int, FrameType | None], object] | int | None


class Signals:
    """The signals of one service. For the main thread only, which signals interrupt."""

    def __init__(self, reactor: Any) -> None:
        """reactor: Twisted's, or one with its `callFromThread`, `sigInt` and `sigTerm`."""
        self._reactor = reactor
        self._before: dict[signal.Signals, Handler] = {}
        self._remembered = False
        # Many SIGHUPs at once ask for one reload, so that a stop gets its turn.
        self._asked = False
        self._stop_asked = False
        # The first SIGINT or SIGTERM of the start.
        self._early_stop: int | None = None
        self._reload: Callable[[], object] | None = None
        self._impatient: Callable[[], object]
        self._deadline = 0.0

    def remember_hangups(self) -> None:
        """Remember SIGHUP from now on; by default it would end the process."""
        self._set_handler(signal.SIGHUP, self._on_hangup)

    def remember_stops(self) -> None:
        """Remember SIGINT and SIGTERM from now on, until `leave_stops_to_reactor`.

        SIGINT stays ignored in the background of a shell.
        """
        for number in STOPS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._set_handler(number, self._on_early_stop)

    def leave_stops_to_reactor(self) -> bool:
        """Let the reactor, which runs, handle SIGINT and SIGTERM. Return whether one has come."""
        for number in STOPS:
            self._before.pop(number, None)
            # Twisted sets its own handler for SIGINT only if Python's is there.
            if signal.getsignal(number) == self._on_early_stop:
                signal.signal(number, self._stop_of(number))
        if self._early_stop is None:
            return False
        self._stop_of(self._early_stop)(self._early_stop, None)
        return True

    def _stop_of(self, number: int) -> Any:
        """Return the reactor's own handler of a signal."""
        return self._reactor.sigInt if number == signal.SIGINT else self._reactor.sigTerm

    def reload_on_hangup(self, reload: Callable[[], object]) -> None:
        """Call `reload`, in the reactor, at each SIGHUP, and now if one came before."""
        self.remember_hangups()
        self._reload = reload
        for number in STOPS:
            if getattr(signal.getsignal(number), "__self__", None) is self._reactor:
                self._set_handler(number, self._on_first_stop)
        if self._remembered:
            self._remembered = False
            self._reactor.callFromThread(reload)

    def answer_stop_signals(self, seconds: float, impatient: Callable[[], object]) -> None:
        """Call `impatient`, in the reactor, at each SIGINT or SIGTERM from now on.

        One that comes more than `seconds` after this call ends the process at once.
        """
        self._reload = None
        self._impatient = impatient
        self._deadline = time.monotonic() + seconds
        for number in STOPS:
            self._set_handler(number, self._on_later_stop)

    def restore_handlers(self) -> None:
        """Restore the handlers from before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _set_handler(self, number: signal.Signals, handler: Handler) -> None:
        self._before.setdefault(number, signal.signal(number, handler))

    def _on_early_stop(self, number: int, frame: FrameType | None) -> None:
        self._early_stop = self._early_stop or number

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        if self._reload is None:
            self._remembered = True
        elif not self._asked:
            self._asked = True
            self._reactor.callFromThread(self._reload_once)

    def _reload_once(self) -> None:
        self._asked = False
        if self._reload is not None:
            self._reload()

    def _on_first_stop(self, number: int, frame: FrameType | None) -> None:
        handler = self._before[signal.Signals(number)]
        if not self._stop_asked and callable(handler):
            self._stop_asked = True
            handler(number, frame)

    def _on_later_stop(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() > self._deadline:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._reactor.callFromThread(self._impatient)
