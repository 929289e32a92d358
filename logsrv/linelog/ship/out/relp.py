"""The target `relp:`: syslog messages, each of them acknowledged (rsyslog's imrelp, our own input)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.linelog.ship.encode.outgoing import Outgoing
from logsrv.linelog.ship.encode.relp import RelpSession, RelpState
from logsrv.linelog.ship.encode.syslog import syslog_messages
from logsrv.linelog.ship.out.far_side import SECONDS, STEP, Conversation, FarSide
from logsrv.linelog.ship.registry import TargetSettings
from logsrv.linelog.ship.target import PartlyRefused, RefusedForGood, SentLines, Unavailable

WINDOW = 8192
"""Messages that may be without an answer at a time."""
_GOODBYE = 2.0


def make_target(settings: TargetSettings, reactor: Any) -> RelpTarget:
    """Make the target of `relp://HOST:PORT` or `relp+tls://HOST:PORT`."""
    return RelpTarget(settings, reactor)


class RelpTarget:
    """A server that acknowledges each message."""

    promise = (
        "at least once: a line counts as sent when the server has acknowledged it;"
        " after a broken connection lines may come twice"
    )
    most_lines = 16_384
    most_bytes = 2 << 20

    def __init__(self, settings: TargetSettings, reactor: Any, seconds: float = SECONDS) -> None:
        self._far_side = FarSide(settings, reactor, seconds)
        self._reactor = reactor
        self._open: tuple[Conversation, RelpSession] | None = None

    def send(self, lines: SentLines) -> Deferred[None]:
        """Send lines; fires when all have an answer."""
        return Deferred.fromCoroutine(self._send(lines.lines))

    def close(self) -> Deferred[None]:
        """Say goodbye and let go of the connection."""
        closing = Deferred.fromCoroutine(self._close())
        return closing.addTimeout(_GOODBYE, self._reactor).addErrback(lambda _: None)

    async def _send(self, lines: Sequence[bytes]) -> None:
        if not lines:
            return
        conversation, session = await self._opened()
        try:
            session.begin()
            for at in range(0, len(lines), STEP):
                while session.unanswered > WINDOW - STEP:
                    await self._receive(conversation, session)
                messages = syslog_messages(Outgoing(lines[at : at + STEP]))
                await conversation.sent(session.messages(messages))
            while session.unanswered:
                await self._receive(conversation, session)
        except BaseException:
            self._open = None
            conversation.abort()
            raise
        if session.refused:
            self._refused(session.refused, len(lines))

    def _refused(self, refused: dict[int, str], of: int) -> None:
        which = sorted(refused)
        sentence = f"{self._far_side.who}: {refused[which[0]]}"
        if len(which) == of:
            raise RefusedForGood(sentence)
        raise PartlyRefused(sentence, len(which), which)

    async def _opened(self) -> tuple[Conversation, RelpSession]:
        """Return the connection with its session, a new one if there is none."""
        if self._open is None or _is_over(*self._open):
            conversation, session = await self._far_side.connect(), RelpSession()
            conversation.write(session.open())
            while session.state is RelpState.CLOSED:
                await self._receive(conversation, session)
            self._open = conversation, session
        return self._open

    async def _receive(self, conversation: Conversation, session: RelpSession) -> None:
        session.receive(await conversation.more())
        if session.state is RelpState.OVER and (session.unanswered or not session.given):
            conversation.abort()
            raise Unavailable(f"{self._far_side.who}: {session.trouble}")

    async def _close(self) -> None:
        if self._open is None or _is_over(*self._open):
            return
        (conversation, session), self._open = self._open, None
        try:
            conversation.write(session.close())
            while session.state is not RelpState.OVER:
                session.receive(await conversation.more())
        except Unavailable:
            pass
        finally:
            conversation.abort()


def _is_over(conversation: Conversation, session: RelpSession) -> bool:
    return conversation.over or session.state is RelpState.OVER
