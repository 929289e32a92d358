"""Requests to several nodes in parallel. A node that fails is reported by name, and not asked again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Thread
from typing import TypeVar

import attrs

from logsrv.errors import LogsrvError
from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.http.nodes.answer import (
    EARLIEST,
    LATEST,
    AskedNode,
    NodeFailure,
    NodeLine,
    fetch_oldest_and_newest,
)
from logsrv.linelog.http.nodes.merge import MergedLine, merge_by_time
from logsrv.linelog.http.nodes.spans import AnswerSize, NodeQuestion, SpanLines, fetch_lines_by_time

ROOM = AnswerSize(20_000, 16 << 20)
"""The largest answer of a node for a span of time; if it is larger, the span is divided."""
ROOM_OF_ALL = AnswerSize(100_000, 64 << 20)
"""The largest answers of all nodes together that are in memory at the same time."""
ROOM_OF_A_MOMENT = AnswerSize(99_999, 128 << 20)
"""The largest answer for one moment, which cannot be divided: lines of a node, bytes of all nodes."""
LEAST = 1000
LONGEST = 600.0
"""Seconds that a node may take for a piece of its lines, or for its counts; then it fails."""
CHECK_AFTER = 5.0
"""Seconds of waiting before /healthz of a node is asked, and seconds that it may take to answer."""

T = TypeVar("T")


@attrs.define
class AskedNodes:
    """Nodes that are asked the same question.

    tell: gets the name and a sentence for each node that fails. failed: the names of failed nodes.
    """

    nodes: Sequence[AskedNode]
    tell: Callable[[str, str], object]
    longest: float = LONGEST
    failed: set[str] = attrs.Factory(set)

    def merged_lines(
        self, question: NodeQuestion, most: int | None = None, room: AnswerSize = ROOM
    ) -> Iterator[list[MergedLine]]:
        """Yield the lines of all nodes by time, each once; each list has the lines of one moment.

        most: the number of wanted lines; None for all. For few lines, the requests are smaller.
        """
        wanted = room.lines if most is None else min(room.lines, max(LEAST, 2 * most))
        parts = max(1, len(self.nodes))
        # Half of the memory for each piece, because the next one of a node arrives while one is merged.
        share, size = ROOM_OF_ALL.lines // (2 * parts), ROOM_OF_ALL.bytes // (2 * parts)
        room = AnswerSize(min(wanted, share), min(room.bytes, size))
        of_moment = AnswerSize(ROOM_OF_A_MOMENT.lines, ROOM_OF_A_MOMENT.bytes // parts)
        streams: list[Iterator[NodeLine]] = []
        for node in self.nodes:
            if node.name in self.failed:
                streams.append(iter(()))
                continue
            pieces = fetch_lines_by_time(node, question, room, of_moment)
            # All nodes are asked before an answer is awaited.
            coming = _start_in_thread(node, partial(next, pieces, None))
            streams.append(self._lines_of_node(node, question, pieces, coming))
        return merge_by_time(streams, reverse=question.reverse)

    def _lines_of_node(
        self,
        node: AskedNode,
        question: NodeQuestion,
        pieces: Iterator[SpanLines],
        coming: Future[SpanLines | None],
    ) -> Iterator[NodeLine]:
        """Yield the lines of a node by time, until it fails."""
        edge = question.span.end if question.reverse else question.span.begin
        try:
            while (piece := self._wait_for_answer(node, coming)) is not None:
                coming = _start_in_thread(node, partial(next, pieces, None))
                edge = piece.edge
                if piece.missing:
                    self._report_failure(node, piece.missing)
                yield from piece.lines
        except LogsrvError as error:
            missing = "its lines are missing"
            if question.reverse and edge < min(question.span.end, LATEST):
                missing = f"its lines before {exact_rfc3339(edge)} are missing"
            elif not question.reverse and edge > max(question.span.begin, EARLIEST):
                missing = f"its lines from {exact_rfc3339(edge)} on are missing"
            self._report_failure(node, f"{error}; {missing}")

    def ask_each(self, ask: Callable[[AskedNode], T]) -> dict[str, T]:
        """Ask all nodes that have not failed; return the answers by the names of the nodes."""
        left = [node for node in self.nodes if node.name not in self.failed]
        asked = [(node, _start_in_thread(node, partial(ask, node))) for node in left]
        found = {}
        for node, answer in asked:
            try:
                found[node.name] = self._wait_for_answer(node, answer)
            except LogsrvError as error:
                self._report_failure(node, f"{error}; its lines are missing")
        return found

    def ask_oldest_and_newest(self) -> tuple[str, str]:
        """Return the TIMEs of the oldest and the newest line of all nodes; "" without lines."""
        found = self.ask_each(fetch_oldest_and_newest).values()
        oldest = [one for one, _ in found if one]
        newest = [one for _, one in found if one]
        return min(oldest, default=""), max(newest, default="")

    def _report_failure(self, node: AskedNode, sentence: str) -> None:
        self.failed.add(node.name)
        self.tell(node.name, sentence)

    def _wait_for_answer(self, node: AskedNode, answer: Future[T]) -> T:
        """Wait for an answer. Raises NodeFailure, and any error of the request.

        A search may take long. So a node that is silent is asked for /healthz, which tells whether it is
        frozen or its machine is down.
        """
        why = f"its answer takes longer than {self.longest:g} s"
        end = time.monotonic() + self.longest
        while (left := end - time.monotonic()) > 0:
            try:
                return answer.result(min(left, CHECK_AFTER))
            except TimeoutError:
                if left > CHECK_AFTER and not _is_responding(node):
                    why = f"it said nothing for {2 * CHECK_AFTER:g} s"
                    break
            except MemoryError:
                raise NodeFailure("its answer needs more memory than there is") from None
        node.stop_request()
        raise NodeFailure(why)


def _is_responding(node: AskedNode) -> bool:
    try:
        return _start_in_thread(node, node.is_responding).result(CHECK_AFTER)
    except TimeoutError:
        return False


def _start_in_thread(node: AskedNode, ask: Callable[[], T]) -> Future[T]:
    """Start a request in a thread of its own: it may hang, for example while it looks up a name."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    # daemon: the process can end even while the thread hangs.
    Thread(target=work, name=f"node {node.name}", daemon=True).start()
    return answer
