"""An answer for all clients that have asked the same: the bytes of one search go to each of them.

Each reader has its own pace. What a slow one has not read stays in memory, once for all of them, while a
faster one goes on; the search pauses when all have paused. A reader that is too far behind is cut off, or
else it would hold the others up, or memory.

A search that nobody shares is an answer with one reader: then nothing stays in memory but the pieces that
came after its pause.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

import attrs

from logsrv.linelog.http.asked_search import AskedSearch, SearchSink
from logsrv.linelog.http.problems import Problem
from logsrv.reactor import Timer

MOST_READERS = 64
"""Readers of an answer: each piece goes to all of them in one turn of the reactor."""
MOST_UNREAD = 4 << 20
"""Bytes of an answer that some have read and others have not."""
MOST_UNREAD_IN_ALL = 64 << 20
"""The same, of all answers together."""
TOO_SLOW = Problem(503, "this answer was shared, and this client read it too slowly; ask again")


@attrs.define
class UnreadBytes:
    """The bytes of all answers of a server that wait in memory for slow readers."""

    total: int = 0


@attrs.define(eq=False)
class AnswerReader:
    """A client's part in an answer, with the interface of a search: `pause`, `resume`, `kill`.

    client: the client, as the queue counts it. at: the number of the next piece that `sink` gets.
    """

    _answer: SharedAnswer
    sink: SearchSink
    client: str
    _wait: Timer
    at: int = 0
    over: bool = False

    def wait_at_most(self, seconds: float, expired: Callable[[AnswerReader], object]) -> None:
        """Call `expired` after so many seconds, unless `stop_waiting` was called, or it is over."""
        self._wait.start(seconds, expired, self)

    def stop_waiting(self) -> None:
        """Note that the search runs now."""
        self._wait.stop()

    def pause(self) -> None:
        """Give the sink nothing until `resume`."""
        if not self.over:
            self._answer.pause_reader(self)

    def resume(self) -> None:
        """Give the sink what came meanwhile, and go on."""
        if not self.over:
            self._answer.resume_reader(self)

    def kill(self) -> None:
        """Leave. The search ends when its last reader has left."""
        if not self.over:
            self.over = True
            self._wait.stop()
            self._answer.remove_reader(self)

    def end(self, problem: Problem | None) -> None:
        """End the answer of this reader alone."""
        if not self.over:
            self.kill()
            self.sink.receive_end(problem)


@attrs.define(eq=False)
class SharedAnswer:
    """The sink of a search, and its readers.

    search: set as soon as there is one. left: called with this answer and a client when no reader of that
    client is left; before the search is killed, if it was the last one.
    """

    _unread: UnreadBytes
    _left: Callable[[SharedAnswer, str], object]
    search: AskedSearch | None = None
    _begun: bool = False
    readers: dict[AnswerReader, None] = attrs.field(factory=dict)
    _clients: Counter[str] = attrs.field(factory=Counter)
    _paused: set[AnswerReader] = attrs.field(factory=set)
    # The pieces that somebody has not read: that of number `_first`, and those that follow it.
    _pieces: deque[bytes] = attrs.field(factory=deque)
    _first: int = 0
    _size: int = 0
    _ended: bool = False
    _problem: Problem | None = None

    @property
    def is_open(self) -> bool:
        """Return whether one more reader may join: the answer has not begun, and has few readers."""
        return not self._begun and len(self.readers) < MOST_READERS

    def add_reader(self, sink: SearchSink, client: str, wait: Timer) -> AnswerReader:
        """Add a reader to an open answer. wait: a timer of its own."""
        reader = AnswerReader(self, sink, client, wait)
        self.readers[reader] = None
        self._clients[client] += 1
        if self.search is not None:
            self._pause_or_go_on(self.search)
        return reader

    def pause_reader(self, reader: AnswerReader) -> None:
        self._paused.add(reader)
        if self.search is not None:
            self._pause_or_go_on(self.search)

    def resume_reader(self, reader: AnswerReader) -> None:
        self._paused.discard(reader)
        self._serve(reader)
        self._drop_read_pieces()
        if self.search is not None and self.readers:
            self._pause_or_go_on(self.search)

    def remove_reader(self, reader: AnswerReader) -> None:
        """Remove a reader that is over; end the search with the last one."""
        del self.readers[reader]
        self._paused.discard(reader)
        self._clients[reader.client] -= 1
        if reader.at == self._first:
            self._drop_read_pieces()
        if not self._clients[reader.client]:
            del self._clients[reader.client]
            self._left(self, reader.client)
        if self.search is None:
            return
        if self.readers:
            self._pause_or_go_on(self.search)
        else:
            self.search.kill()

    def receive_missing(self, missing: str) -> None:
        self._begun = True
        for reader in list(self.readers):
            if not reader.over:
                reader.sink.receive_missing(missing)

    def receive_data(self, data: bytes) -> None:
        self._begun = True
        self._pieces.append(data)
        self._size += len(data)
        self._unread.total += len(data)
        for reader in list(self.readers):
            self._serve(reader)
        self._drop_read_pieces()
        self._cut_slow_readers()

    def receive_end(self, problem: Problem | None) -> None:
        """End the answer of each reader, as soon as it has read all."""
        self._begun = self._ended = True
        self._problem = problem
        for reader in list(self.readers):
            self._serve(reader)

    def _serve(self, reader: AnswerReader) -> None:
        """Give a reader what it has not read, and the end, until it pauses."""
        while not reader.over and reader not in self._paused:
            if reader.at < self._first + len(self._pieces):
                # Counted before, because the sink may pause, leave or resume in the call.
                reader.at += 1
                reader.sink.receive_data(self._pieces[reader.at - 1 - self._first])
            elif self._ended:
                reader.end(self._problem)
            else:
                break

    def _drop_read_pieces(self) -> None:
        """Drop the pieces that all have read."""
        if not self._pieces:
            return
        end = self._first + len(self._pieces)
        read = min((one.at for one in self.readers), default=end)
        while self._first < read:
            size = len(self._pieces.popleft())
            self._first += 1
            self._size -= size
            self._unread.total -= size

    def _cut_slow_readers(self) -> None:
        """End the slowest readers while too much waits for them, and another one reads on."""
        while len(self._paused) < len(self.readers) and self._paused:
            if self._size <= MOST_UNREAD and self._unread.total <= MOST_UNREAD_IN_ALL:
                break
            min(self._paused, key=lambda one: one.at).end(TOO_SLOW)

    def _pause_or_go_on(self, search: AskedSearch) -> None:
        if len(self._paused) == len(self.readers):
            search.pause()
        else:
            search.resume()
