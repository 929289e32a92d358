"""What daemon and process say to each other arrives as it was meant, wherever the pipe cuts it."""

from __future__ import annotations

import json

from logsrv.kit.testing import every_split
from logsrv.linelog.http.viewing.talk import Handed, HandedReader, handed_bytes, order_line


def test_an_order_is_one_line() -> None:
    order: list[str | int] = ["join", 1, 'a "ü"\n', "3:4"]
    line = order_line(*order)
    assert line.index(b"\n") == len(line) - 1 and json.loads(line) == order


def test_what_is_handed_out() -> None:
    sent = [Handed((1, 2), b"[1]\n\n{", 2, 5), Handed((3,), live=True), Handed((), b"\n")]
    for pieces in every_split(b"".join(map(handed_bytes, sent))):
        reader = HandedReader()
        assert [handed for piece in pieces for handed in reader.receive(piece)] == sent
