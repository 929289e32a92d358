"""A viewer of the live view: one stream of events to one client.

A client that does not read costs a socket with a full buffer, and a list of lines whose text it shares with
other viewers. Further lines are only counted; the client gets their number when it reads again. After some
minutes its connection is closed. When the client connects again, it sends the position of its last line,
and gets the lines after that.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import attrs
from twisted.internet.interfaces import IPushProducer, IReactorTime
from zope.interface import implementer

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.asked_search import AskedSearch
from logsrv.linelog.http.searching.search_order import EarlierLinesValues, Work
from logsrv.linelog.http.searching.searches import Searches
from logsrv.linelog.http.views.view_process import LiveViews
from logsrv.linelog.http.views.view_protocol import (
    HEARTBEAT,
    RETRY,
    LiveQuery,
    ViewEvents,
    error_event,
    id_event,
    missed_event,
)
from logsrv.linelog.store.cursor import (
    Cursor,
    Place,
    begin_after,
    has_all,
    positions_in,
    widened,
)
from logsrv.linelog.store.segment import NOWHERE
from logsrv.reactor import Timer

HEARTBEAT_EVERY = 15.0
STALLED_AFTER = 300.0
# The most searches in a row for one viewer; then it is attached. After each, another one is needed if more
# than NEAR bytes were written meanwhile.
MOST_SEARCHES = 5
NEAR = 512 << 10
# The most lines that wait for a client; further lines are only counted.
MOST_WAITING = 2000
# Bytes that are written at a time, and bytes that Twisted and the kernel buffer for a slow client.
PIECE = 8 << 10
BUFFER = 16 << 10
SEND_BUFFER = 128 << 10


class EventQueue:
    """A queue of events with at most `most` lines, in order; lines that do not fit are counted.

    tells_number: whether the client gets their number. Lines that were written too fast are not searched,
    so a reader of some lines would learn how many others there are.
    """

    def __init__(self, most: int, *, tells_number: bool = True) -> None:
        self._room = most
        self._tells_number = tells_number
        # Events, each with its number of lines. Instead of lines that were left out: b"" and their number.
        self._waiting: deque[tuple[bytes, int]] = deque()

    def add(self, data: bytes, lines: int) -> int:
        """Add the events of some lines; return the number of lines left out.

        The bytes are not copied, so several clients can share them.
        """
        if lines > self._room:
            self.count_left_out(lines)
            return lines
        self._room -= lines
        self._waiting.append((data, lines))
        return 0

    def count_left_out(self, lines: int) -> None:
        """Count lines that are left out at the end of the queue."""
        if lines and self._waiting and not self._waiting[-1][0]:
            lines += self._waiting.pop()[1]
        if lines:
            self._waiting.append((b"", lines))

    def pop_events(self, size: int) -> bytes:
        """Remove and return the first events, about `size` bytes; b"" if there are none."""
        pieces = []
        taken = 0
        while self._waiting and taken < size:
            data, lines = self._waiting.popleft()
            if data:
                self._room += lines
            pieces.append(data or missed_event(lines if self._tells_number else None))
            taken += len(pieces[-1])
        return b"".join(pieces)


@implementer(IPushProducer)
@attrs.define(eq=False)
class Viewer:
    """A client and the query that it watches.

    state: WAITING at first; SEARCHING while a search reads lines far behind; CATCHING_UP while the process
    of the live views sends it the last lines, step by step; LIVE when it has the same lines as the others;
    ENDED when the client has disconnected, or the server closes the stream.
    end_of_store: returns where the next lines begin, in each store. missed: gets the number of
    lines left out. ended: is called once, when the viewer has ended.
    """

    _request: WebRequest
    query: LiveQuery
    _end_of_store: Callable[[], Place]
    _views: LiveViews
    _searches: Searches
    _clock: IReactorTime
    _missed: Callable[[int], object]
    _ended: Callable[[Viewer], object]
    state: str = "WAITING"
    _search: AskedSearch | None = None
    _searched: int = 0
    # The position of its next line, and the position up to which the present search goes.
    _begin: Place = NOWHERE
    _end: Place = NOWHERE
    _full: bool = False
    # True until the answer to the last `attach` or `more` arrives.
    _asked: bool = False
    _outbox: EventQueue = attrs.Factory(
        lambda self: EventQueue(MOST_WAITING, tells_number=not self.query.only), takes_self=True
    )
    _timer: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)

    def start(self, after: Place | None, head: Callable[[], object]) -> None:
        """Begin after a line, or at a cursor; None: at the end. Raises Problem before anything is sent.

        head: called to send status and headers, when nothing can refuse the request any more.
        """
        end = self._end_of_store()
        self._begin = end if after is None else begin_after(after, end)
        if _is_near(self._begin, end):
            # No search, which needs a process: the process of the live views reads these few lines.
            self._attach_to_live_views(end)
        head()
        self._request.write(RETRY)
        if isinstance(self._begin, Cursor) and has_all(self._begin, positions_in(end)):
            # Otherwise a client that gets no line would not know where each store is to go on.
            self._request.write(id_event(str(self._begin)))
        _limit_buffers(self._request)
        self._request.registerProducer(self, True)
        self._request.notifyFinish().addBoth(lambda _: self._end_viewer())
        self._timer.start(HEARTBEAT_EVERY, self._send_heartbeat)
        if self.state == "WAITING":
            self._request_search(end)

    def _request_search(self, end: Place) -> None:
        """Request a search of the next lines up to `end`; it begins when few others run."""
        self.state = "SEARCHING"
        self._searched += 1
        self._end = end
        values: EarlierLinesValues = {
            "q": self.query.text,
            "since": "",
            "until": "",
            "source": "",
            "join": self.query.of_records,
            "begin": str(self._begin),
            "end": str(end),
        }
        work: Work = {"function": "tail", "values": values, "progress": False}
        self._search = self._searches.queue_search(work, self, only=self.query.only)
        if self._full:
            # The transport does not call `pauseProducing` again.
            self._search.pause()

    def receive_missing(self, missing: str) -> None:
        """Do nothing: an event says where lines are missing."""

    def receive_data(self, data: bytes) -> None:
        """Write events from the searching process to the client."""
        self._request.write(data)

    def receive_end(self, problem: Problem | None) -> None:
        """Go on after the search: with another one, by attaching to live views, or by closing."""
        self._search = None
        if self.state != "SEARCHING":
            return
        if problem is not None:
            self.close(str(problem))
            return
        end = self._end_of_store()
        self._begin = widened(self._end, end)
        try:
            if self._searched < MOST_SEARCHES and not _is_near(self._begin, end):
                self._request_search(end)
            else:
                self._attach_to_live_views(self._begin)
        except Problem as error:
            self.close(str(error))

    def _attach_to_live_views(self, sure: Place) -> None:
        self._views.attach(self, self._begin, sure)
        self.state = "CATCHING_UP"
        self._asked = True

    def _ask_for_more(self) -> None:
        if not self._full and not self._asked:
            self._asked = True
            self._views.request_more(self)

    def receive_events(self, events: ViewEvents) -> None:
        """Receive events from the process of the live views."""
        if events.missed:
            self._outbox.count_left_out(events.missed)
            self._missed(events.missed)
        if self.state == "CATCHING_UP":
            # Written without a queue: these events are few, the answer to one `attach` or `more`.
            self._asked = False
            self._request.write(events.data)
            if events.live:
                self.state = "LIVE"
                self._write_waiting()
            else:
                self._ask_for_more()
            return
        if events.data:
            self._missed(self._outbox.add(events.data, events.lines))
        self._write_waiting()

    def _write_waiting(self) -> None:
        """Write waiting events until the client's buffer is full."""
        while not self._full and (data := self._outbox.pop_events(PIECE)):
            self._request.write(data)

    def _send_heartbeat(self) -> None:
        self._timer.start(HEARTBEAT_EVERY, self._send_heartbeat)
        if not self._full:
            self._request.write(HEARTBEAT)

    def pauseProducing(self) -> None:
        if self._full or self.state == "ENDED":
            return
        self._full = True
        if self._search is not None:
            self._search.pause()
        self._timer.start(STALLED_AFTER, self._request.browser.abort)

    def resumeProducing(self) -> None:
        if not self._full or self.state == "ENDED":
            return
        self._full = False
        self._timer.start(HEARTBEAT_EVERY, self._send_heartbeat)
        if self._search is not None:
            self._search.resume()
        elif self.state == "CATCHING_UP":
            self._ask_for_more()
        else:
            self._write_waiting()

    def stopProducing(self) -> None:
        """Do nothing: `notifyFinish` of the request reports a lost connection."""

    def close(self, why: str) -> None:
        """Close the stream with a reason; without one if the client does not read. It may connect again."""
        if self.state == "ENDED":
            return
        if self._full:
            self._request.browser.abort()
        else:
            self._request.write(error_event(why))
            self._request.unregisterProducer()
            self._request.finish()
        self._end_viewer()

    def _end_viewer(self) -> None:
        if self.state == "ENDED":
            return
        self.state = "ENDED"
        self._timer.stop()
        self._views.leave(self)
        if self._search is not None:
            self._search.kill()
        self._ended(self)


def _is_near(begin: Place, end: Place) -> bool:
    """Return whether there are few bytes between two places."""
    begins, ends = positions_in(begin), positions_in(end)
    return has_all(begin, ends) and all(
        begins[number].segment == one.segment and 0 <= one.offset - begins[number].offset <= NEAR
        for number, one in ends.items()
    )


def _limit_buffers(request: WebRequest) -> None:
    """Limit the buffers of Twisted and the kernel, for a client that does not read.

    Otherwise the kernel's buffer would grow to megabytes.
    """
    transport: Any = request.browser.transport
    if hasattr(transport, "bufferSize"):
        transport.bufferSize = BUFFER
    handle = getattr(transport, "getHandle", lambda: None)()
    if isinstance(handle, socket.socket):
        with suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
