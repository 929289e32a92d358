"""What the process of the live views hands out arrives as it was meant."""

from __future__ import annotations

import pytest

from logsrv.linelog.http.viewing.view_protocol import ViewEvents, decode_events, encode_events


@pytest.mark.parametrize(
    "handed",
    [ViewEvents((1, 2), b"[1]\n\n{", 2, 5), ViewEvents((3,), live=True), ViewEvents((), b"\n")],
)
def test_events_are_encoded_and_decoded(handed: ViewEvents) -> None:
    assert decode_events(encode_events(handed)) == handed
