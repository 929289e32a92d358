"""Standard output that cannot be written: its buffered text is dropped."""

from __future__ import annotations

import os
import sys


def discard_unwritten_output() -> None:
    """Drop the buffered text: Python would try to write it again at exit, and print another error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
