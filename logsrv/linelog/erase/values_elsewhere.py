"""Values of erased lines that parts keep elsewhere in a store, such as the groups of alerts.

A part names a class for them (`erasing`): it is made with the directory of the main store, and the name of
the rule in whose store lines are erased.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Protocol

from logsrv.kit.plugins import load_object
from logsrv.linelog.parts.registry import PARTS
from logsrv.linelog.store.rule_stores import main_store_of
from logsrv.linelog.store.segment import Position


class ValuesElsewhere(Protocol):
    """Values of lines that are erased, as a part keeps them. Each method may raise OSError."""

    def find(self, is_erased: Callable[[Position], bool]) -> str:
        """Find what has a value of erased lines alone; return it in words, "" for nothing.

        is_erased: tells of the position of a line, in all stores, whether it is to be erased. May raise
        StoreError.
        """

    def note(self, moment: str) -> None:
        """Note what to forget, before the erase of that time begins; forget nothing before it is done."""

    def forget(self) -> str:
        """Forget what was noted, if that can be done now; return a sentence on why not, or ""."""


def rule_of_store(directory: str) -> str:
    """Return the name of the rule whose store this is; "" for a main store."""
    return "" if main_store_of(directory) is None else os.path.basename(os.path.realpath(directory))


def values_elsewhere(directory: str) -> Iterator[ValuesElsewhere]:
    """Yield what parts keep of the lines of a store."""
    main, rule = main_store_of(directory), rule_of_store(directory)
    for part in PARTS.all().values():
        if part.erasing:
            kept: ValuesElsewhere = load_object(part.erasing)(main or directory, rule)
            yield kept
