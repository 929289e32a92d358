"""The bench of shipping: it ships all that there is, and says so in a table."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ship import Shipped, main, report
from tests.linelog.ship.out.servers import newer


@pytest.mark.long
@pytest.mark.nightly
def test_a_store_is_shipped_and_measured(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--text", "live", "--megabytes", "12", "--directory", str(tmp_path)]
    assert main([*words, "--to", "blocks", "--to", "nats-1", "--nats-server", newer()]) == 0
    rows = capfd.readouterr().out.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["live, blocks", "live, nats-1"]


def test_what_is_too_slow_or_too_large_is_named() -> None:
    good = Shipped(rate=500, shipper=0.4, far=1, memory=50_000_000, far_memory=1)
    slow = Shipped(rate=300, shipper=1.3, far=1, memory=70_000_000, far_memory=1)
    said = report({("sealed", "nats-1"): [good], ("sealed", "nats-3"): [slow]}).splitlines()
    assert "met" in said[2] and "NOT MET" not in said[2]
    assert "300 (≥ 100)" in said[3] and "1.30 (≤ 1.2)" in said[3] and "NOT MET" in said[3]
