"""The text of a store after a place, byte by byte: an import compares it with its files."""

from __future__ import annotations

from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position


class StoredTextReader:
    """The text of a store from a position on. Raises OSError and StoreError.

    Damaged text is left out, so that a comparison finds a difference.
    """

    def __init__(self, directory: str, position: Position) -> None:
        # The comparison finds the damage that the view reports.
        self._view = View(directory, lambda _: None)
        self._follower = Follower(self._view, position)
        self._rest = b""

    def read(self, number: int) -> bytes:
        """Return the next bytes, fewer only at the end of the text."""
        while len(self._rest) < number and (news := self._follower.read()) is not None:
            self._rest += news.text
        found, self._rest = self._rest[:number], self._rest[number:]
        return found

    def close(self) -> None:
        self._follower.close()
        self._view.close()
