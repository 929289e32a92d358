"""Finds what parts keep of the lines of a store: what each has to do is in `parts/values_elsewhere`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from logsrv.kit.plugins import load_object
from logsrv.linelog.parts.registry import PARTS
from logsrv.linelog.parts.values_elsewhere import ValuesElsewhere
from logsrv.linelog.store.rule_stores import main_store_of


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
