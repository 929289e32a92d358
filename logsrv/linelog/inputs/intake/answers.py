"""Answers to a peer that sends much and need not read: who lets them lie is not read from."""

from __future__ import annotations

import enum

from twisted.internet.interfaces import IPushProducer, IReactorTime
from zope.interface import implementer

from logsrv.kit.net.twisted.turns import next_turn
from logsrv.linelog.inputs.intake.connections import InputProtocol


class Answering(enum.Enum):
    """State of our answers to a peer; beyond NOTHING, the transport has a producer for them.

    | now        | an answer  | end of the turn | transport is full | has room | has gone |
    | ---------- | ---------- | --------------- | ----------------- | -------- | -------- |
    | NOTHING    | ON_THE_WAY |                 |                   |          |          |
    | ON_THE_WAY |            | NOTHING         | UNREAD            |          | NOTHING  |
    | UNREAD     |            |                 |                   | NOTHING  | NOTHING  |

    The turn is that of the reactor: TLS gathers until its end what is written. And TLS closes only
    when there is no producer; so a connection that is to close does so in NOTHING.
    """

    NOTHING = enum.auto()
    ON_THE_WAY = enum.auto()
    UNREAD = enum.auto()


@implementer(IPushProducer)
class AnswerWriter:
    """The answers to one peer, which is not read from while it lets them lie."""

    __slots__ = ("_clock", "_receiver", "state")

    def __init__(self, receiver: InputProtocol, clock: IReactorTime) -> None:
        self.state = Answering.NOTHING
        self._receiver = receiver
        self._clock = clock

    def write(self, data: bytes) -> None:
        transport = self._receiver.transport
        if self.state is Answering.NOTHING:
            self.state = Answering.ON_THE_WAY
            transport.registerProducer(self, True)
            next_turn(self._clock, self._turn_ended)
        transport.write(data)

    def _turn_ended(self) -> None:
        if self.state is Answering.ON_THE_WAY:
            self._nothing()

    def _nothing(self) -> None:
        self.state = Answering.NOTHING
        self._receiver.transport.unregisterProducer()

    def let_go(self) -> None:
        """Be the transport's producer no longer: it is about to be closed."""
        if self.state is not Answering.NOTHING:
            self._nothing()

    def pauseProducing(self) -> None:
        self.state = Answering.UNREAD
        self._receiver.pauseProducing()

    def resumeProducing(self) -> None:
        self._nothing()
        self._receiver.resumeProducing()

    def stopProducing(self) -> None:
        self.state = Answering.NOTHING
