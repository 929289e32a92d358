"""The target `relp:`: syslog messages, each acknowledged (by rsyslog's imrelp, or our own input)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from logsrv.kit.text.escape import one_line
from logsrv.linelog.fields.outgoing_syslog import syslog_messages
from logsrv.linelog.formats.relp.send import RelpSession, RelpState
from logsrv.linelog.ship.targets.server_connection import STEP, ServerConnection, connect_to_server
from logsrv.linelog.ship.targets.target import LineBatch, PartlyRefused, Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings

WINDOW = 8192
"""The most messages without an answer; further messages wait."""
_GOODBYE = 2.0


@attrs.define(eq=False)
class _PendingSend:
    """The lines of one `send`. written: how many are written. end: the number of the message after them."""

    lines: Sequence[bytes]
    done: Deferred[None]
    written: int = 0
    end: int = 0


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
        self._open: tuple[ServerConnection, RelpSession] | None = None
        self._sendings: deque[_PendingSend] = deque()
        self._working: Deferred[None] | None = None

    def send(self, lines: LineBatch) -> Deferred[None]:
        """Send lines; fires when all have an answer. Cancelling one send cancels all sends."""
        if not lines.lines:
            return succeed(None)
        done: Deferred[None] = Deferred(lambda _: self._cancel_sends())
        self._sendings.append(_PendingSend(lines.lines, done))
        if self._working is None:
            working = Deferred.fromCoroutine(self._send_pending())
            # It may have failed already, for example because of an invalid host name.
            self._working = None if working.called else working
        elif self._open is not None:
            self._open[0].wake()
        return done

    def close(self) -> Deferred[None]:
        """End the session with the command `close`, and close the connection."""
        self._cancel_sends()
        closing = Deferred.fromCoroutine(self._end_session())
        return closing.addTimeout(_GOODBYE, self._reactor).addErrback(lambda _: None)

    def _cancel_sends(self) -> None:
        if self._working is not None:
            self._working.cancel()

    async def _send_pending(self) -> None:
        """Send all pending lines."""
        try:
            connection, session = await self._open_session()
            while self._sendings:
                await self._write_or_receive(connection, session)
                self._fire_answered(session)
                if self._sendings:
                    self._raise_if_over(session)
            self._working = None
        except BaseException as error:
            failure = Failure()
            sendings, self._sendings = self._sendings, deque()
            if self._open is not None:
                (connection, session), self._open = self._open, None
                if isinstance(error, Unavailable) and connection.hung_up and session.message_count:
                    error.hung_up = True
                    error.taken = _count_acknowledged(sendings[0], session)
                connection.abort()
            self._working = None
            for sending in sendings:
                if not sending.done.called:
                    sending.done.errback(failure)

    async def _write_or_receive(self, connection: ServerConnection, session: RelpSession) -> None:
        """Write some lines; wait for answers if the window is full or all lines are written."""
        sending = next((one for one in self._sendings if one.written < len(one.lines)), None)
        if sending is None or session.unanswered_count > WINDOW - STEP:
            session.receive_answers(await connection.wait_for_bytes())
            return
        lines = sending.lines[sending.written : sending.written + STEP]
        frames = session.frame_messages(syslog_messages(lines))
        sending.written += len(lines)
        sending.end = session.message_count
        await connection.write_and_yield(frames)

    def _fire_answered(self, session: RelpSession) -> None:
        """Fire the Deferred of each send of which all messages have an answer."""
        sendings = self._sendings
        while (
            sendings
            and sendings[0].written == len(sendings[0].lines)
            and sendings[0].end <= session.first_unanswered
        ):
            sending = sendings.popleft()
            first = sending.end - len(sending.lines)
            refused = sorted(number for number in session.refused if number < sending.end)
            if refused:
                why = f"{self._who}: {session.refused[refused[0]]}"
                which = [number - first for number in refused]
                for number in refused:
                    del session.refused[number]
                sending.done.errback(PartlyRefused(why, len(which), which))
            else:
                sending.done.callback(None)

    async def _open_session(self) -> tuple[ServerConnection, RelpSession]:
        """Return the connection and its session; open them if there are none."""
        if self._open is None or _is_over(*self._open):
            self._close_connection()
            connection, session = await self._connect(), RelpSession()
            self._open = connection, session
            connection.write(session.open_command())
            while session.state is RelpState.CLOSED:
                session.receive_answers(await connection.wait_for_bytes())
            self._raise_if_over(session)
        return self._open

    def _raise_if_over(self, session: RelpSession) -> None:
        if session.state is RelpState.OVER:
            raise Unavailable(f"{self._who}: {session.trouble}")

    def _close_connection(self) -> None:
        """Close the connection of the last session: the server may have ended only the session."""
        if self._open is not None:
            self._open[0].abort()
            self._open = None

    async def _end_session(self) -> None:
        if self._open is None or _is_over(*self._open):
            self._close_connection()
            return
        (connection, session), self._open = self._open, None
        try:
            connection.write(session.close_command())
            while session.state is not RelpState.OVER:
                session.receive_answers(await connection.wait_for_bytes())
        except Unavailable:
            pass
        finally:
            connection.abort()


def _count_acknowledged(sending: _PendingSend, session: RelpSession) -> int:
    """Return how many lines of a send, from the first on, were acknowledged; never all of them."""
    if not sending.written:
        return 0
    first = sending.end - sending.written
    end = min([session.first_unanswered, *session.refused])
    return max(0, min(end - first, len(sending.lines) - 1))


def _is_over(connection: ServerConnection, session: RelpSession) -> bool:
    return connection.ended or session.state is RelpState.OVER
