"""A process that is there as long as it is wanted: started, told its orders, started again when it dies.

    state      event  next       what happens
    IDLE       want   STARTING   a process is started, as soon as the reactor runs
    IDLE       done   IDLE
    IDLE       stop   STOPPED
    STARTING   want   STARTING
    STARTING   begun  RUNNING    it is told its orders
    STARTING   died   WAITING    there is no room for a process: the log says so
    STARTING   done   IDLE
    STARTING   stop   STOPPED
    RUNNING    want   RUNNING    it is told its new orders
    RUNNING    done   LEAVING    it has nothing more to do: it is told to end
    RUNNING    died   WAITING    the log says so
    RUNNING    stop   ENDING     it is told to end
    WAITING    want   STARTING   the next one is started now
    WAITING    due    STARTING   the next one is started after the pause
    WAITING    done   IDLE
    WAITING    stop   STOPPED
    LEAVING    want   RETURNING  another one is to come
    LEAVING    done   LEAVING
    LEAVING    died   IDLE
    LEAVING    stop   ENDING
    RETURNING  want   RETURNING
    RETURNING  done   LEAVING    no other one is to come
    RETURNING  died   STARTING   the other one is started
    RETURNING  stop   ENDING
    ENDING     want   ENDING
    ENDING     done   ENDING
    ENDING     died   STOPPED
    STOPPED    want   STOPPED
    STOPPED    done   STOPPED

There is never more than one at a time, because what it keeps on disk has one owner.
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
    shared_environment,
    why_not,
)
from logsrv.kit.text.transitions import transitions
from logsrv.timer import Timer

log = Logger()

PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before it is started again, each time it dies soon."""
WELL = 60.0
"""Seconds after which a process that dies is one that worked."""
END = 6.0
"""Seconds that it has for its end; then it is killed."""

NEXT = transitions(__doc__)


@attrs.define(eq=False)
class ResidentProcess:
    """A process that runs `module`, from the first `want` to `stop`; `state` is one of the table's.

    name: the beginning of what the log says of it. orders: gets the process id, and returns the message
    that the process is sent at its start and after each `want`. take: gets each message of the process.
    environment: returns all its variables, at each start; else those that every process of ours gets.
    """

    _module: str
    _name: str
    _orders: Callable[[int | None], bytes]
    _take: Callable[[bytes], object]
    _reactor: Any
    _environment: Callable[[], Mapping[str, str]] = shared_environment
    state: str = attrs.field(init=False, default="IDLE")
    _child: ChildProcess | None = attrs.field(init=False, default=None)
    _started: float = attrs.field(init=False, default=0.0)
    _deaths: int = attrs.field(init=False, default=0)
    _again: Timer = attrs.Factory(lambda self: Timer(self._reactor), takes_self=True)
    _stopped: Deferred[None] | None = attrs.field(init=False, default=None)

    def want(self) -> None:
        """Let it run, by the orders that there are now."""
        running = self.state == "RUNNING"
        self._go("want")
        if running:
            self._order()

    def done(self) -> None:
        """Let it end, for it has nothing to do until the next `want`."""
        self._go("done")

    def stop(self) -> Deferred[None]:
        """End it for good; fires when it has ended, after END seconds at the latest."""
        if self._stopped is None:
            self._stopped = Deferred()
            self._go("stop")
        return self._stopped

    @property
    def stopping(self) -> bool:
        """Return whether it was told to end for good."""
        return self._stopped is not None

    def _go(self, event: str) -> None:
        before, self.state = self.state, NEXT[self.state, event]
        if self.state == before:
            return
        self._again.stop()
        if self.state == "STARTING":
            # Before the reactor runs, nobody would hear of its end.
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
            self._died(f"cannot be started ({why_not(error)})")
            return
        self._child = child
        self._go("begun")
        self._order()

    def _order(self) -> None:
        assert self._child is not None
        self._child.send(self._orders(self._child.pid))

    def _received(self, message: list[bytes]) -> None:
        self._take(b"".join(message))

    def _ended(self, _: ChildProcess, end: ProcessEnd) -> None:
        self._child = None
        if self.state == "RUNNING":
            self._died(f"{end} ({end.words})" if end.words else str(end))
        else:
            self._go("died")

    def _died(self, how: str) -> None:
        self._go("died")
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
        self._again.start(pause, self._go, "due")
