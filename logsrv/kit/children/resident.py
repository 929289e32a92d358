"""A process that runs as long as the service needs it, gets orders, and is started again if it dies.

Only one process runs at a time, because its files on disk have one owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.kit.children.child_process import (
    ChildProcess,
    ProcessEnd,
    child_environment,
    start_error_text,
)
from logsrv.reactor import Timer
from logsrv.state_table import state_table

log = Logger()

PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""The pauses before restarts, in seconds: after several early deaths in a row, each restart uses the next
pause of this list.
"""
WELL = 60.0
"""The seconds that a process must run so that its death does not count as early; the next restart then uses
the first pause.
"""
END = 6.0
"""The seconds that the process has to end; then it is killed."""

NEXT = state_table(
    {
        # A process is wanted: it is started as soon as the reactor runs.
        "IDLE": {"want": "STARTING", "done": "IDLE", "stop": "STOPPED"},
        # Its orders are sent when it has begun. If the system could not start it, the log says why.
        "STARTING": {
            "want": "STARTING",
            "begun": "RUNNING",
            "died": "WAITING",
            "done": "IDLE",
            "stop": "STOPPED",
        },
        # New orders are sent. Its input is closed if it is not needed any more. If it dies, the log says
        # how.
        "RUNNING": {"want": "RUNNING", "done": "LEAVING", "died": "WAITING", "stop": "ENDING"},
        # The next process is started after a pause, or when it is wanted.
        "WAITING": {"want": "STARTING", "due": "STARTING", "done": "IDLE", "stop": "STOPPED"},
        # It ends, and no next process will start.
        "LEAVING": {"want": "RETURNING", "done": "LEAVING", "died": "IDLE", "stop": "ENDING"},
        # It ends, and the next process will start after that.
        "RETURNING": {"want": "RETURNING", "done": "LEAVING", "died": "STARTING", "stop": "ENDING"},
        # It ends for good; its owner may still get other settings.
        "ENDING": {"want": "ENDING", "done": "ENDING", "died": "STOPPED"},
        "STOPPED": {"want": "STOPPED", "done": "STOPPED"},
    }
)
"""A table of states: for each state, the possible events, and the next state after each event."""


@attrs.define(eq=False)
class ResidentProcess:
    """A process that runs `module`, from the first call of `start_or_update` to `stop`.

    state: one of NEXT. name: begins each log line about it. orders: gets the process id, and
    returns the message that is sent to the process at its start and after each `start_or_update`. take:
    gets each message of the process. ended: called when a process has ended, for whatever reason.
    environment: returns all its variables, at each start; by default `child_environment`.
    """

    _module: str
    _name: str
    _orders: Callable[[int | None], bytes]
    _take: Callable[[bytes], object]
    _reactor: Any
    _environment: Callable[[], Mapping[str, str]] = child_environment
    _process_ended: Callable[[], object] = attrs.field(alias="ended", default=lambda: None)
    state: str = attrs.field(init=False, default="IDLE")
    _child: ChildProcess | None = attrs.field(init=False, default=None)
    _started: float = attrs.field(init=False, default=0.0)
    _deaths: int = attrs.field(init=False, default=0)
    _again: Timer = attrs.Factory(lambda self: Timer(self._reactor), takes_self=True)
    _stopped: Deferred[None] | None = attrs.field(init=False, default=None)

    def start_or_update(self) -> None:
        """Start the process; if it runs already, send it its present orders."""
        running = self.state == "RUNNING"
        self._change_state("want")
        if running:
            self._send_orders()

    def end_until_needed(self) -> None:
        """End the process, because it has nothing to do; the next `start_or_update` starts it again."""
        self._change_state("done")

    def stop(self) -> Deferred[None]:
        """End the process for good; the Deferred fires when it has ended, at the latest after about END
        seconds.
        """
        if self._stopped is None:
            self._stopped = Deferred()
            self._change_state("stop")
        return self._stopped

    @property
    def stopping(self) -> bool:
        """Return whether `stop` was called."""
        return self._stopped is not None

    def _change_state(self, event: str) -> None:
        before, self.state = self.state, NEXT[self.state][event]
        if self.state == before:
            return
        self._again.stop()
        if self.state == "STARTING":
            # Before the reactor runs, nobody would notice its end.
            self._reactor.callWhenRunning(self._start)
        elif before == "RUNNING" and self.state in ("LEAVING", "ENDING"):
            assert self._child is not None
            self._child.end(within=END)
        elif self.state == "STOPPED":
            assert self._stopped is not None
            self._stopped.callback(None)

    def _start(self) -> None:
        if self.state != "STARTING":
            return
        self._started = self._reactor.seconds()
        child = ChildProcess(self._reactor, received=self._received, ended=self._ended)
        try:
            child.start(self._module, environment=self._environment())
        except OSError as error:
            self._plan_restart(f"cannot be started ({start_error_text(error)})")
            return
        self._child = child
        self._change_state("begun")
        self._send_orders()

    def _send_orders(self) -> None:
        assert self._child is not None
        self._child.send(self._orders(self._child.pid))

    def _received(self, message: list[bytes]) -> None:
        self._take(b"".join(message))

    def _ended(self, _: ChildProcess, end: ProcessEnd) -> None:
        self._child = None
        self._process_ended()
        if self.state == "RUNNING":
            self._plan_restart(f"{end} ({end.words})" if end.words else str(end))
        else:
            self._change_state("died")

    def _plan_restart(self, how: str) -> None:
        self._change_state("died")
        if self._reactor.seconds() - self._started > WELL:
            self._deaths = 0
        pause = PAUSES[min(self._deaths, len(PAUSES) - 1)]
        self._deaths += 1
        log.error(
            "{name}: the process {how}, and is started again in {pause:g} s",
            name=self._name,
            how=how,
            pause=pause,
        )
        self._again.start(pause, self._change_state, "due")
