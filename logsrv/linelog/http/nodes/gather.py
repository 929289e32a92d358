"""Nodes asked beside each other, span by span; one that fails is left out from there on, and named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from logsrv.linelog.http.nodes.address import NodeAddress
from logsrv.linelog.http.nodes.answer import NodeLine, time_of
from logsrv.linelog.http.nodes.body import NodeFailure
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


class AskedNode(Protocol):
    """A node, as `NodeClient` is one."""

    address: NodeAddress

    def lines(self, question: NodeQuestion, span: TimeSpan, room: Room) -> list[NodeLine]:
        """Return the lines of a span, in the order of the store. Raises NodeFailure and TooMany."""

    def times(self) -> tuple[str, str]:
        """Return the TIMEs of the oldest and of the newest line. Raises NodeFailure."""

    def stop(self) -> None:
        """End what is under way."""


class NodeSearch:
    """A search in several nodes.

    tell: gets a sentence for each node that fails. now: the present, in microseconds since 1970.
    most: how many lines are wanted; with few, little is asked for at a time.
    """

    def __init__(
        self,
        nodes: Sequence[AskedNode],
        question: NodeQuestion,
        whole: TimeSpan,
        tell: Callable[[str], object],
        *,
        now: int,
        most: int | None = None,
        room: Room = ROOM,
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
        share, size = ROOM_OF_ALL.lines // len(self.nodes), ROOM_OF_ALL.bytes // len(self.nodes)
        self._room = Room(min(wanted, share), min(room.bytes, size))
        self._room_of_a_moment = Room(
            ROOM_OF_A_MOMENT.lines, ROOM_OF_A_MOMENT.bytes // len(self.nodes)
        )
        self._threads = ThreadPoolExecutor(len(self.nodes), "node")

    def spans(self) -> Iterator[list[MergedLine]]:
        """Yield the lines of one span after the other, by time; or, if wanted, the newest first."""
        reverse = self._question.reverse
        walk = SpanWalk(self._whole, self._now, reverse=reverse, most=self._room.lines)
        # An answer that is too large is thrown away: where nothing is known, little is asked for.
        little = Room(max(1, self._room.lines // 4), self._room.bytes)
        while (span := walk.span) is not None and len(self.failed) < len(self.nodes):
            room = self._room if walk.is_known else little
            if span.is_moment:
                room = self._room_of_a_moment
            answers, too_many = self._asked(span, room)
            if too_many:
                walk.cut(too_many)
                continue
            walk.answered(max(map(len, answers), default=0))
            lines = merged(answers)
            yield lines[::-1] if reverse else lines

    def _asked(self, span: TimeSpan, room: Room) -> tuple[list[list[NodeLine]], list[int]]:
        """Return the answers of all nodes; or the moments of the first that was too large."""
        asked = {
            number: self._threads.submit(node.lines, self._question, span, room)
            for number, node in enumerate(self.nodes)
            if number not in self.failed
        }
        answers: list[list[NodeLine]] = [[] for _ in self.nodes]
        cut: list[int] = []
        for number, answer in asked.items():
            try:
                answers[number] = answer.result()
            except TooMany as error:
                cut = cut or error.moments
                if span.is_moment:
                    self._tell_missing(
                        number, f"it has too many lines of {time_of(span.begin)}: they are missing"
                    )
            except NodeFailure as error:
                self._left_out(number, span, str(error))
        return answers, [] if span.is_moment else cut

    def times(self) -> tuple[str, str]:
        """Return the TIMEs of the oldest and of the newest line of all nodes, "" for none."""
        asked = [self._threads.submit(node.times) for node in self.nodes]
        found = []
        for number, answer in enumerate(asked):
            try:
                found.append(answer.result())
            except NodeFailure as error:
                self._left_out(number, self._whole, str(error))
        oldest = [one for one, _ in found if one]
        newest = [one for _, one in found if one]
        return min(oldest, default=""), max(newest, default="")

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
        self._tell(f"{self.nodes[number].address}: {what}")

    def close(self) -> None:
        """End all questions; their connections are closed then."""
        for node in self.nodes:
            node.stop()
        self._threads.shutdown()
