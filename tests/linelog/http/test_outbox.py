"""Events wait in order, with an account of those that did not fit."""

from __future__ import annotations

from types import SimpleNamespace

from logsrv.linelog.http.events import missed_event
from logsrv.linelog.http.outbox import Outbox


def event(text: bytes) -> SimpleNamespace:
    return SimpleNamespace(data=text)


def test_order() -> None:
    box = Outbox(5)
    box.add([event(b"a"), event(b"b")])
    box.leave_out(0)
    box.leave_out(2)
    box.leave_out(3)
    box.add([event(b"c")])
    box.tell(b"(gone)")
    assert box.room == 0
    assert box.take(100) == b"ab" + missed_event(5) + b"c(gone)"
    assert box.room == 5 and box.take(100) == b""


def test_pieces() -> None:
    """About as much as is asked for, and at least one event, however long."""
    box = Outbox(9)
    box.add([event(b"x" * 100), event(b"y"), event(b"z" * 100)])
    assert box.take(1) == b"x" * 100
    assert box.take(50) == b"y" + b"z" * 100
