"""A viewer of the live view: one stream of events to one client.

    state      event    next       what happens
    WAITING    search   SEARCHING  a process looks for what was written since its position
    WAITING    join     LIVE       there is nothing to catch up with
    SEARCHING  search   SEARCHING  meanwhile much more was written
    SEARCHING  step     STEPPING   the last bit is looked through here, step by step
    STEPPING   join     LIVE       it has all up to the place where the hub goes on
    WAITING    end      ENDED      the client has gone, or is sent away
    SEARCHING  end      ENDED
    STEPPING   end      ENDED
    LIVE       end      ENDED

A client that does not read costs its socket and what is in it, and a list of lines that it shares with
the others: what is more is counted, and told when it reads again. After some minutes it is sent away.
When it comes back it says the position of its last line, and has what it missed.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.task import TaskFinished, TaskStopped
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import StoreError
from logsrv.kit.text.transitions import transitions
from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.children import Searches, SearchProcess
from logsrv.linelog.http.events import HEARTBEAT, RETRY, error_event, missed_event
from logsrv.linelog.http.hub import MOST_AT_ONCE, RENDERED_AT_ONCE, Hub, LineEvent
from logsrv.linelog.http.live import KEPT, Live
from logsrv.linelog.http.outbox import Outbox
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.query.match import compile
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.follow import News
from logsrv.linelog.read.search import in_text
from logsrv.linelog.store.segment import Position

log = Logger()

HEARTBEAT_EVERY = 15.0
STALLED_AFTER = 300.0
# Lines a second to one client, for long and at once: more than people and browsers can take.
RATE = 1000
BURST = 5000
# Processes that catch up one after the other, while more is written than the last step looks through.
MOST_SEARCHES = 5
# Text that is looked through in steps; one who is slower than what is written misses some in the end.
MOST_STEPPED = 16 << 20
# Lines that wait for a client; as much as a look has at most.
MOST_WAITING = MOST_AT_ONCE
# Bytes that are written at once, and that may be in the buffers of a client that does not read.
PIECE = 8 << 10
BUFFER = 16 << 10
SEND_BUFFER = 128 << 10


class ViewerState(Enum):
    """The stages of a viewer."""

    WAITING = "waiting"
    SEARCHING = "searching"
    STEPPING = "stepping"
    LIVE = "live"
    ENDED = "ended"


NEXT = {key: ViewerState[new] for key, new in transitions(__doc__).items()}


@implementer(IPushProducer)
class Viewer:
    """A client and what it looks for; `ended` is called once, when it is over."""

    def __init__(
        self,
        request: WebRequest,
        query: str,
        hub: Hub,
        searches: Searches,
        clock: IReactorTime,
        missed: Callable[[int], object],
        ended: Callable[[Viewer], object],
    ) -> None:
        """`missed` is told how many lines were left out."""
        self.state = ViewerState.WAITING
        self._request = request
        self._query = query
        self._matcher = compile(parse(query))
        self._hub = hub
        self._searches = searches
        self._clock = clock
        self._count_missed = missed
        self._ended = ended
        self._search: SearchProcess | None = None
        self._searched = 0
        self._refused: bytes | None = None
        # Where the next line for it begins.
        self._begin = Position(0, 0)
        self._full = False
        self._outbox = Outbox(MOST_WAITING)
        self._left, self._counted = float(BURST), clock.seconds()
        self._timer: IDelayedCall | None = None

    def start(self, after: Position | None, head: Callable[[], object]) -> None:
        """Begin behind `after`, or with what comes. Raises Problem, StoreError; then nothing was sent.

        head: is called to send status and headers when nothing can be refused any more.
        """
        end = self._hub.end
        if after is None or after == end:
            # There is no line yet at the end: so none that the client has.
            self._begin = end
            self._hub.join(self, self._query, self._matcher, end)
            self._go("join")
        else:
            self._begin = Position(after.segment, after.offset + 1)
        head()
        self._request.write(RETRY)
        _bound_buffers(self._request)
        self._request.registerProducer(self, True)
        self._request.notifyFinish().addBoth(lambda _: self._over())
        self._timer = self._clock.callLater(HEARTBEAT_EVERY, self._beat)
        if self.state is ViewerState.WAITING:
            self._catch_up(end)

    def _go(self, event: str) -> None:
        self.state = NEXT[self.state.name, event]

    def _catch_up(self, end: Position) -> None:
        """Let a process look for what is between the last line and `end`, as soon as one may."""
        self._go("search")
        self._searched += 1
        self._end = end
        values = {"q": self._query, "begin": str(self._begin), "end": str(end)}
        self._search = self._searches.wait({"endpoint": "tail", "values": values}, self)

    def begin(self, status: int) -> None:
        """Hear whether the searching process can do what it was asked for."""
        self._refused = b"" if status != 200 else None

    def data(self, data: bytes) -> None:
        """Hand on events from the searching process."""
        if self._refused is None:
            self._request.write(data)
        else:
            self._refused += data

    def end(self, problem: Problem | None) -> None:
        """The searching process has ended."""
        self._search = None
        if self.state is not ViewerState.SEARCHING:
            return
        if self._refused is not None:
            self.close(json.loads(self._refused)["error"])
            return
        if problem is not None:
            self.close(str(problem))
            return
        try:
            self._begin = self._end
            end = self._hub.end
            if self._searched < MOST_SEARCHES and _far(self._begin, end):
                self._catch_up(end)
            else:
                self._go("step")
                self._steps = self._hub.slices.cooperate(self._step())
                self._steps.whenDone().addErrback(self._failed)
                if self._full:
                    self._steps.pause()
        except (StoreError, Problem) as error:
            self.close(str(error))

    def _step(self) -> Iterator[None]:
        """Look through the rest, and join the hub in the very turn in which there is nothing left."""
        # A view of its own: the hub closes the other when the last of its viewers goes.
        view = self._hub.open_view()
        live = Live(view, self._begin)
        try:
            stepped = 0
            while (news := live.step()) is not None:
                if news.gap:
                    self.gone(news.position)
                stepped += len(news.text)
                yield from self._send(news)
                if stepped > MOST_STEPPED:
                    look = live.look()
                    missed = look.missed + sum(news.text.count(b"\n") for news in look.pieces)
                    self._outbox.leave_out(missed)
                    self._count_missed(missed)
                    break
            self._begin = live.position
        finally:
            live.close()
            view.close()
        self._go("join")
        self._hub.join(self, self._query, self._matcher, self._begin)
        self._flush()

    def _send(self, news: News) -> Iterator[None]:
        """Send what matches, some lines at a time."""
        events = []
        for hit in in_text(self._matcher, None, news.position, news.text):
            events.append(LineEvent(hit).data)
            if len(events) == RENDERED_AT_ONCE:
                self._request.write(b"".join(events))
                events.clear()
                yield
        self._request.write(b"".join(events))
        yield

    def _failed(self, failure: Failure) -> None:
        if not failure.check(TaskStopped):
            if not failure.check(StoreError, Problem):
                log.failure("a live view failed", failure)
            self.close(failure.getErrorMessage())

    @property
    def ready(self) -> bool:
        return self._outbox.room > 0

    def show(self, events: list[LineEvent], missed: int) -> None:
        """Send lines, as many as it takes; `missed` lines before them are left out."""
        if events and events[0].hit.position < self._begin:
            events = [event for event in events if event.hit.position >= self._begin]
        allowed = self._allowed(min(len(events), self._outbox.room))
        # The newest are shown, and counted is what they leave out.
        missed += len(events) - allowed
        if missed:
            self._outbox.leave_out(missed)
            self._count_missed(missed)
        self._outbox.add(events[len(events) - allowed :])
        self._flush()

    def gone(self, position: Position) -> None:
        """Tell that lines before `position` are no longer there."""
        self._outbox.tell(missed_event(None, str(position)))
        self._flush()

    def _flush(self) -> None:
        """Write what waits, until the client has enough."""
        while not self._full and (data := self._outbox.take(PIECE)):
            self._request.write(data)

    def _allowed(self, wanted: int) -> int:
        now = self._clock.seconds()
        self._left = min(BURST, self._left + (now - self._counted) * RATE)
        self._counted = now
        allowed = min(wanted, int(self._left))
        self._left -= allowed
        return allowed

    def _beat(self) -> None:
        self._timer = self._clock.callLater(HEARTBEAT_EVERY, self._beat)
        if not self._full:
            self._request.write(HEARTBEAT)

    def pauseProducing(self) -> None:
        if self._full or self.state is ViewerState.ENDED:
            return
        self._full = True
        if self._search is not None:
            self._search.pause()
        if self.state is ViewerState.STEPPING:
            self._steps.pause()
        self._cancel_timer()
        self._timer = self._clock.callLater(STALLED_AFTER, self._request.browser.abort)

    def resumeProducing(self) -> None:
        if not self._full or self.state is ViewerState.ENDED:
            return
        self._full = False
        self._cancel_timer()
        self._timer = self._clock.callLater(HEARTBEAT_EVERY, self._beat)
        if self._search is not None:
            self._search.resume()
        elif self.state is ViewerState.STEPPING:
            self._steps.resume()
        else:
            self._flush()

    def stopProducing(self) -> None:
        """The connection is going: the request says so as well."""

    def close(self, why: str) -> None:
        """Send the client away; it may come back."""
        if self.state is ViewerState.ENDED:
            return
        if self._full:
            self._request.browser.abort()
        else:
            self._request.write(error_event(why))
            self._request.unregisterProducer()
            self._request.finish()
        self._over()

    def _over(self) -> None:
        if self.state is ViewerState.ENDED:
            return
        stepping = self.state is ViewerState.STEPPING
        self._go("end")
        if stepping:
            # They may have ended by themselves, by what went wrong.
            with suppress(TaskFinished):
                self._steps.stop()
        self._cancel_timer()
        self._hub.leave(self, self._query)
        if self._search is not None:
            self._search.kill()
        self._ended(self)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _far(begin: Position, end: Position) -> bool:
    return begin.segment != end.segment or end.offset - begin.offset > KEPT


def _bound_buffers(request: WebRequest) -> None:
    """Let both Twisted and the kernel hold little for a client that does not read.

    The kernel's buffer would grow to megabytes.
    """
    transport: Any = request.browser.transport
    if hasattr(transport, "bufferSize"):
        transport.bufferSize = BUFFER
    handle = getattr(transport, "getHandle", lambda: None)()
    if isinstance(handle, socket.socket):
        with suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
