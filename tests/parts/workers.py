"""Workers in this process, in the place of the pool of processes."""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

from logsrv.linelog.intake.parsing import ParseOrder


class WorkersHere:
    """Answers as workers do: at once, or when told. asked: the orders without an answer, the oldest first.

    most: as of the pool. waits: whether `answer_next` or `fail_next` must be called for each order.
    """

    def __init__(self, most: int = 1, *, waits: bool = False) -> None:
        self.most = most
        self.waits = waits
        self.asked: deque[tuple[bytes, Any, Deferred[list[bytes]]]] = deque()
        self.number = 0

    @property
    def waiting(self) -> int:
        return len(self.asked)

    def answer(
        self, *parts: bytes, admit: Callable[[int], Deferred[None]] | None = None
    ) -> Deferred[list[bytes]]:
        """Take an order."""
        self.number += 1
        answered: Deferred[list[bytes]] = Deferred()
        self.asked.append((b"".join(parts), admit or (lambda _: succeed(None)), answered))
        if not self.waits:
            self.answer_next()
        return answered

    def answer_next(self, change: Callable[[list[bytes]], list[bytes]] = list) -> None:
        """Do the oldest order; `change` may change its answer."""
        order, admit, answered = self.asked.popleft()
        answer = change(list(ParseOrder.decoded(order).parse_and_answer()))
        admit(sum(map(len, answer))).addCallback(lambda _: answered.callback(answer))

    def fail_next(self, error: Exception) -> None:
        """Fail the oldest order, as when its process has ended."""
        self.asked.popleft()[2].errback(error)
