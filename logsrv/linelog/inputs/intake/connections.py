"""Connections of one listener: each has a protocol of its own, made with the listener's intake."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol

Receiver = TypeVar("Receiver", bound=Protocol)


class Connections(Factory[Receiver]):
    """The factory of a listener; `make` returns the protocol of a new connection."""

    noisy = False

    def __init__(self, make: Callable[[], Receiver]) -> None:
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Receiver:
        receiver = self._make()
        receiver.factory = self
        return receiver
