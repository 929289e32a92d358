"""The processor cores that this process may use."""

import os
import sys


def cores() -> int:
    """Return how many cores this process may use; on systems other than Linux, how many the machine has."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
