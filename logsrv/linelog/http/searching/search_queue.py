"""The queue of searches that wait for a process: fair between clients, first come first served within one.

It is apart from `searches.py`, its user, because it starts nothing and knows no time: it only says which
search is next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_WAITING = 500
"""Searches that wait at most, of all clients."""
MOST_OF_CLIENT = 100
"""Searches of one client that wait at most: eight boards of twelve panels."""


class SearchQueue(Generic[T]):
    """Searches that wait, each in the lane of every client that asked for it.

    The next one is of the client with the fewest running searches; among those that have equally few, the
    clients take turns. So a reader with one question waits for one search to end, not for the rest of
    somebody's board.
    """

    def __init__(self) -> None:
        # The clients in the order of their turns; the searches of each in the order of their questions.
        self._lanes: dict[str, dict[T, None]] = {}
        self._clients: dict[T, set[str]] = {}
        self._last = ""

    def __len__(self) -> int:
        return len(self._clients)

    def __contains__(self, search: T) -> bool:
        return search in self._clients

    def length(self, client: str) -> int:
        """Return the number of waiting searches that a client has asked for."""
        return len(self._lanes.get(client, ()))

    def add(self, client: str, search: T) -> None:
        """Add a search, or one more client to one that waits already."""
        self._lanes.setdefault(client, {})[search] = None
        self._clients.setdefault(search, set()).add(client)

    def leave(self, client: str, search: T) -> None:
        """Let a client wait for a search no longer; does nothing if it did not."""
        clients = self._clients.get(search, set())
        if client not in clients:
            return
        clients.remove(client)
        if not clients:
            del self._clients[search]
        lane = self._lanes[client]
        del lane[search]
        if not lane:
            del self._lanes[client]

    def remove(self, search: T) -> None:
        """Remove a search, whoever asked for it; does nothing if it does not wait."""
        for client in list(self._clients.get(search, ())):
            self.leave(client, search)

    def note_turn(self, client: str) -> None:
        """Note that a search of a client begins: another client is next, if both have equally few."""
        self._last = client

    def pop(self, running: Iterable[str]) -> tuple[str, T]:
        """Remove the next search; return the client whose turn it was, and the search.

        running: the clients of the searches that run, each as often as it has one.
        """
        counts = Counter(running)
        client = min(self._lanes, key=lambda one: (counts[one], one == self._last))
        lane = self._lanes[client]
        search = next(iter(lane))
        # To the end: the others have their turns before its next one.
        self._lanes[client] = self._lanes.pop(client)
        self.remove(search)
        return client, search
