"""The faults of peers, in a sentence that names the peer, and the mistakes of authors."""

from __future__ import annotations

import warnings

import pytest

from logsrv.kit import EndOfStream, PeerError, PeerGone, PeerTimeout
from logsrv.kit.protocols.connection.faults import bytes_of, check_text, mistaken


def test_an_end_that_came_too_early_says_how_much_there_was_and_has_it() -> None:
    error = EndOfStream("tcp:10.0.0.1:1", "8 bytes", b"abc")
    assert str(error) == "tcp:10.0.0.1:1 ended after 3 bytes of 8 bytes"
    assert error.partial == b"abc"


def test_a_time_out_is_caught_as_any_other() -> None:
    with pytest.raises(TimeoutError, match=r"^tcp:10.0.0.1:1 sent nothing in time$"):
        raise PeerTimeout("tcp:10.0.0.1:1")


def test_all_are_the_peers_fault() -> None:
    assert all(issubclass(kind, PeerError) for kind in (PeerGone, EndOfStream, PeerTimeout))


def test_long_values_are_cut() -> None:
    assert mistaken("x" * 1000) == "'" + "x" * 59


def test_a_coroutine_that_nobody_awaited_is_said_once() -> None:
    async def fetched() -> str:
        return ""

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sentence = mistaken(fetched())
    assert sentence.endswith("fetched: `await` it first")


def test_text_and_bytes_are_not_mixed_up() -> None:
    check_text("text", "send_line")
    with pytest.raises(TypeError, match=r"^send_line takes str, not b'x'$"):
        check_text(b"x", "send_line")
    assert bytes_of(memoryview(b"x")) == b"x"
    with pytest.raises(TypeError, match=r"^write takes bytes, not 'x'$"):
        bytes_of("x")
