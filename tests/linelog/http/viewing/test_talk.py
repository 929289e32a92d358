"""What the process of the live views hands out arrives as it was meant."""

from __future__ import annotations

import pytest

from logsrv.linelog.http.viewing.talk import Handed, handed_bytes, read_handed


@pytest.mark.parametrize(
    "handed",
    [Handed((1, 2), b"[1]\n\n{", 2, 5), Handed((3,), live=True), Handed((), b"\n")],
)
def test_what_is_handed_out(handed: Handed) -> None:
    assert read_handed(handed_bytes(handed)) == handed
