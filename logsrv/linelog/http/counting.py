"""The process that counts a store, for /api/stats: a question and an answer are a line each.

    python -P -m logsrv.linelog.http.counting DIRECTORY

It is a process of its own, for it lists the store when something in it has another name, and reads the
head of each index once. What it knows makes each further answer cheap. It imports no Twisted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from time import time_ns

from logsrv.errors import StoreError
from logsrv.kit.children.inside import limit_reader, tell
from logsrv.linelog.http.totals import Totals
from logsrv.linelog.read.view import View

# The time of a directory may be so much older than its last change: it is that of the kernel's last tick.
_TICK = 50_000_000


class StoreCounter:
    """A store that is counted again and again. tell: gets a sentence for what is damaged."""

    def __init__(self, directory: str, tell: Callable[[str], None]) -> None:
        self._directory = directory
        self._tell = tell
        self._view: View | None = None
        self._totals = Totals()
        self._listed: object = None

    def answer(self) -> bytes:
        """Return the totals as a line of JSON, or why there are none."""
        try:
            return json.dumps(self._totals.of(self._looked())).encode() + b"\n"
        except StoreError as error:
            return json.dumps({"error": str(error)}).encode() + b"\n"

    def _looked(self) -> View:
        """Return the store with all segments that there are now. Raises StoreError."""
        if self._view is None:
            self._view = View(self._directory, self._tell)
        view = self._view
        if view.removed:
            raise StoreError("the store was removed")
        changed = view.changed
        if self._listed != changed:
            view.refresh()
            self._listed = changed if time_ns() - changed[2] > _TICK else None
        return view


def main(arguments: list[str]) -> int:
    """Answer until nobody asks any more; return the exit status."""
    limit_reader()
    counter = StoreCounter(arguments[0], tell)
    for _ in sys.stdin.buffer:
        sys.stdout.buffer.write(counter.answer())
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
