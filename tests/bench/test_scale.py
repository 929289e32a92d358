"""The bench of senders, edges and centres: what it counts is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scale import MODEL, Measured, measure, report


@pytest.mark.long
@pytest.mark.nightly
def test_what_was_sent_is_on_both_centres(tmp_path: Path) -> None:
    found = measure(tmp_path, edges=2, senders=10, rate=2000, burst=5, seconds=1.0)
    assert 0 < found.lines <= 2000
    assert set(found.costs) == set(MODEL)
    assert found.text > 100 * 2000
    assert "of 20 senders on both centres" in report(found, 20)


def test_the_model_stands_beside_what_was_measured() -> None:
    costs = dict.fromkeys(MODEL, 1.0)
    found = Measured(1e6, 10.0, 196_000_000, costs, [0.1, 0.3], {"edge": 50_000_000})
    said = report(found, 3000)
    assert "100,000 lines/s" in said
    assert "median 0.2 s, most 0.3 s" in said
    assert "| edge: sealing               |      1.0 |  13.8 |" in said
