"""The target `relp:`: syslog messages, each acknowledged (by rsyslog's imrelp, or our own input)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf
from operator import itemgetter
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock

from logsrv.kit.text.escape import one_line
from logsrv.linelog.formats.relp.send import RelpSession, RelpState
from logsrv.linelog.formats.syslog.send import syslog_messages
from logsrv.linelog.ship.server_connection import STEP, ServerConnection, connect_to_server
from logsrv.linelog.ship.target import LineBatch, PartlyRefused, Unavailable
from logsrv.linelog.ship.target_plugin import TargetSettings

WINDOW = 8192
"""The most messages without an answer; further messages wait."""
_GOODBYE = 2.0


class _Conversation:
    """A connection with its session. end: why it has ended; None before that."""

    def __init__(self, connection: ServerConnection, who: str) -> None:
        self.connection = connection
        self.session = RelpSession()
        self.end: Exception | None = None
        self._who = who
        # A Deferred for each caller that waits until so many messages have an answer.
        self._waiting: list[tuple[int, Deferred[None]]] = []

    async def open(self) -> None:
        """Open the session; from then on answers are received."""
        self.connection.write(self.session.open_command())
        while self.session.state is RelpState.CLOSED:
            self.session.receive_answers(await self.connection.wait_for_bytes())
        Deferred.fromCoroutine(self._receive_answers())

    async def _receive_answers(self) -> None:
        try:
            while self.session.state is not RelpState.OVER:
                self.session.receive_answers(await self.connection.wait_for_bytes())
                self._wake(self.session.first_unanswered)
            raise Unavailable(f"{self._who}: {self.session.trouble}")
        except Exception as error:
            self.end = error
            self._wake(inf)

    def _wake(self, answered: float) -> None:
        """Wake who waits for at most so many answers, in the order of the messages."""
        ready = [one for one in self._waiting if one[0] <= answered]
        self._waiting = [one for one in self._waiting if one[0] > answered]
        for _, waiting in sorted(ready, key=itemgetter(0)):
            waiting.callback(None)

    async def wait_for_answers(self, number: int) -> None:
        """Wait until the first `number` messages have an answer. Raises Unavailable if it ends before."""
        if self.end is None and self.session.first_unanswered < number:
            waiting: Deferred[None] = Deferred()
            self._waiting.append((number, waiting))
            await waiting
        if self.end is not None and self.session.first_unanswered < number:
            raise self.end

    async def write_messages(self, messages: Sequence[bytes]) -> None:
        """Write messages as soon as the window has room."""
        await self.wait_for_answers(self.session.message_count - (WINDOW - STEP))
        await self.connection.write_and_yield(self.session.frame_messages(messages))


class RelpTarget:
    """A server that acknowledges each message, at `relp://HOST:PORT` or `relp+tls://HOST:PORT`.

    Lines are written while the previous send still waits for answers, so that the window is never empty.
    """

    promise = (
        "at least once: a line counts as sent when the server has acknowledged it;"
        " after a broken connection lines may come twice"
    )
    most_lines = 16_384
    most_bytes = 2 << 20
    ahead = 1

    def __init__(self, settings: TargetSettings, reactor: Any) -> None:
        self._connect = partial(connect_to_server, settings, reactor)
        self._who = one_line(settings.url.loggable_url)
        self._reactor = reactor
        self._writing = DeferredLock()
        self._conversation: _Conversation | None = None

    async def send(self, batch: LineBatch) -> None:
        """Send lines; return when all have an answer. A failure ends all sends in flight."""
        lines, first = batch.lines, 0
        if not lines:
            return
        try:
            async with self._writing:
                conversation = await self._open_conversation()
                session = conversation.session
                first = session.message_count
                for at in range(0, len(lines), STEP):
                    await conversation.write_messages(syslog_messages(lines[at : at + STEP]))
            await conversation.wait_for_answers(first + len(lines))
        except BaseException as error:
            self._end_conversation(error, first)
            raise
        numbers = range(first, first + len(lines))
        if refused := sorted(session.refused.keys() & numbers):
            answers = [session.refused.pop(number) for number in refused]
            which = [number - first for number in refused]
            raise PartlyRefused(f"{self._who}: {answers[0]}", len(which), which)

    async def _open_conversation(self) -> _Conversation:
        """Return the present conversation; begin another if it has ended."""
        if self._conversation is None or self._conversation.end is not None:
            self._conversation = None
            self._conversation = _Conversation(await self._connect(), self._who)
            await self._conversation.open()
        return self._conversation

    def _end_conversation(self, error: BaseException, first: int) -> None:
        """End the conversation after an error of a send, whose lines begin with message `first`."""
        conversation, self._conversation = self._conversation, None
        if conversation is None:
            return
        session, connection = conversation.session, conversation.connection
        if isinstance(error, Unavailable) and connection.hung_up and session.message_count:
            error.hung_up = True
            error.taken = max(0, min([session.first_unanswered, *session.refused]) - first)
        connection.abort()

    def close(self) -> Deferred[None]:
        """End the session with the command `close`, and close the connection."""
        closing = Deferred.fromCoroutine(self._say_goodbye())
        return closing.addTimeout(_GOODBYE, self._reactor).addErrback(lambda _: None)

    async def _say_goodbye(self) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is not None and conversation.end is None:
            try:
                conversation.connection.write(conversation.session.close_command())
                # No message has this number, so this waits for the end of the session.
                await conversation.wait_for_answers(conversation.session.message_count + 1)
            finally:
                conversation.connection.abort()
