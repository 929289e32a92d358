"""Headings of pages: what a menu or text calls itself, where its address says only how to get there.
Sans-IO.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from logsrv.gopher.wire.columns import columns, shape_of

# Further down is no heading, and a longer line is none.
_LINES = 12
_LONGEST = 72
_DECORATION = " \t*=-_#~+|:·•—–"
_WORD = re.compile(r"[^\W\d_]{2}")


def heading_of(lines: Iterable[str]) -> str:
    """Return the first line that may be a heading, without what it is decorated with; "" if none is."""
    for number, line in enumerate(lines):
        if number == _LINES:
            break
        found = line.strip(_DECORATION)
        if not _WORD.search(found):
            continue
        if columns(found) <= _LONGEST and shape_of([line.strip()]) == "prose":
            return " ".join(found.split())
        # Behind a line of prose there is text, and no heading.
        if shape_of([line]) == "prose":
            break
    return ""
