"""What an author is told who gave the wrong thing."""

from __future__ import annotations

import warnings

import pytest

from logsrv.kit.protocols.connection.faults import bytes_of, check_text, mistaken


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
