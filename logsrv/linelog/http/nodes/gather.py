"""Nodes asked beside each other, span by span; one that fails is left out from there on, and named."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from threading import Thread
from typing import Any, Protocol, TypeVar

from logsrv.errors import LogsrvError
from logsrv.linelog.http.nodes.answer import NodeLine, time_of
from logsrv.linelog.http.nodes.body import LONGEST, NodeFailure
from logsrv.linelog.http.nodes.client import NodeQuestion, Room, TooMany
from logsrv.linelog.http.nodes.merge import MergedLine, merged
from logsrv.linelog.http.nodes.spans import EARLIEST, LATEST, SpanWalk, TimeSpan

ROOM = Room(20_000, 16 << 20)
"""The largest answer of a node for a span."""
ROOM_OF_ALL = Room(100_000, 64 << 20)
"""That of all nodes together: so much is in memory at a time."""
LEAST = 1000
ROOM_OF_A_MOMENT = Room(99_999, 256 << 20)
"""The largest answer for one moment, which cannot be cut: lines of a node, bytes of all together."""
CROWDED = 4
"""Moments with too many lines, behind which a node is asked no more: each costs as much as all others."""

T = TypeVar("T")


class AskedNode(Protocol):
    """A node, as `NodeClient` is one. name: it in what is told."""

    name: str

    def lines(self, question: NodeQuestion, span: TimeSpan, room: Room) -> list[NodeLine]:
        """Return the lines of a span, in the order of the store. Raises LogsrvError and TooMany."""

    def times(self) -> tuple[str, str]:
        """Return the TIMEs of the oldest and of the newest line. Raises LogsrvError."""

    def numbers(self, endpoint: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an endpoint counts, as it says it. Raises LogsrvError."""

    def stop(self) -> None:
        """End what is under way."""


