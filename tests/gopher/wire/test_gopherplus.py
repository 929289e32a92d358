"""Gopher+ is understood where it is spoken."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.gopherplus import (
    AlternateView,
    Attributes,
    PlusHeader,
    form_request,
    may_become_header,
    parse_attributes,
    parse_error,
    parse_header,
)
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

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
def test_a_plus_header_is_read_or_absent(
    start: bytes, header: tuple[PlusHeader, int] | None
) -> None:
    assert parse_header(start) == header


@given(
    st.sampled_from([b"+34\r\n", b"+-1\r\n", b"--2\n", b"+123456789012345\r\n"]), st.integers(0, 20)
)
def test_a_header_is_waited_for_at_every_split(header: bytes, length: int) -> None:
    start = header[:length]
    assert parse_header(start) is not None or may_become_header(start)


def test_a_text_that_only_begins_like_a_header_is_not_held_back() -> None:
    for start in (b"+x", b"+1 for that", b"--- title", b"+1234567890123456"):
        assert not may_become_header(start)


def test_errors_say_what_the_server_says() -> None:
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


def test_attributes_of_a_real_server() -> None:
    body = (PYGOPHERD / "gplus_attr.bin").read_bytes().removeprefix(b"+-2\r\n")
    (found,) = parse_attributes(body)
    assert found.item == MenuItem("0", b"hello.txt", b"/hello.txt", b"127.0.0.1", 7072, b"+")
    assert found.block("ADMIN")[0].startswith(b"Admin: Unconfigured")
    assert found.views == (AlternateView(b"text/plain", b"", b"0k"),)


def test_attributes_of_a_menu() -> None:
    body = (
        b"+INFO: 0a\t/a\th\t70\t+\n+VIEWS:\n text/plain En_US: <10k>\n image/gif\n junk :\n"
        b"+INFO: 1b\t/b\th\t70\t+\r\n+abstract: short\r\n long\r\nnot indented\r\n.\r\n"
    )
    first, second = parse_attributes(body)
    assert first.views == (AlternateView(b"text/plain", b"En_US", b"10k"), AlternateView(b"junk"))
    assert second.block("ABSTRACT") == (b"short", b"long", b"not indented")
    assert second.block("ASK") == ()


def test_attributes_without_an_item_are_kept() -> None:
    (found,) = parse_attributes(b"+ADMIN:\r\n Admin: me\r\n")
    assert (found.item, found.block("ADMIN")) == (None, (b"Admin: me",))


@given(
    st.binary()
    | st.lists(st.sampled_from([b"+", b"INFO:", b" ", b"\n", b"\t", b"x"])).map(b"".join)
)
def test_no_attributes_break_the_parser(body: bytes) -> None:
    for found in parse_attributes(body):
        assert isinstance(found, Attributes)
        assert len(found.views) <= len(found.block("VIEWS"))


def test_a_form_is_sent_as_a_stuffed_text() -> None:
    url = GopherURL.parse("gopher://h/0/form%09%09+")
    assert form_request(url, [b"Joe", b".", b"two\nlines"]) == (
        b"/form\t+\t1\r\n+-1\r\nJoe\r\n..\r\ntwo\r\nlines\r\n.\r\n"
    )
    with pytest.raises(BadURL, match="neither CR nor NUL"):
        form_request(url, [b"a\r\n.\r\n/other"])
    with pytest.raises(BadURL, match="neither CR nor NUL"):
        form_request(url, [b"a\0"])


@pytest.mark.parametrize(("plus", "sent"), [("", b"+"), ("%09%09+text/plain", b"+text/plain")])
def test_a_form_asks_for_the_view_of_its_url_or_for_any(plus: str, sent: bytes) -> None:
    url = GopherURL.parse(f"gopher://h/0form{plus}")
    assert form_request(url, []) == b"form\t" + sent + b"\t1\r\n+-1\r\n.\r\n"
