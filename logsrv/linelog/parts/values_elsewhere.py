"""Values of erased lines that a part keeps elsewhere, such as the groups of alerts: `logsrv erase` asks it.

A part names a class that does it (`Part.erasing`). The command calls it in its own process, beside a
running server. So it is no method of `PartWork`, which the server calls. It is made with the directory of
the main store, and the name of the rule in whose store lines are erased; "" for the main store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from logsrv.linelog.store.segment import Position


class ValuesElsewhere(Protocol):
    """Values of lines that are erased, as a part keeps them. Each method may raise OSError.

    The command calls `find`, then `note`, and `forget` once the lines are overwritten.
    """

    def find(self, is_erased: Callable[[Position], bool]) -> str:
        """Find what has a value of erased lines alone; return it in words, "" for nothing.

        is_erased: tells of the position of a line, in all stores, whether it is to be erased. May raise
        StoreError.
        """

    def note(self, moment: str) -> None:
        """Note what to forget, before the erase of that time begins; forget nothing before it is done."""

    def forget(self) -> str:
        """Forget what was noted, if that can be done now; return a sentence on why not, or ""."""
