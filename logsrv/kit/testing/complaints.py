"""Errors in the log of a daemon: tracebacks, and whatever is critical."""

from __future__ import annotations

import re
from collections.abc import Iterable

_COMPLAINT = re.compile(r"Traceback \(most recent call last\)|\bUnhandled\b|#critical\]")
# A record begins with its time, as Twisted writes it; what is printed beside the log has none.
_RECORD = re.compile(r"^(?=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)|^(?=Traceback)", re.MULTILINE)


def complaints(log: str, asked: Iterable[str] = ()) -> list[str]:
    """Return the records that tell of an error, but for those in which an `asked` expression matches."""
    if not _COMPLAINT.search(log):
        return []
    expected = [re.compile(pattern) for pattern in asked]
    return [
        record
        for record in _RECORD.split(log)
        if _COMPLAINT.search(record) and not any(one.search(record) for one in expected)
    ]
