"""The base class for protocols of requests and answers, a line each.

class Sums(RequestProtocol):
    def request_received(self, request):
        return str(sum(map(int, request.split())))
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeAlias

from twisted.python.failure import Failure

from logsrv.errors import PeerError
from logsrv.kit.protocols.connection.awaiting import CANCELLED, awaited
from logsrv.kit.protocols.connection.context import Settings, State
from logsrv.kit.protocols.connection.mistakes import mistaken
from logsrv.kit.protocols.lines import LineProtocol

Answer: TypeAlias = str | bytes | None


class RequestError(PeerError):
    """Raise it in `request_received` for a request that cannot be answered; the sentence is sent."""


class RequestProtocol(LineProtocol[Settings, State]):
    """A protocol of requests and answers, a line each; pipelined requests are answered in their order.

    error_answer: what a request gets that made the plugin fail; the connection goes on.
    """

    error_answer = "error: the server failed to answer this"

    def request_received(self, request: str) -> Answer | Awaitable[Answer]:
        """The answer: str is sent as a line, bytes are sent as they are, None is no answer.

        May be `async def`. Raises RequestError: its sentence is sent as `error: SENTENCE`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no request_received")

    def line_received(self, line: str) -> object:
        try:
            answer = self.request_received(line)
            if answer is None or isinstance(answer, str | bytes):
                self._answer(answer)
                return None
            pending = awaited(answer, "request_received")
        except Exception:
            self._refuse(Failure())
            return None
        return pending.addCallbacks(self._answer, self._refuse)

    def _answer(self, answer: object) -> None:
        if isinstance(answer, str):
            self.send_line(answer)
        elif isinstance(answer, bytes):
            self.write(answer)
        elif answer is not None:
            self._refuse(Failure(TypeError(f"an answer is str or bytes, not {mistaken(answer)}")))

    def _refuse(self, failure: Failure) -> None:
        if failure.check(RequestError):
            self.send_line(f"error: {failure.getErrorMessage()}")
            return
        if failure.check(PeerError) or (self._connection is None and failure.check(*CANCELLED)):
            failure.raiseException()
        self.factory.failed("request_received", self.peer, failure, "requests_failed_total")
        self.send_line(self.error_answer)
