"""The faults of peers: a sentence that names the peer, and what one may go by."""

from __future__ import annotations

import pytest

from logsrv.kit import EndOfStream, PeerError, PeerGone, PeerTimeout


def test_an_end_that_came_too_early_says_how_much_there_was_and_has_it() -> None:
    error = EndOfStream("tcp:10.0.0.1:1", "8 bytes", b"abc")
    assert str(error) == "tcp:10.0.0.1:1 ended after 3 bytes of 8 bytes"
    assert error.partial == b"abc"


def test_a_time_out_is_caught_as_any_other() -> None:
    with pytest.raises(TimeoutError, match=r"^tcp:10.0.0.1:1 sent nothing in time$"):
        raise PeerTimeout("tcp:10.0.0.1:1")


def test_all_are_the_peers_fault() -> None:
    assert all(issubclass(kind, PeerError) for kind in (PeerGone, EndOfStream, PeerTimeout))
