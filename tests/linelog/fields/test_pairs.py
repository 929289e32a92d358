"""Lines of `key=value`: what is a pair, and what its value is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.logfmt import parse_logfmt


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
