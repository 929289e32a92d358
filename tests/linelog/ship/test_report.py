"""Reports of a shipper: small values that can be compared and changed by nobody."""

from __future__ import annotations

import attrs
import pytest

from logsrv.linelog.ship.report import ShipReport


def test_a_report_has_only_what_belongs_to_it() -> None:
    report = ShipReport("trouble", "the disk is full")
    assert report == ShipReport("trouble", why="the disk is full")
    assert (report.position, report.bytes, report.lines, report.seconds) == (None, 0, 0, 0.0)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        report.kind = "up"  # type: ignore[misc]
