"""The clock of a machine."""

from __future__ import annotations

import pytest

from logsrv.kit.service.checks.clock import EARLIEST, check_clock, is_synchronised
from logsrv.kit.service.checks.findings import Level


@pytest.mark.parametrize(
    ("now", "kept", "level", "says"),
    [
        (EARLIEST - 1, True, Level.ERROR, "says 2024-12-31T23:59:59Z, which is long ago"),
        (EARLIEST, True, Level.OK, "says 2025-01-01T00:00:00Z, and is kept right"),
        (EARLIEST, False, Level.WARNING, "and nothing keeps it right"),
        (EARLIEST, None, Level.OK, "whether it is kept right cannot be told here"),
    ],
)
def test_a_clock(now: float, kept: bool | None, level: Level, says: str) -> None:
    [found] = check_clock(now, lambda: kept)
    assert found.level is level and says in found.sentence
    assert bool(found.advice) is (level is not Level.OK)


def test_the_kernel_is_asked() -> None:
    assert is_synchronised() in (True, False, None)
