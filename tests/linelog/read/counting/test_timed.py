"""Lines are counted by time and level, few as many."""

from __future__ import annotations

import pytest

from logsrv.linelog.read.counting import timed as module
from logsrv.linelog.read.counting.timed import timed
from tests.linelog.read.stores import line

TEXT = line("ERROR x") + line("x", 0.5) + line("ERROR y", 0.7) + line("<15>z", 1)


@pytest.mark.parametrize("small", [0, 1 << 20])
def test_it_is_the_same_by_arrays(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", small)
    first, second = b"2026-11-20T06:00:00", b"2026-11-20T06:00:01"
    assert timed(TEXT, 19, levels=True) == {
        (first, "error"): 2,
        (first, None): 1,
        (second, "debug"): 1,
    }
    assert timed(TEXT, 19, levels=False) == {(first, None): 3, (second, None): 1}
    assert len(timed(TEXT, 26, levels=False)) == 4
    assert timed(TEXT, 0, levels=True) == {(b"", "error"): 2, (b"", None): 1, (b"", "debug"): 1}


def test_no_lines() -> None:
    assert timed(b"", 19, levels=True) == {}
