"""The cores of the machine."""

import os
import sys


def cores() -> int:
    """Return how many cores this process may use; other systems than Linux say only how many there are."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
