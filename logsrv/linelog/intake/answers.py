"""Answers to peers: a peer that does not read its answers is not read from either."""

from __future__ import annotations

import enum

from twisted.internet.interfaces import IPushProducer, IReactorTime
from zope.interface import implementer

from logsrv.linelog.intake.connections import InputProtocol


class AnswerState(enum.Enum):
    """State of our answers to a peer. In all states but NOTHING, the transport has a producer for them.

    | now        | an answer  | end of the turn | transport is full | has room | is lost  |
    | ---------- | ---------- | --------------- | ----------------- | -------- | -------- |
    | NOTHING    | ON_THE_WAY |                 |                   |          |          |
    | ON_THE_WAY |            | NOTHING         | UNREAD            |          | NOTHING  |
    | UNREAD     |            |                 |                   | NOTHING  | NOTHING  |

    A turn is one of the reactor: TLS collects writes until it ends. TLS also closes only without a
    producer, so a connection must be in NOTHING to close.
    """

    NOTHING = enum.auto()
    ON_THE_WAY = enum.auto()
    UNREAD = enum.auto()


@implementer(IPushProducer)
class AnswerWriter:
    """A writer of answers to one peer; the peer is not read from while it does not read them."""

    __slots__ = ("_clock", "_receiver", "state")

    def __init__(self, receiver: InputProtocol, clock: IReactorTime) -> None:
        self.state = AnswerState.NOTHING
        self._receiver = receiver
        self._clock = clock

    def write(self, data: bytes) -> None:
        transport = self._receiver.transport
        if self.state is AnswerState.NOTHING:
            self.state = AnswerState.ON_THE_WAY
            transport.registerProducer(self, True)
            self._clock.callLater(0, self._turn_ended)
        transport.write(data)

    def _turn_ended(self) -> None:
        if self.state is AnswerState.ON_THE_WAY:
            self._unregister()

    def _unregister(self) -> None:
        self.state = AnswerState.NOTHING
        self._receiver.transport.unregisterProducer()

    def unregister_before_close(self) -> None:
        """Unregister from the transport, which is about to be closed."""
        if self.state is not AnswerState.NOTHING:
            self._unregister()

    def pauseProducing(self) -> None:
        self.state = AnswerState.UNREAD
        self._receiver.pauseProducing()

    def resumeProducing(self) -> None:
        self._unregister()
        self._receiver.resumeProducing()

    def stopProducing(self) -> None:
        self.state = AnswerState.NOTHING
