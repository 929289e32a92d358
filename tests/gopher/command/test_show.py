"""What a person sees of menus and texts: everything that was there, and nothing that drives a terminal."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.command.show import TextOutput, show_json, show_menu, show_text
from logsrv.gopher.wire.errors import ServerError, Truncated
from logsrv.gopher.wire.itemtypes import AnswerKind
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.command.answers import UNSAFE, Answer

Show = Callable[[Iterable[bytes], TextOutput], None]
URL = GopherURL.parse("gopher://h/")


def shown(show: Show, *chunks: bytes, **how: Any) -> str:
    out = io.BytesIO()
    show(chunks, TextOutput(out, "utf-8", **how))
    return out.getvalue().decode()


def menu(links: bool = False) -> Show:
    return partial(show_menu, menu=URL, links=links)


def text(stuffed: bool = True) -> Show:
    return partial(show_text, stuffed=stuffed)


MENU = (
    b"iWelcome\t\tnull\t1\r\n0About\t/about\th\t70\r\n1Sub\t/sub\tother\t7070\r\n"
    b"hWeb\tURL:http://web.example/\th\t70\r\n9No port\t/x\th\t99999\r\n~odd\t/y\th\t70\r\n.\r\n"
)


def test_a_menu_has_numbers_and_kinds():
    assert shown(menu(), MENU).splitlines() == [
        "          Welcome",
        "   1 text About",
        "   2 menu Sub",
        "   3 link Web",
        "   4 file No port",
        "   5 ~    odd",
    ]


def test_links_are_shown_when_asked_for():
    assert [line.partition("  ")[2] for line in shown(menu(links=True), MENU).splitlines()[1:]] == [
        " 1 text About  <gopher://h/0/about>",
        " 2 menu Sub  <gopher://other:7070/1/sub>",
        " 3 link Web  <http://web.example/>",
        " 4 file No port  cannot be followed",
        " 5 ~    odd  <gopher://h/~/y>",
    ]


def test_colours_of_the_server_are_kept_where_colours_are_wanted():
    """But nothing else that begins like them, and they end where the text does."""
    art = b"\x1b[1;31mred\x1b[34m blue\x1b[2J\x1b]0;x\a\n"
    escaped = "\\x1b[2J\\x1b]0;x\\x07"
    assert shown(text(), art, colours=True) == f"\x1b[1;31mred\x1b[34m blue{escaped}\n\x1b[0m"
    assert shown(text(), art) == f"\\x1b[1;31mred\\x1b[34m blue{escaped}\n"
    assert shown(text(), b"\x1b[31mred\n", b"too", colours=True) == "\x1b[31mred\ntoo\x1b[0m"
    line = shown(menu(), b"i" + art.strip() + b"\t\t\t1\r\n", colours=True)
    assert line == f"          \x1b[1;31mred\x1b[34m blue{escaped}\x1b[0m\n"


def test_colours_only_when_asked_for():
    assert "\x1b" not in shown(menu(links=True), MENU)
    coloured = shown(menu(links=True), MENU, colours=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == shown(menu(links=True), MENU)


@given(
    st.sampled_from([menu(links=True), text(), text(stuffed=False)]),
    st.lists(st.binary(max_size=60)),
)
def test_no_answer_drives_the_terminal(show, chunks):
    assert not UNSAFE.search(shown(show, *chunks, terminal=True))


def test_escape_sequences_are_shown_as_what_they_are():
    evil = b"\x1b]52;c;Y2F0\a\xc2\x9b31m\xe2\x80\xae"
    assert shown(text(), evil) == "\\x1b]52;c;Y2F0\\x07\\x9b31m\\u202e"
    line = shown(menu(links=True), b"0" + evil + b"\t/\x1b[2J\th\t70\r\n")
    assert line == "   1 text \\x1b]52;c;Y2F0\\x07\\x9b31m\\u202e  <gopher://h/0/%1B[2J>\n".replace(
        "[2J", "%5B2J"
    )


def test_an_encoding_without_the_character_gets_an_escape_instead():
    """In Latin-1 the bytes of UTF-8 would be C1 controls."""
    out = io.BytesIO()
    show_text(["é › \n".encode()], TextOutput(out, "latin-1"), stuffed=True)
    assert out.getvalue() == b"\xe9 \\u203a \n"


@given(st.lists(st.sampled_from([b"a", "é".encode(), b"\xe9", b"\r", b"\n", b".", b"\r\n.\r\n"])))
def test_where_the_network_cuts_a_text_is_not_seen(pieces):
    assert shown(text(), *pieces) == shown(text(), b"".join(pieces))


def test_a_text_loses_its_terminator_only():
    assert shown(text(), b"a\r\n..b\r\n.\r\n") == "a\n.b\n"
    assert shown(text(), b"a\n.\nb\n") == "a\n.\nb\n"
    assert shown(text(stuffed=False), b"a\n.\n") == "a\n.\n"


def test_a_terminal_gets_the_newline_that_a_text_lacks():
    assert shown(text(), b"a", terminal=True) == "a\n"
    assert shown(text(), b"a") == "a"
    assert shown(text(), b"", terminal=True) == ""


@given(st.sampled_from(["x", "é", "€", "😀"]), st.integers(65530, 65545))
def test_a_line_without_end_is_shown_in_pieces_without_a_broken_character(character, size):
    data = character.encode() * size
    out = io.BytesIO()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(data), 65536):
            yield data[at : at + 65536]
        assert len(data) - len(out.getvalue()) <= 65536, "memory stays small"

    show_text(pieces(), TextOutput(out, "utf-8"), stuffed=True)
    assert out.getvalue() == data


def test_a_charset_is_for_texts_and_menus():
    assert shown(text(), b"\xe1\n", charset="cp437") == "ß\n"
    assert shown(menu(), b"0\xe1\tx\th\t70\r\n", charset="cp437") == "   1 text ß\n"


def test_what_came_before_an_error_is_shown():
    def breaks_off(data: bytes) -> Iterator[bytes]:
        yield data
        raise KeyboardInterrupt

    for show, data in ((menu(), b"0About\t/about\th\t70"), (text(), b"half")):
        out = io.BytesIO()
        with pytest.raises(KeyboardInterrupt):
            show(breaks_off(data), TextOutput(out, "utf-8"))
        assert out.getvalue() in (b"   1 text About\n", b"half")


PLACE = GopherURL.parse("gopher://h/1/x")


def answer(
    kind: AnswerKind, *chunks: bytes, error: Exception | None = None, stuffed: bool = True
) -> Any:
    out = io.BytesIO()
    with nullcontext() if error is None else pytest.raises(type(error)):
        show_json(lambda: Answer(chunks, error, stuffed), PLACE, kind, out)
    written = out.getvalue()
    assert written.endswith(b"\n") and written.count(b"\n") == 1
    assert all(0x20 <= byte < 0x7F for byte in written[:-1]), "safe on any terminal"
    return json.loads(written)


def test_a_menu_as_json_has_all_fields_of_its_items():
    item = b"1\xe9\t/\xff\xc3\xa9\th\t7070\t+\r\n"
    assert answer("menu", item + b"iplain\r\n.\r\n") == {
        "url": "gopher://h/1/x",
        "kind": "menu",
        "terminated": True,
        "items": [
            {
                "type": "1",
                "display": "é",
                "selector": "/ÿÃ©",
                "selector_hex": "2fffc3a9",
                "host": "h",
                "port": 7070,
                "plus": "+",
                "url": "gopher://h:7070/1/%FF%C3%A9",
            },
            {
                "type": "i",
                "display": "plain",
                "selector": "",
                "host": "",
                "port": None,
                "plus": "",
                "url": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("stuffed", "terminated", "text"), [(True, True, "a\n.b\n"), (False, False, "a\n..b\n.\n")]
)
def test_a_text_as_json_has_no_stuffed_dots(stuffed, terminated, text):
    found = answer("text", b"a\r\n..b\r\n.\r\n", stuffed=stuffed)
    assert found == {
        "url": "gopher://h/1/x",
        "kind": "text",
        "terminated": terminated,
        "text": text,
    }


def test_a_binary_is_its_size_and_digest():
    found = answer("binary", b"\0" * 10, b"\1")
    assert (found["kind"], found["bytes"]) == ("binary", 11)
    assert found["sha256"] == hashlib.sha256(b"\0" * 10 + b"\1").hexdigest()


def test_an_error_as_json_comes_with_the_part_before_it():
    assert answer("menu", error=ServerError("gone \x1b[2J")) == {
        "url": "gopher://h/1/x",
        "kind": "error",
        "terminated": False,
        "error": {
            "code": "server-error",
            "message": "the server answers with an error: gone \\x1b[2J",
        },
    }
    broken = answer("text", b"half", error=Truncated("h:70", 4, "reset"))
    assert (broken["kind"], broken["text"], broken["error"]["code"]) == (
        "error",
        "half",
        "truncated",
    )
    assert answer("menu", b"1a", error=Truncated("h:70", 2, "reset"))["items"][0]["display"] == "1a"


@given(st.sampled_from(["menu", "text"]), st.binary(max_size=100))
def test_any_bytes_make_an_object(kind, data):
    assert answer(kind, data)["kind"] == kind
