"""What daemon and process say to each other arrives as it was meant, wherever the pipe cuts it."""

from __future__ import annotations

import pytest

from logsrv.kit.testing import every_split
from logsrv.linelog.http.viewing.talk import (
    Handed,
    HandedReader,
    Join,
    Leave,
    More,
    Order,
    handed_bytes,
    order_line,
    read_order,
)
from logsrv.linelog.store.segments.segment import Position


@pytest.mark.parametrize("order", [Join(1, 'a "ü"\n', Position(3, 4)), More(2), Leave(3)])
def test_orders(order: Order) -> None:
    line = order_line(order)
    assert line.index(b"\n") == len(line) - 1 and read_order(line[:-1]) == order


def test_what_is_handed_out() -> None:
    sent = [Handed((1, 2), b"[1]\n\n{", 2, 5), Handed((3,), live=True), Handed((), b"\n")]
    for pieces in every_split(b"".join(map(handed_bytes, sent))):
        reader = HandedReader()
        assert [handed for piece in pieces for handed in reader.receive(piece)] == sent
