"""The blocks that a listener is receiving; each waits for the one before it."""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from logsrv.linelog.formats.http.body import Body

OVERTAKEN = 0.5
"""Seconds for which a block waits for the previous one, which may come over another connection."""
Key: TypeAlias = tuple[str, str]
"""The identity of a store, and a position in it."""


class IncomingBlocks:
    """The blocks that are being received; each waits for the one before it.

    bodies: the blocks, by the positions at which they end. followers: Deferreds of the blocks that wait for
    their predecessor, by the position at which that ends.
    """

    def __init__(self) -> None:
        self.bodies: dict[Key, Body] = {}
        self.followers: dict[Key, list[Deferred[None]]] = {}
        # Blocks that may go on now, one after the other in one loop.
        self._let_in: deque[Deferred[None]] = deque()
        self._letting_in = False

    def wait_for_block(self, key: Key, clock: IReactorTime) -> Deferred[None]:
        """Return a Deferred that fires when the block that ends at `key` lets this one go on.

        It also fires after OVERTAKEN seconds if that block has not arrived yet.
        """
        turn: Deferred[None] = Deferred()
        self.followers.setdefault(key, []).append(turn)
        if key not in self.bodies:
            turn.addTimeout(OVERTAKEN, clock).addErrback(lambda _: self._give_up_waiting(key, turn))
        return turn

    def release_followers(self, key: Key, body: Body) -> None:
        """Let the followers of a block go on: it is being stored, or never will be.

        In one loop: each may release the next, and hundreds would nest too deep.
        """
        if self.bodies.get(key) is not body:
            return
        del self.bodies[key]
        self._let_in.extend(self.followers.pop(key, ()))
        if self._letting_in:
            return
        self._letting_in = True
        try:
            while self._let_in:
                self._let_in.popleft().callback(None)
        finally:
            self._letting_in = False

    def _give_up_waiting(self, key: Key, turn: Deferred[None]) -> None:
        self.followers[key].remove(turn)
        if not self.followers[key]:
            del self.followers[key]
