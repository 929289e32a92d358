"""Standard output that nobody takes: what waits for it is thrown away."""

from __future__ import annotations

import os
import sys


def forget_output() -> None:
    """Throw away what waits to be written: Python would try again at its end, and complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
