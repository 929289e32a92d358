"""One name in many lines of `key=value`: read where it is plain what it is, handed back where not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.logfmt import parse_logfmt
from logsrv.linelog.fields.pairs import PairReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import Value

STAMP = b"2026-11-20T06:18:42.123456Z user=@tcp:10.0.0.1:51234 "


def read(message: bytes) -> tuple[Value | None, bool]:
    """Return the value of `user` in a message, and whether the line needs a closer look."""
    stamps = StampedLines(STAMP + b"first\n" + STAMP + message + b"\n")
    pairs = PairReader("user")
    column: list[Value | None] = [None, None]
    others = pairs.read_into(stamps, *pairs.pair_places(stamps), column)
    assert column[0] is None
    return column[1], others == [1]


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (b"user=bob a=1", "bob"),
        (b"a=1 user=bob", "bob"),
        (b'a=1 msg="a user b" user="b c"', "b c"),
        (b"logged in: id=5\tuser= ", ""),
        (b"a=1 user=b=c", "b=c"),
        (b"a=1 superuser=bob", None),
    ],
)
def test_unambiguous_pairs_are_read_without_a_record(message, value):
    assert read(message) == (value, False)


@pytest.mark.parametrize(
    "message",
    [
        b"user=bob",
        b'msg="a user=bob b=1"',
        b'"a b=" user=bob c=1"',
        b"a=1 user=bob user=eve",
        b'a=1 user="b\\"c"',
        b'a=1 user="bob',
        b"a=1 [x] user=bob",
    ],
)
def test_others_need_a_closer_look(message):
    assert read(message) == (None, True)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b"a=1 b=two", {"a": "1", "b": "two"}),
        (b'login failed user=bob why="no such user" x', {"user": "bob", "why": "no such user"}),
        (b'a="x \\"y\\" \\\\ \\n \\u00e9" b=', {"a": 'x "y" \\ \n é', "b": ""}),
        (b'a="" b=1', {"a": "", "b": "1"}),
        (b"a=1 a=2", {"a": "2"}),
        (b"a.b-c@d=1 _x=2=3", {"a.b-c@d": "1", "_x": "2=3"}),
        (b'a=1, b="x y", c=2,', {"a": "1", "b": "x y", "c": "2"}),
        (b"a=1,2 b=,", {"a": "1,2", "b": ""}),
        (b"a=1", None),
        (b"a = 1 b = 2", None),
        (b'a="open b', None),
        (b"http://x/?a=1 http://x/?b=2", None),
    ],
)
def test_two_or_more_pairs_are_read_as_logfmt(text, fields):
    assert parse_logfmt(text.decode()) == fields


_KEYS = st.from_regex(r"[A-Za-z_@][A-Za-z0-9_.@-]{0,5}", fullmatch=True)


@given(st.dictionaries(_KEYS, st.text(st.characters(exclude_categories=["Cc", "Cs"])), min_size=2))
def test_quoted_values_come_back_unescaped(fields):
    quoted = {key: text.replace("\\", "\\\\").replace('"', '\\"') for key, text in fields.items()}
    line = " ".join(f'{key}="{text}"' for key, text in quoted.items())
    assert parse_logfmt(line) == fields