class NodeSearch:
    """A search in several nodes.

    tell: gets the name of a node and a sentence for each that fails. now: the present, in microseconds
    since 1970. most: how many lines are wanted; with few, little is asked for at a time.
    longest: seconds that a node may take for a span, or for its numbers.
    """

    def __init__(
        self,
        nodes: Sequence[AskedNode],
        question: NodeQuestion,
        whole: TimeSpan,
        tell: Callable[[str, str], object],
        *,
        now: int,
        most: int | None = None,
        room: Room = ROOM,
        longest: float = LONGEST,
    ) -> None:
        self.nodes = tuple(nodes)
        self.failed: set[int] = set()
        """The numbers of nodes that are asked no more."""
        self.is_whole = True
        """No line of any node is missing."""
        self._question = question
        self._whole = whole
        self._tell = tell
        self._now = now
        wanted = room.lines if most is None else min(room.lines, max(LEAST, 2 * most))
        parts = max(1, len(self.nodes))
        share, size = ROOM_OF_ALL.lines // parts, ROOM_OF_ALL.bytes // parts
        self._room = Room(min(wanted, share), min(room.bytes, size))
        self._room_of_a_moment = Room(ROOM_OF_A_MOMENT.lines, ROOM_OF_A_MOMENT.bytes // parts)
        self._longest = longest
        self._crowded: Counter[int] = Counter()

    def spans(self) -> Iterator[list[MergedLine]]:
        """Yield the lines of one span after the other, by time; or, if wanted, the newest first."""
        reverse = self._question.reverse
        walk = SpanWalk(self._whole, self._now, reverse=reverse, most=self._room.lines)
        # An answer that is too large is thrown away: where nothing is known, little is asked for.
        little = Room(max(1, self._room.lines // 4), self._room.bytes)
        end = time.monotonic() + self._longest
        while (span := walk.span) is not None and len(self.failed) < len(self.nodes):
            room = self._room if walk.is_known else little
            if span.is_moment:
                room = self._room_of_a_moment
            answers, too_many = self._asked(span, room, end)
            if too_many and time.monotonic() < end:
                # The lines of the others may lie far behind those that come next.
                nearest = max if reverse else min
                walk.cut(nearest(too_many.values(), key=nearest))
                continue
            if too_many:
                # A node that answers every span with too much would let it be cut for ever.
                for number in too_many:
                    self._left_out(number, span, f"it has too much for {self._longest:g} s")
                end = time.monotonic() + self._longest
                continue
            walk.answered(max(map(len, answers), default=0))
            lines = merged(answers)
            yield lines[::-1] if reverse else lines
            # The nodes are not to blame for a slow reader.
            end = time.monotonic() + self._longest

    def _asked(
        self, span: TimeSpan, room: Room, end: float
    ) -> tuple[list[list[NodeLine]], dict[int, list[int]]]:
        """Return the answers of all nodes, and the moments of those that were too large."""
        asked = self._begun(lambda node: node.lines(self._question, span, room))
        answers: list[list[NodeLine]] = [[] for _ in self.nodes]
        cut: dict[int, list[int]] = {}
        for number, answer in asked.items():
            try:
                answers[number] = self._result(number, answer, end)
            except TooMany as error:
                if not span.is_moment:
                    cut[number] = error.moments
                    continue
                self._crowded[number] += 1
                why = f"it has too many lines of {time_of(span.begin)}"
                if self._crowded[number] < CROWDED:
                    self._tell_missing(number, f"{why}: they are missing")
                else:
                    self._left_out(number, span, f"{why}, as of others")
            except LogsrvError as error:
                self._left_out(number, span, str(error))
        return answers, cut

    def times(self) -> tuple[str, str]:
        """Return the TIMEs of the oldest and of the newest line of all nodes, "" for none."""
        found = self.of_each(lambda node: node.times()).values()
        oldest = [one for one, _ in found if one]
        newest = [one for _, one in found if one]
        return min(oldest, default=""), max(newest, default="")

    def of_each(self, ask: Callable[[AskedNode], T]) -> dict[int, T]:
        """Return what the nodes answer, by their numbers; one that fails is left out."""
        end = time.monotonic() + self._longest
        found = {}
        for number, answer in self._begun(ask).items():
            try:
                found[number] = self._result(number, answer, end)
            except LogsrvError as error:
                self._left_out(number, self._whole, str(error))
        return found

    def _begun(self, ask: Callable[[AskedNode], T]) -> dict[int, Future[T]]:
        """Ask the nodes that are left, each in a thread."""
        return {
            number: _in_thread(ask, node)
            for number, node in enumerate(self.nodes)
            if number not in self.failed
        }

    def _result(self, number: int, answer: Future[T], end: float) -> T:
        """Wait for an answer until `end`. Raises what asking raised, and NodeFailure."""
        try:
            return answer.result(max(0.0, end - time.monotonic()))
        except TimeoutError:
            self.nodes[number].stop()
            raise NodeFailure(f"its answer takes longer than {self._longest:g} s") from None
        except MemoryError:
            raise NodeFailure("its answer needs more memory than there is") from None

    def _left_out(self, number: int, span: TimeSpan, why: str) -> None:
        self.failed.add(number)
        missing = "its lines are missing"
        if self._question.reverse and span.end < min(self._whole.end, LATEST):
            missing = f"its lines before {time_of(span.end)} are missing"
        elif not self._question.reverse and span.begin > max(self._whole.begin, EARLIEST):
            missing = f"its lines from {time_of(span.begin)} on are missing"
        self._tell_missing(number, f"{why}; {missing}")

    def _tell_missing(self, number: int, what: str) -> None:
        self.is_whole = False
        self._tell(self.nodes[number].name, what)

    def close(self) -> None:
        """End all questions; their connections are closed then."""
        for node in self.nodes:
            node.stop()


def _in_thread(ask: Callable[[AskedNode], T], node: AskedNode) -> Future[T]:
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(ask(node))
        except BaseException as error:
            answer.set_exception(error)

    # Nobody waits for one that hangs, in asking for an address for instance: the process may end.
    Thread(target=work, name=f"node {node.name}", daemon=True).start()
    return answer
