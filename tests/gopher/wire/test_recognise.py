"""Errors and other protocols are told from content, and content is never taken for them."""

from __future__ import annotations

import pytest

from logsrv.gopher.wire.recognise import error_line, may_be_other_protocol, other_protocol


@pytest.mark.parametrize(
    ("start", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"HTTP/1.0 200 OK\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x01\0\x02\x02\x46", "TLS"),
    ],
)
def test_other_protocols_are_named(start: bytes, protocol: str) -> None:
    error = other_protocol(start)
    assert error is not None and error.protocol == protocol
    assert all(
        may_be_other_protocol(start[:size]) or other_protocol(start[:size]) for size in range(14)
    )


@pytest.mark.parametrize(
    "start", [b"HTTP is a protocol", b"HTTP/1.1 is old", b"SSHd", b"\x15", b"", b"0"]
)
def test_texts_about_them_are_texts(start: bytes) -> None:
    assert other_protocol(start) is None


NO_SUCH = b"3'/x' does not exist\t\terror.host\t1\r\n"
FOOTER = b"i____\t\tnull.host\t1\r\niserved by\t\tnull.host\t1\r\n"


@pytest.mark.parametrize("menu", [True, False])
@pytest.mark.parametrize(
    "answer", [NO_SUCH, NO_SUCH + FOOTER, NO_SUCH + FOOTER + b".\r\n", NO_SUCH[:-2]]
)
def test_an_error_is_an_error_wherever_it_comes(answer: bytes, menu: bool) -> None:
    assert error_line(answer, menu=menu, closed=True) == NO_SUCH[:-2]
    for size in range(1, len(answer)):
        assert error_line(answer[:size], menu=menu, closed=False) in (b"", NO_SUCH[:-2])


@pytest.mark.parametrize("menu", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        NO_SUCH + b"1but here\t/\th\t70\r\n",
        b"3 is a number\r\n",
        b"3\r\n",
        b"",
        b".\r\n",
        b"i" + NO_SUCH + NO_SUCH,
        NO_SUCH + FOOTER * 100,
    ],
)
def test_content_is_not_taken_for_an_error(answer: bytes, menu: bool) -> None:
    """A menu with one error in it is still a menu, and a list of numbers a text."""
    assert error_line(answer, menu=menu, closed=True) is None


def test_a_table_that_begins_with_a_three_is_a_text() -> None:
    assert error_line(b"3.5\t1\t2\n3.6\t1\t2\n", menu=False, closed=True) is None
