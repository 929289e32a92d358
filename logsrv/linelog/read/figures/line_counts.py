"""Numbers of lines by step of time and level, of a text; and which levels a query asks for.

The index of a segment has its numbers of lines by level since sealing. So a frame whose lines are all in
the scope of a search, and in one step of time, need not be read for a query that only asks for levels.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import accumulate

from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.parsed_line import level_of
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.candidates import levels_satisfying
from logsrv.linelog.query.question import EVERYTHING, Compare, HasField, Node
from logsrv.linelog.read.texts import SMALL_FOR_NUMPY
from logsrv.linelog.steps.steps import Steps

EVERY_LEVEL = (None, *LEVELS)
"""In the order of the counts of an index; None: no level."""


def levels_in_query(query: Node) -> frozenset[str | None] | None:
    """Return the levels that a query asks for; None if it asks for anything else.

    In the set, None stands for lines without a level.
    """
    if query == EVERYTHING:
        return frozenset(EVERY_LEVEL)
    if isinstance(query, HasField) and query.field == "level":
        return frozenset(LEVELS)
    if isinstance(query, Compare) and query.field == "level":
        return frozenset(levels_satisfying(query.op, query.value))
    return None


# Bytes. For less text, NumPy is slower even if it is loaded.
_TINY = 24 << 10


def count_by_step(
    text: bytes,
    steps: Steps | None,
    *,
    levels: bool,
    first_lines: FirstLines = NO_FIRST_LINES,
) -> Counter[tuple[float | None, str | None]]:
    """Return the numbers of lines by the start of their step of time and, if wanted, by level.

    text: whole lines, each with its LF. steps: None for no steps. None stands for a line without
    a time or a level. first_lines: of the continuation lines, which have their levels.
    """
    # Bytes of TIME up to the second are enough, unless a step may begin within a second.
    size = 0 if steps is None else 26 if steps.size % 1_000_000 else 19
    starts: dict[bytes, float | None] = {b"": None}
    found: Counter[tuple[float | None, str | None]] = Counter()
    for (time, level), lines in count_by_time(
        text, size, levels=levels, first_lines=first_lines
    ).items():
        if steps is not None and time not in starts:
            moment = _parse_moment(time)
            starts[time] = None if moment is None else steps.start_of(moment)
        found[starts[time], level] += lines
    return found


def _parse_moment(time: bytes) -> float | None:
    try:
        return parse_rfc3339(time.decode("ascii", "replace") + "Z")
    except ValueError:
        return None


def count_by_time(
    text: bytes, size: int, *, levels: bool, first_lines: FirstLines = NO_FIRST_LINES
) -> Counter[tuple[bytes, str | None]]:
    """Return the numbers of lines by their first `size` bytes and, if wanted, their levels (else None).

    text: whole lines, each with its LF.
    """
    if len(text) >= (_TINY if "numpy" in sys.modules else SMALL_FOR_NUMPY):
        # Imported here, because it loads NumPy.
        from logsrv.linelog.read.figures.numpy_counts import count_by_time_with_numpy

        return count_by_time_with_numpy(text, size, levels=levels, first_lines=first_lines)
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    starts = accumulate((len(line) + 1 for line in lines), initial=0)
    return Counter(
        (line[:size], level_of(line, first_lines.get(start)) if levels else None)
        for start, line in zip(starts, lines, strict=False)
    )
