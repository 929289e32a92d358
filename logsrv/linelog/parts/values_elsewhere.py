"""Values of erased lines that a part keeps elsewhere, such as the groups of alerts: `logsrv erase` asks it.

A part names a class that does it (`Part.erasing`). The command calls it in its own process, beside a
running server. So it is no method of `PartWork`, which the server calls. It is made with the directory of
the main store, and the name of the rule in whose store lines are erased; "" for the main store.
"""

from __future__ import annotations

from typing import Protocol

from logsrv.linelog.query.question import Node
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.store.segment import Position


class ErasedLines(Protocol):
    """The lines to erase. query, scope: of a search that finds them all; query is None if none does.

    The search may find more: lines of other stores, and lines that are erased already.
    """

    @property
    def query(self) -> Node | None: ...

    @property
    def scope(self) -> Scope: ...

    def __call__(self, position: Position) -> bool:
        """Return whether the line at a position, in all stores, is to be erased."""


class ValuesElsewhere(Protocol):
    """Values of lines that are erased, as a part keeps them. Each method may raise OSError.

    The command calls `find`, then `note`, and `forget` once the lines are overwritten.
    """

    def find(self, is_erased: ErasedLines) -> str:
        """Find what has a value of erased lines alone; return it in words, "" for nothing.

        May raise StoreError.
        """

    def note(self, moment: str) -> None:
        """Note what to forget, before the erase of that time begins; forget nothing before it is done."""

    def forget(self) -> str:
        """Forget what was noted, if that can be done now; return a sentence on why not, or ""."""
