"""The clock of this machine: whether it can be right, and whether something keeps it so."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator

from logsrv.kit.service.checks.findings import Finding, error, ok, warning
from logsrv.kit.text.time import rfc3339

# 2025-01-01: before this program was there.
EARLIEST = 1735689600.0
BY_TIMESYNCD = "/run/systemd/timesync/synchronized"
# adjtimex(2): what it returns for a clock that nothing keeps right, and room for its struct timex.
_UNSYNCHRONISED = 5
_TIMEX = 512
SUBJECT = "clock"


def check_clock(now: float, synchronised: Callable[[], bool | None]) -> Iterator[Finding]:
    """Yield the finding about the clock. now: what it says, seconds since 1970."""
    says = rfc3339(now).partition(".")[0] + "Z"
    if now < EARLIEST:
        yield error(
            SUBJECT,
            f"says {says}, which is long ago: lines get wrong times, certificates are refused",
            "set it: timedatectl set-ntp true, or date -s",
        )
        return
    kept = synchronised()
    if kept is None:
        yield ok(SUBJECT, f"says {says}; whether it is kept right cannot be told here")
    elif kept:
        yield ok(SUBJECT, f"says {says}, and is kept right")
    else:
        yield warning(
            SUBJECT,
            f"says {says}, and nothing keeps it right",
            "timedatectl set-ntp true, or apt install chrony",
        )


def is_synchronised() -> bool | None:
    """Return whether the kernel, or systemd, holds the clock for right; None where nobody can tell."""
    if os.path.exists(BY_TIMESYNCD):
        return True
    if sys.platform != "linux":
        return None
    try:
        # All zeros: modes 0 changes nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != _UNSYNCHRONISED)
