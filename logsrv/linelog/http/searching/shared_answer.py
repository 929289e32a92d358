"""An answer for all clients that have asked the same: the bytes of one search go to each of them.

Each reader has its own pace. What a slow one has not read stays in memory, once for all of them, while a
faster one goes on; the search pauses when all have paused. A reader that is too far behind is cut off, or
else it would hold the others up, or memory.

An answer with its progress is one of lines, each of which replaces the one before. So a reader may also
join while it is made: it gets the latest line, and those that follow. A slow reader misses the lines that
were replaced before it was ready for them.

A search that nobody shares is an answer with one reader: then nothing stays in memory but the pieces that
came after its pause.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

import attrs

from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.asked_search import AskedSearch, SearchSink
from logsrv.reactor import Timer

MOST_READERS = 64
"""Readers of an answer: each piece goes to all of them in one turn of the reactor."""
MOST_UNREAD = 4 << 20
"""Bytes of an answer that some have read and others have not."""
LONGEST_LINE = 1 << 20
"""Bytes of a line that stays in memory for readers who join."""
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
    is_in_line: whether it has a part of a line. is_late: whether it has joined after the begin, and has
    nothing yet.
    """

    _answer: SharedAnswer
    sink: SearchSink
    client: str
    _wait: Timer
    at: int = 0
    is_in_line: bool = False
    is_late: bool = False
    over: bool = False

    def begin_soon(self, begin: Callable[[AnswerReader], object]) -> None:
        """Call `begin` in another turn of the reactor, unless it is over."""
        self._wait.start(0, begin, self)

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
    client is left; before the search is killed, if it was the last one. in_lines: whether each line
    replaces the one before.
    """

    _unread: UnreadBytes
    _left: Callable[[SharedAnswer, str], object]
    search: AskedSearch | None = None
    in_lines: bool = False
    _begun: bool = False
    _missing: str = ""
    # The numbers of the first piece of the last whole line, and of the line behind it; the bytes of both.
    _line: int = 0
    _next_line: int = 0
    _line_size: int = 0
    _next_size: int = 0
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
        """Return whether one more reader may join: it gets the whole answer, and there are few readers."""
        return len(self.readers) < MOST_READERS and (
            not self._begun or (self._has_whole_line and not self._ended)
        )

    @property
    def _has_whole_line(self) -> bool:
        """Return whether the last line is whole, and in memory."""
        return self._first <= self._line < self._next_line and not self._next_size

    @property
    def _keeps_line(self) -> bool:
        """Return whether the last whole line stays in memory for readers who join."""
        size = self._line_size + self._next_size
        return self.in_lines and not self._ended and size <= LONGEST_LINE

    def add_reader(self, sink: SearchSink, client: str, wait: Timer) -> AnswerReader:
        """Add a reader to an open answer. wait: a timer of its own."""
        reader = AnswerReader(self, sink, client, wait)
        self.readers[reader] = None
        self._clients[client] += 1
        if self._begun:
            reader.at, reader.is_late = self._line, True
            reader.begin_soon(self._serve_joined)
        if self.search is not None:
            self._pause_or_go_on(self.search)
        return reader

    def _serve_joined(self, reader: AnswerReader) -> None:
        self._serve(reader)
        self._drop_read_pieces()

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
        if reader.at == self._first or not self.readers:
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
        self._missing = missing
        for reader in list(self.readers):
            if not reader.over:
                reader.sink.receive_missing(missing)

    def receive_data(self, data: bytes) -> None:
        self._begun = True
        self._pieces.append(data)
        self._size += len(data)
        self._unread.total += len(data)
        if self.in_lines:
            self._note_line(data)
        for reader in list(self.readers):
            self._serve(reader)
        self._drop_read_pieces()
        self._cut_slow_readers()

    def _note_line(self, data: bytes) -> None:
        self._next_size += len(data)
        if data.endswith(b"\n"):
            self._line, self._next_line = self._next_line, self._first + len(self._pieces)
            self._line_size, self._next_size = self._next_size, 0
            for reader in self.readers:
                self._skip_replaced(reader)

    def _skip_replaced(self, reader: AnswerReader) -> None:
        """Leave out the lines that a reader has not begun to read, and that a later one replaces."""
        if self.in_lines and not reader.is_in_line:
            reader.at = max(reader.at, self._line)

    def receive_end(self, problem: Problem | None) -> None:
        """End the answer of each reader, as soon as it has read all."""
        self._begun = self._ended = True
        self._problem = problem
        for reader in list(self.readers):
            self._serve(reader)

    def _serve(self, reader: AnswerReader) -> None:
        """Give a reader what it has not read, and the end, until it pauses."""
        while not reader.over and reader not in self._paused:
            self._skip_replaced(reader)
            if reader.at < self._first + len(self._pieces):
                if reader.is_late and self._missing:
                    reader.sink.receive_missing(self._missing)
                # Counted before, because the sink may pause, leave or resume in the call.
                reader.is_late = False
                reader.at += 1
                data = self._pieces[reader.at - 1 - self._first]
                reader.is_in_line = not data.endswith(b"\n")
                reader.sink.receive_data(data)
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
        if self._keeps_line and self.readers:
            read = min(read, self._line)
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
