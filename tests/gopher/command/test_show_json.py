"""Scripts get one JSON object of a fixed shape, whatever a server sends."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.command.show_json import show_json
from logsrv.gopher.wire.errors import ServerError, Truncated
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.command.answers import Answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.wire.itemtypes import AnswerKind

URL = GopherURL.parse("gopher://h/1/x")


def answer(
    kind: AnswerKind, *chunks: bytes, error: Exception | None = None, stuffed: bool = True
) -> Any:
    out = io.BytesIO()
    with nullcontext() if error is None else pytest.raises(type(error)):
        show_json(lambda: Answer(chunks, error, stuffed), URL, kind, out)
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
