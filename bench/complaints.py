"""The errors in the log of a daemon that was measured or tested, in any format of --log-format."""

from __future__ import annotations

import re
from collections.abc import Iterable

# A critical message in the formats of --log-format: twisted and file, people, journal, json.
_CRITICAL = (
    r"#critical\]",
    r"^\d\d:\d\d:\d\d (?:\x1b\[\d+m)?CRITICAL:",
    r"^<2>",
    r'"level": "critical"',
)
_COMPLAINT = re.compile(
    "|".join([r"Traceback \(most recent call last\)", r"\bUnhandled\b", *_CRITICAL]), re.MULTILINE
)
# A record begins with its time, in the journal with its level, or with JSON; other printed lines do not. In
# the journal each line has the level, and lines of a traceback are indented.
_BEGINS = (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", r"\d\d:\d\d:\d\d ", r'\{"time"', r"Traceback")
_JOURNAL = r"<\d>(?!Traceback| |[\w.]*(?:Error|Exception|Failure)\b)"
_RECORD = re.compile("|".join(f"^(?={begin})" for begin in (*_BEGINS, _JOURNAL)), re.MULTILINE)


def complaints(log: str, asked: Iterable[str] = ()) -> list[str]:
    """Return the records of a log that report an error: tracebacks, and critical messages.

    asked: regular expressions; a record that one of them matches is left out.
    """
    if not _COMPLAINT.search(log):
        return []
    expected = [re.compile(pattern) for pattern in asked]
    return [
        record
        for record in _RECORD.split(log)
        if _COMPLAINT.search(record) and not any(one.search(record) for one in expected)
    ]
