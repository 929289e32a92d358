"""The time that a test waits for an event before the test fails."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

SECONDS = 60.0


def patience(environment: Mapping[str, str]) -> float:
    """Return the seconds to wait: 60, times the number in the environment variable PATIENCE, which is set
    on a busy machine.

    Raises ValueError, which says what PATIENCE may be.
    """
    text = environment.get("PATIENCE", "1")
    try:
        times = float(text)
    except ValueError:
        times = math.nan
    if not 0 < times < math.inf:
        raise ValueError(f"PATIENCE={text} must be a number above 0: the minutes that a test waits")
    return SECONDS * times


PATIENCE = patience(os.environ)
"""The seconds that tests wait on this machine."""
