"""The systemd journal: whether a stream goes there, and the level that begins a line of it.

sd-daemon(3) has the levels, systemd.exec(5) has JOURNAL_STREAM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from logsrv.kit.text.escape import printable

CRITICAL = 2


def is_journal(stream: Any, environment: Mapping[str, str] = os.environ) -> bool:
    """Return true if systemd has connected a stream with the journal."""
    named = environment.get("JOURNAL_STREAM")
    file = device_and_inode(stream) if named else None
    return file is not None and named == f"{file[0]}:{file[1]}"


def device_and_inode(stream: Any) -> tuple[int, int] | None:
    """Return device and inode of the file behind a stream; None if it has none."""
    try:
        found = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def start_failure_text(sentence: str) -> str:
    """Return the sentence of a failed start for standard error, with its level if that is the journal."""
    shown = printable(sentence)
    return f"<{CRITICAL}>{shown}" if is_journal(sys.__stderr__) else shown
