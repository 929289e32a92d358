"""Events wait in order, with an account of those that did not fit."""

from __future__ import annotations

from logsrv.linelog.http.searching.events import missed_event
from logsrv.linelog.http.viewing.outbox import Outbox


def test_order() -> None:
    box = Outbox(3)
    assert box.add(b"ab", 2) == 0
    box.leave_out(0)
    box.leave_out(2)
    box.leave_out(3)
    assert box.add(b"c", 1) == 0
    assert box.add(b"(gone)", 0) == 0
    assert box.add(b"d", 1) == 1
    assert box.take(100) == b"ab" + missed_event(5) + b"c(gone)" + missed_event(1)
    assert box.add(b"efg", 3) == 0 and box.take(100) == b"efg" and box.take(100) == b""


def test_pieces() -> None:
    """About as much as is asked for, and at least one piece, however long."""
    box = Outbox(9)
    for data in (b"x" * 100, b"y", b"z" * 100):
        box.add(data, 1)
    assert box.take(1) == b"x" * 100
    assert box.take(50) == b"y" + b"z" * 100
