"""The benchmark of patterns makes its store, finds what it planted, and says what it took."""

from __future__ import annotations

import pytest

from bench.patterns import FORMATS, main, stored_lines


@pytest.mark.long
@pytest.mark.nightly
def test_both_planted_messages_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--lines", "20000", "--runs", "1"])
    said = capsys.readouterr().out
    assert "new: 2 of the 2 planted, 0 others" in said
    assert "CPU for a million lines: " in said and "peak memory: " in said


def test_the_same_lines_of_twelve_formats_each_time() -> None:
    assert len(FORMATS) == 12
    lines = list(stored_lines(2000))
    assert lines == list(stored_lines(2000))
    assert sum(b"ledger" in line or b"coupon" in line for line in lines) == 2
