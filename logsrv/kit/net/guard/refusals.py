"""Refusals: what the log says of one, and what the peer hears."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from logsrv.kit.net.guard.guard import Refusal
from logsrv.kit.net.twisted.transports import can_half_close, close_at_once
from logsrv.kit.observe.seldom import Seldom

log = Logger()


def log_refusal(refusals: Seldom, label: str, peer: str, refusal: Refusal) -> None:
    """Log a refusal, unless `refusals` has one of this peer within the minute."""
    noted = refusals.note(peer)
    if noted is not None:
        log.warn(
            "{listener} refused {peer}: {reason}; {number} refused since this was last logged",
            listener=label,
            peer=noted.subject,
            reason=refusal.sentence,
            number=noted.number,
        )


class Hangup(Protocol):
    """A protocol that ends its connection at once, for endpoints that cannot do with none."""

    def makeConnection(self, transport: Any) -> None:
        transport.abortConnection()


def farewell(sentence: str) -> bytes:
    return sentence.encode() + b"\r\n"


class Farewell(Protocol):
    """A protocol that says why its connection is refused, and ends it at once."""

    def __init__(self, sentence: str) -> None:
        self._data = farewell(sentence)

    def makeConnection(self, transport: Any) -> None:
        # In this turn if the system takes it: so many at once would use up the descriptors.
        left = close_at_once(transport, self._data)
        if left is None:
            return
        if can_half_close(transport):
            transport.abortConnection()
        else:
            # It is in memory: nothing is used up.
            transport.write(left)
            transport.loseConnection()
