"""The process that counts a store, for /api/stats: a question is its directory, the answer its totals.

    python -P -m logsrv.linelog.http.counting

It is a process of its own, for it lists the store when something in it has another name, and reads the
head of each index once. What it knows makes each further answer cheap. It imports no Twisted.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from time import time_ns

from logsrv.errors import StoreError
from logsrv.kit.children.inside import answer_all, limit_reader, tell
from logsrv.linelog.http.totals import Totals
from logsrv.linelog.read.view import View

# The time of a directory may be so much older than its last change: it is that of the kernel's last tick.
_TICK = 50_000_000


class StoreCounter:
    """A store that is counted again and again. tell: gets a sentence for what is damaged."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._directory = ""
        self._tell = tell
        self._view: View | None = None
        self._totals = Totals()
        self._listed: object = None

    def answer(self, directory: str) -> bytes:
        """Return the totals of a store as a line of JSON, or why there are none."""
        found: object
        try:
            found = self._totals.of(self._looked(directory))
        except StoreError as error:
            self._view = None
            found = {"error": str(error)}
        return json.dumps(found).encode() + b"\n"

    def _looked(self, directory: str) -> View:
        """Return the store with all segments that there are now. Raises StoreError."""
        if self._view is None or directory != self._directory:
            self._view, self._totals, self._listed = View(directory, self._tell), Totals(), None
            self._directory = directory
        view = self._view
        if view.removed:
            raise StoreError("the store was removed")
        changed = view.changed
        if self._listed != changed:
            view.refresh()
            self._listed = changed if time_ns() - changed[2] > _TICK else None
        return view


def main() -> int:
    """Answer until nobody asks any more; return the exit status."""
    limit_reader()
    counter = StoreCounter(tell)
    answer_all(lambda directory: [counter.answer(os.fsdecode(directory))])
    return 0


if __name__ == "__main__":
    sys.exit(main())
