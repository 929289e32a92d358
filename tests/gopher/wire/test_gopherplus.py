"""Gopher+ is understood where it is spoken."""

from pathlib import Path

import pytest

from logsrv.gopher.wire.gopherplus import PlusHeader, may_become_header, parse_error, parse_header

PYGOPHERD = Path(__file__).parents[2] / "corpus" / "gopher" / "pygopherd"


@pytest.mark.parametrize(
    ("start", "header"),
    [
        (b"+34\r\nHello", (PlusHeader(False, 34), 5)),
        (b"+-1\r\n", (PlusHeader(False, -1), 5)),
        (b"+-2\nHello", (PlusHeader(False, -2), 4)),
        (b"--2\r\n1 Admin", (PlusHeader(True, -2), 5)),
        (b"-12\r\n", (PlusHeader(True, 12), 5)),
        (b"+-3\r\n", None),
        (b"+ 34\r\n", None),
        (b"++\r\n", None),
        (b"Hello", None),
    ],
)
def test_a_plus_header_is_read_or_absent(start, header):
    assert parse_header(start) == header


def test_a_text_that_only_begins_like_a_header_is_not_held_back():
    for start in (b"+x", b"+1 for that", b"--- title", b"+1234567890123456"):
        assert not may_become_header(start)


def test_errors_say_what_the_server_says():
    body = (PYGOPHERD / "gplus_missing.bin").read_bytes().removeprefix(b"--2\r\n")
    error = parse_error(body)
    assert error.number == 1
    assert str(error).endswith("'/nope.txt' does not exist (no handler found)")
    assert parse_error(b"1 Only one line\r\n").message == "Only one line"
    for nothing_more in (b".\r\n", b" \t\r\n", b"\r\n.\r\n"):
        assert parse_error(b"2 Admin\r\n" + nothing_more).message == "Admin"
    assert parse_error(b"no number\r\n").number is None
    assert "does not say" in str(parse_error(b""))
    assert "\\x1b[2J" in str(parse_error(b"2 x\n\x1b[2J"))
